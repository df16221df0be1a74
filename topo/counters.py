"""The kernel's protocol counters of a namespace, as nstat(8) names them."""

from __future__ import annotations

from pathlib import Path

from topo import namespaces

ERRORS = ("TcpInCsumErrors", "UdpInCsumErrors", "IpInHdrErrors", "IpExtInCsumErrors", "IcmpInCsumErrors")
"""Counters that only damaged packets raise. Those a kernel does not have are left out."""


def read(namespace: str) -> dict[str, int]:
    """Every counter of /proc/net/snmp and /proc/net/netstat, such as ``TcpInCsumErrors``."""
    values: dict[str, int] = {}
    with namespaces.inside(namespace):
        text = "".join(Path(f"/proc/thread-self/net/{name}").read_text() for name in ("snmp", "netstat"))
    lines = [line.split() for line in text.splitlines()]
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        prefix = names[0].rstrip(":")
        for name, number in zip(names[1:], numbers[1:], strict=True):
            values[prefix + name] = int(number)
    return values


def errors(namespace: str) -> dict[str, int]:
    """The counters of :data:`ERRORS` that are not zero."""
    counters = read(namespace)
    return {name: counters[name] for name in ERRORS if counters.get(name)}
