"""TOA read in the kernel: sock_ops takes it from the handshake, cgroup hooks tell it to accept() and getpeername().

``programs`` writes the programs, ``bpf`` knows the system call, ``attach`` puts them on a cgroup. Needs no compiler.
"""
