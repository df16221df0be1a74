"""Put the programs on a cgroup, and take them off again. Raises BpfError, OSError."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from fullnat_toa.client import Trusted
from fullnat_toa.ebpf import bpf, programs

_NAMES = {
    bpf.ATTACH_SOCK_OPS: "toa_handshake",
    bpf.ATTACH_PEER_IPV4: "toa_peer4",
    bpf.ATTACH_PEER_IPV6: "toa_peer6",
}


@contextlib.contextmanager
def _directory(cgroup: Path) -> Iterator[int]:
    fd = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def attach(cgroup: Path, trusted: Trusted) -> None:
    """From now on, accept() and getpeername() tell the client on connections to sockets of ``cgroup`` and those below.

    Programs of an earlier call are replaced; connections that are open then are told by their real peers from there on.
    """
    with contextlib.ExitStack() as opened:
        directory = opened.enter_context(_directory(cgroup))

        def keep(fd: int) -> int:
            opened.callback(os.close, fd)
            return fd

        storage = keep(bpf.socket_storage(programs.VALUE_BYTES))
        codes = {
            bpf.ATTACH_SOCK_OPS: (bpf.SOCK_OPS, programs.handshake(storage, trusted.networks)),
            bpf.ATTACH_PEER_IPV4: (bpf.CGROUP_SOCK_ADDR, programs.peer_ipv4(storage)),
            bpf.ATTACH_PEER_IPV6: (bpf.CGROUP_SOCK_ADDR, programs.peer_ipv6(storage)),
        }
        loaded = {where: keep(bpf.load(_NAMES[where], kind, where, code)) for where, (kind, code) in codes.items()}
        _detach(directory)
        for where, program in loaded.items():
            bpf.attach(directory, program, where)


def detach(cgroup: Path) -> int:
    """Take our programs off; how many there were."""
    with _directory(cgroup) as directory:
        return _detach(directory)


def _detach(directory: int) -> int:
    count = 0
    for where, name in _NAMES.items():
        for found, program in bpf.attached(directory, where):
            try:
                if found == name:
                    bpf.detach(directory, program, where)
                    count += 1
            finally:
                os.close(program)
    return count
