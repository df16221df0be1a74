"""An ordinary server that knows nothing of TOA: it tells every client what accept() and getpeername() said.

    python server.py MODE HOST PORT [HOST PORT ...]
    python server.py inherited FD

Standard library only; runs with libtoa_preload in LD_PRELOAD or without. Prints "ready" when it accepts.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
ACCEPT4 = {"x86_64": 288, "aarch64": 242, "riscv64": 242}


def tell(connection: socket.socket, **said: Any) -> None:
    connection.sendall(json.dumps(said).encode() + b"\n")


def listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((host, port))
    sock.listen(128)
    return sock


def plain(sock: socket.socket) -> None:
    """Blocking accept, everything asked in every way, also of duplicates, in a thread and in a child."""
    connection, address = sock.accept()
    with connection, connection.dup() as duplicate:
        said: dict[str, Any] = {"accept": address, "getpeername": connection.getpeername()}
        said["dup"] = duplicate.getpeername()
        asked: list[Any] = []
        thread = threading.Thread(target=lambda: asked.append(connection.getpeername()))
        thread.start()
        thread.join()
        said["thread"] = asked[0]
        if os.fork() == 0:
            tell(connection, **said, child=connection.getpeername(), fd=connection.fileno())
            os._exit(0)
        os.wait()


def epoll(sock: socket.socket) -> None:
    sock.setblocking(False)
    poller = select.epoll()
    poller.register(sock, select.EPOLLIN)
    while True:
        poller.poll()
        try:
            connection, address = sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            continue
        with connection:
            tell(connection, accept=address, getpeername=connection.getpeername())


def prefork(sock: socket.socket) -> None:
    """Two children accept; the parent does not."""
    for _ in range(2):
        if os.fork() == 0:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            while True:
                connection, address = sock.accept()
                with connection:
                    tell(connection, accept=address, getpeername=connection.getpeername(), pid=os.getpid())
    os.wait()


def bare(sock: socket.socket) -> None:
    """accept() without room for an address, then getpeername() with too little room, errno watched."""
    ctypes.set_errno(77)
    fd = LIBC.accept(sock.fileno(), None, None)
    after_accept = ctypes.get_errno()
    short, size = ctypes.create_string_buffer(b"\xee" * 16, 16), ctypes.c_uint(8)
    LIBC.getpeername(fd, short, ctypes.byref(size))
    with socket.socket(fileno=fd) as connection:
        said = {"getpeername": connection.getpeername(), "short": short.raw.hex(), "size": size.value}
        tell(connection, **said, errno=[after_accept, ctypes.get_errno()])


def second(sock: socket.socket) -> None:
    """The first connection's descriptor is closed and used again by a socket that was not accepted by accept()."""
    first, address = sock.accept()
    number = first.fileno()
    tell(first, accept=address)
    first.close()
    # A system call of its own, as Go and io_uring make it: the library does not see it.
    fd = LIBC.syscall(ACCEPT4[os.uname().machine], sock.fileno(), None, None, 0)
    with socket.socket(fileno=fd) as connection:
        tell(connection, getpeername=connection.getpeername(), reused=fd == number)


def inherited(fd: int) -> None:
    """Accept on a descriptor that somebody else has bound and listens on."""
    sock = socket.socket(fileno=fd)
    print("ready", flush=True)
    while True:
        plain(sock)


def main() -> None:
    mode, *where = sys.argv[1:]
    if mode == "inherited":
        inherited(int(where[0]))
    socks = [listener(host, int(port)) for host, port in zip(where[::2], where[1::2], strict=True)]
    print("ready", flush=True)
    serve = {"plain": plain, "epoll": epoll, "prefork": prefork, "bare": bare, "second": second}[mode]

    def forever(sock: socket.socket) -> None:
        while True:
            serve(sock)

    if len(socks) == 1:
        forever(socks[0])
    for sock in socks:
        threading.Thread(target=forever, args=(sock,)).start()


if __name__ == "__main__":
    main()
