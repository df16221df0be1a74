"""Which packets are of a service by match: what a firewall mark of LVS stands for, in words like those of DPVS's option
--match."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from fullnat.net.flow import Address, Flow
from fullnat.net.vlan import VLANS, interface_number, interface_word, without_priority

Network = IPv4Network | IPv6Network
Ports = tuple[int, int]
"""The first and the last."""
ALL_PORTS: Ports = (0, 65535)
MOST_ADDRESSES = 256
"""Of one destination: the switch has an entry for each, and answers ARP for it."""
LAST_PORT = 510
"""Of the switch."""
MOST = 256
"""Rules of a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One rule; a packet is of the service that has one of its rules."""

    dst: Network
    """Of at most :data:`MOST_ADDRESSES` addresses, which are virtual ones by that; of SNAT what hosts inside ask
    for."""
    dport: Ports = ALL_PORTS
    src: Network | None = None
    """None: all clients."""
    sport: Ports = ALL_PORTS
    iif: int | None = None
    """The interface that it comes in by, as its number (:mod:`fullnat.net.vlan`); None: any."""
    oif: int | None = None
    """Of SNAT the one that it leaves by; None: any."""

    def __str__(self) -> str:
        return ",".join(f"{name}={text}" for name, text in self._said())

    def _said(self) -> Iterator[tuple[str, str]]:
        if self.dst.prefixlen or self.src is None:
            yield "dst", _network_text(self.dst)
        for name, ports in (("dport", self.dport), ("sport", self.sport)):
            if ports != ALL_PORTS:
                yield name, str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
        if self.src is not None:
            yield "src", _network_text(self.src)
        for name, number in (("iif", self.iif), ("oif", self.oif)):
            if number is not None:
                yield name, interface_word(number)

    def addresses(self) -> Iterator[Address]:
        """The virtual addresses."""
        first = int(self.dst.network_address)
        size = self.dst.max_prefixlen // 8
        for number in range(first, first + self.dst.num_addresses):
            yield Address(number.to_bytes(size, "big"))

    def leads_out(self, flow: Flow, iif: int | None, oif: int | None) -> bool:
        """Whether ``flow`` is of this rule of SNAT; None is an unknown interface."""
        if self.oif is not None and oif is not None and self.oif != oif:
            return False
        return self.has(flow, iif) and _is_in(self.dst, flow.dst.address)

    def has(self, flow: Flow, iif: int | None) -> bool:
        """Whether ``flow``, to one of the addresses, is of it; ``iif`` None is an unknown one."""
        (source, sport), (_, dport) = flow.src, flow.dst
        if not (self.dport[0] <= dport <= self.dport[1] and self.sport[0] <= sport <= self.sport[1]):
            return False
        if self.iif is not None and iif is not None and self.iif != without_priority(iif):
            return False
        return self.src is None or _is_in(self.src, source)


def _is_in(network: Network, address: Address) -> bool:
    """``address`` is of the family of ``network``."""
    shift = network.max_prefixlen - network.prefixlen
    return int.from_bytes(address, "big") >> shift == int(network.network_address) >> shift


def _network_text(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _network(text: str) -> Network:
    return ip_network(text)


def interface(text: str) -> int:
    """PORT, or PORT.VLAN."""
    port, dot, vlan = text.partition(".")
    return interface_number(_number(port, LAST_PORT), _number(vlan, VLANS[1]) if dot else 0)


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:9]) > most:
        raise ValueError(f"{text!r} is not a number up to {most}")
    return int(text)


def _ports(text: str) -> Ports:
    low, _, high = text.partition("-")
    ports = _number(low, ALL_PORTS[1]), _number(high or low, ALL_PORTS[1])
    if ports[0] > ports[1]:
        raise ValueError(f"{text} ends before it begins")
    return ports


_CONVERT: Mapping[str, Callable[[str], Any]] = {
    "dst": _network,
    "dport": _ports,
    "src": _network,
    "sport": _ports,
    "iif": interface,
    "oif": interface,
}


def parse(text: str) -> Match:
    """A rule in words: ``dst=203.0.113.80,dport=80-443,src=10.0.0.0/8,sport=1024-65535,iif=1,oif=2``, of which ``dst``
    or ``src`` has to be there: without ``dst`` it is of all destinations. Raises ValueError."""
    values: dict[str, Any] = {}
    for word in text.split(","):
        name, equals, value = word.strip().partition("=")
        if name not in _CONVERT or not equals:
            raise ValueError(f"{text!r}: {word!r} is not one of {', '.join(f'{each}=' for each in _CONVERT)}")
        if name in values:
            raise ValueError(f"{text!r}: {name} is there twice")
        try:
            values[name] = _CONVERT[name](value.strip())
        except ValueError as error:
            raise ValueError(f"{text!r}: {name}: {error}") from None
    if "dst" not in values and "src" in values:
        values["dst"] = _network("::/0" if values["src"].version == 6 else "0.0.0.0/0")
    if "dst" not in values:
        raise ValueError(f"{text!r}: dst is missing")
    found = Match(**values)
    if found.src is not None and found.src.version != found.dst.version:
        raise ValueError(f"{text!r}: src and dst are not of one family")
    return found
