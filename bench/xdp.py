"""XDP_REDIRECT as a forwarder: what the kernel's driver path does with packets that nobody looks at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fullnat_toa.ebpf import bpf
from fullnat_toa.ebpf.asm import R0, R1, R2, Assembler
from pyroute2 import IPRoute

from topo.netns import Network

_XDP = 6
"""Program type."""
_PASS, _REDIRECT = 2, 23
"""Verdict, and helper function."""


def unavailable() -> str | None:
    """Why there is no XDP here, or None when there is."""
    try:
        with _loaded(_pass()):
            return None
    except bpf.BpfError as error:
        return str(error).splitlines()[0]


def forward(network: Network) -> None:
    """Join sw1 and sw2. An interface takes redirected frames only when its peer has a program too, so both hosts get
    one that passes everything. Raises BpfError, NetlinkError."""
    switch = network.topology.switch
    with network.inside(switch), IPRoute() as ip:
        indices = [ip.link_lookup(ifname=name)[0] for name in ("sw1", "sw2")]
        for index, other in zip(indices, reversed(indices), strict=True):
            with _loaded(_redirect(other)) as program:
                _attach(ip, index, program)
    for host in network.topology.hosts:
        with network.inside(host.name), IPRoute() as ip, _loaded(_pass()) as program:
            _attach(ip, ip.link_lookup(ifname="eth0")[0], program)


def _attach(ip: IPRoute, index: int, program: int) -> None:
    """Until the interface goes."""
    ip.link("set", index=index, IFLA_XDP={"attrs": [("IFLA_XDP_FD", program)]})


@contextmanager
def _loaded(code: bytes) -> Iterator[int]:
    program = bpf.load("forward", _XDP, 0, code)
    try:
        yield program
    finally:
        os.close(program)


def _redirect(index: int) -> bytes:
    code = Assembler()
    code.set(R1, index)
    code.set(R2, 0)
    code.call(_REDIRECT)
    code.exit()
    return code.assemble()


def _pass() -> bytes:
    code = Assembler()
    code.set(R0, _PASS)
    code.exit()
    return code.assemble()
