"""Addresses, endpoints and flows: what a packet, a table key and a scheduler agree on.

An address is its bytes in network order, so its length is its family: 10.0.0.1 and ::a00:1 are different keys, and
slices of a frame are addresses as they are.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, NewType
from zlib import crc32

Address = NewType("Address", bytes)
"""4 or 16 bytes in network order."""

made = tuple.__new__
"""Makes a NamedTuple of a tuple of its fields, in half the time of its own constructor: for what every SYN makes."""

V4_BYTES = 4
V6_BYTES = 16


class Endpoint(NamedTuple):
    address: Address
    port: int

    def __str__(self) -> str:
        number = mark_of(self)
        if number is not None:
            return f"{MARK6 if is_v6(self.address) else MARK}:{number}"
        host = text(self.address)
        return f"[{host}]:{self.port}" if is_v6(self.address) else f"{host}:{self.port}"


class Flow(NamedTuple):
    """One direction of a conversation, as its sender writes it."""

    protocol: int
    src: Endpoint
    dst: Endpoint

    def reversed(self) -> Flow:
        """The other direction."""
        return Flow(self.protocol, self.dst, self.src)


def flow_hash(flow: Flow) -> int:
    """That of the data plane, by which flows without sessions are spread: CRC-32 of protocol, addresses and ports."""
    (protocol, (src, sport), (dst, dport)) = flow
    return crc32(b"".join((bytes((protocol,)), src, dst, sport.to_bytes(2, "big"), dport.to_bytes(2, "big"))))


MARK, MARK6 = "fwmark", "fwmark6"
"""What a service by match is called by, in front of its number."""
MARKS = 1, (1 << 24) - 1
"""Numbers of services by match: those of a family are named by addresses that are no host's, 0.0.0.0/8 and ::/104."""


def marked(number: int, *, v6: bool = False) -> Endpoint:
    """What names a service by match, in the place of an address and port. Raises ValueError for a number that is
    none."""
    low, high = MARKS
    if not low <= number <= high:
        raise ValueError(f"fwmark {number} is not from {low} to {high}")
    return Endpoint(Address(number.to_bytes(V6_BYTES if v6 else V4_BYTES, "big")), 0)


def mark_of(endpoint: Endpoint) -> int | None:
    """The number, if it names a service by match."""
    value, port = endpoint
    if port or value[0]:
        return None
    number = int.from_bytes(value, "big")
    return number if number <= MARKS[1] and number else None


def mark_of_other_family(endpoint: Endpoint) -> Endpoint | None:
    """What names the service by match with the same number, of the other one; None of any other endpoint."""
    number = mark_of(endpoint)
    return None if number is None else marked(number, v6=not is_v6(endpoint.address))


def named_mark(value: str) -> Endpoint | None:
    """The same from its text, like ``fwmark:1``; None for what is not such a name. Raises ValueError."""
    kind, _, number = value.partition(":")
    if kind not in (MARK, MARK6):
        return None
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        raise ValueError(f"{value!r} is not the name of a service by match, like {kind}:1")
    return marked(int(number), v6=kind == MARK6)


def address(value: str | IPv4Address | IPv6Address) -> Address:
    """``value`` as an address. Raises ValueError for text that is none."""
    return Address(ip_address(value).packed if isinstance(value, str) else value.packed)


def v4(number: int) -> Address:
    """The IPv4 address with this number. Raises OverflowError beyond 32 bits."""
    return Address(number.to_bytes(V4_BYTES, "big"))


def is_v6(value: Address) -> bool:
    return len(value) == V6_BYTES


def same_family(one: Address, *others: Address) -> bool:
    return all(len(other) == len(one) for other in others)


def family(value: Address) -> str:
    """Its name."""
    return "IPv6" if is_v6(value) else "IPv4"


def is_host(value: Address) -> bool:
    """One host's address that means the same everywhere: none that stands for no host, for this one or for a group
    (RFC 1122 3.2.1.3, RFC 4291 2.5 to 2.7), no IPv6 address of a link (fe80::/10), and none that stands for IPv4
    (::/80, with ::ffff:0:0/96)."""
    if len(value) == V4_BYTES:
        return value[0] not in (0, 127) and value[0] < 0xE0
    return is_v6(value) and value[0] != 0xFF and not value.startswith(bytes(10)) and not is_link_local(value)


def is_link_local(value: Address) -> bool:
    """Of IPv6, fe80::/10."""
    return is_v6(value) and value[0] == 0xFE and value[1] & 0xC0 == 0x80


def text(value: Address) -> str:
    """In the notation of people (RFC 5952). Raises ValueError for what has neither 4 nor 16 bytes."""
    return str(ip_address(bytes(value)))


def prefix_of(value: Address, length: int) -> Address:
    """The first ``length`` bits of an address, and then zeros; all of it when it has no more."""
    bits = len(value) * 8
    if length >= bits:
        return value
    number = int.from_bytes(value, "big") >> bits - length << bits - length
    return Address(number.to_bytes(len(value), "big"))
