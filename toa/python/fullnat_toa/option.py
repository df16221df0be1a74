"""The TOA option in a SYN as the kernel's TCP_SAVED_SYN returns it: IP header and TCP header, without link layer.

Formats: 254/8 is an IPv4 client; 254/20 (DPVS) and 253/20 (LVS) an IPv6 client. Each is kind, length, port, address.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from fullnat_toa.errors import MalformedSyn

Ip = IPv4Address | IPv6Address

_TCP = 6
_EXTENSION_UNITS = {0: (8, 1), 43: (8, 1), 60: (8, 1), 51: (4, 2)}
"""IPv6 extension headers before TCP: the unit of their length field and what is added to it. 51 is AH."""
MAX_TCP_HEADER = 60


class Option(NamedTuple):
    """A TCP option: its kind, and its value without kind and length."""

    kind: int
    value: bytes


class Client(NamedTuple):
    """What a TOA option says."""

    address: Ip
    port: int


class Syn(NamedTuple):
    """The parts of a SYN that matter here."""

    options: tuple[Option, ...]
    header_length: int
    """Bytes of the TCP header."""

    @property
    def clients(self) -> tuple[Client, ...]:
        """What its TOA options say, in order. Only the first one is the balancer's."""
        return tuple(client for option in self.options if (client := decode(option)))


def decode(option: Option) -> Client | None:
    """The client in a TOA option; None for any other option."""
    length = 2 + len(option.value)
    if option.kind == 254 and length == 8:
        return Client(IPv4Address(option.value[2:]), struct.unpack_from("!H", option.value)[0])
    if option.kind in (253, 254) and length == 20:
        return Client(IPv6Address(option.value[2:]), struct.unpack_from("!H", option.value)[0])
    return None


def parse(syn: bytes) -> Syn:
    """Read a saved SYN. Raises MalformedSyn; options after a damaged one are left out, as receivers do."""
    start = _tcp_offset(syn)
    if start + 20 > len(syn):
        raise MalformedSyn(f"the saved SYN of {len(syn)} bytes has no whole TCP header")
    length = (syn[start + 12] >> 4) * 4
    if length < 20 or start + length > len(syn):
        raise MalformedSyn(f"the saved SYN claims a TCP header of {length} bytes and has {len(syn) - start}")
    return Syn(tuple(_options(syn[start + 20 : start + length])), length)


def _tcp_offset(syn: bytes) -> int:
    """Where the TCP header begins; the length when there is none."""
    version = syn[0] >> 4 if syn else 0
    if version == 4 and len(syn) >= 20:
        return (syn[0] & 15) * 4 if syn[9] == _TCP else len(syn)
    if version != 6 or len(syn) < 40:
        return len(syn)
    following, at = syn[6], 40
    while following != _TCP and at + 8 <= len(syn):
        if following not in _EXTENSION_UNITS:
            return len(syn)
        unit, added = _EXTENSION_UNITS[following]
        following, at = syn[at], at + (syn[at + 1] + added) * unit
    return at if following == _TCP else len(syn)


def _options(data: bytes) -> Iterator[Option]:
    at = 0
    while at < len(data) and data[at] != 0:
        if data[at] == 1:
            at += 1
            continue
        if at + 1 >= len(data) or data[at + 1] < 2 or at + data[at + 1] > len(data):
            return
        yield Option(data[at], data[at + 2 : at + data[at + 1]])
        at += data[at + 1]
