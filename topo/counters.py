"""The kernel's protocol counters of a namespace, as nstat(8) names them."""

from __future__ import annotations

from pathlib import Path

from topo import namespaces

ERRORS = (
    *("TcpInCsumErrors", "UdpInCsumErrors", "IpInHdrErrors", "IpExtInCsumErrors", "IcmpInCsumErrors"),
    *("Udp6InCsumErrors", "Ip6InHdrErrors", "Icmp6InCsumErrors"),
)
"""Counters that only damaged packets raise. Those a kernel does not have are left out."""


def read(namespace: str) -> dict[str, int]:
    """Every counter of /proc/net/snmp, snmp6 and netstat, such as ``TcpInCsumErrors`` (of both families)."""
    values: dict[str, int] = {}
    with namespaces.inside(namespace):
        text = "".join(Path(f"/proc/thread-self/net/{name}").read_text() for name in ("snmp", "netstat"))
        of_v6 = Path("/proc/thread-self/net/snmp6")
        for line in of_v6.read_text().splitlines() if of_v6.exists() else ():
            name, number = line.split()
            values[name] = int(number)
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
