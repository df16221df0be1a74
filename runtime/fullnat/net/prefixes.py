"""Prefixes of addresses, many of them: what lists of those who may and who may not consist of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from fullnat.net.flow import Address, address, made, prefix_of, text

COMMENTS = "#", ";"
"""What follows them in a line counts for nothing, as in the lists that are to be had (Spamhaus DROP has ;)."""


class Prefix(NamedTuple):
    address: Address
    length: int

    def __str__(self) -> str:
        return f"{text(self.address)}/{self.length}"


def of_network(network: IPv4Network | IPv6Network) -> Prefix:
    return made(Prefix, (address(network.network_address), network.prefixlen))


def parse(value: str) -> Prefix:
    """``10.0.0.0/8``, or an address alone, which is a prefix of one. Raises ValueError."""
    host, slash, bits = value.partition("/")
    try:
        found = address("%" if "%" in host else host)
    except ValueError:
        raise ValueError(f"{value!r} is not a prefix like 10.0.0.0/8 or 2001:db8::/32") from None
    most = len(found) * 8
    if not slash:
        return made(Prefix, (found, most))
    if not (bits.isascii() and bits.isdecimal() and len(bits) <= 3 and int(bits) <= most):
        raise ValueError(f"{value!r} is not a prefix of 0 to {most} bits")
    length = int(bits)
    network = prefix_of(found, length)
    if network != found:
        raise ValueError(f"{value!r} has bits of a host; did you mean {text(network)}/{length}?")
    return made(Prefix, (found, length))


def lines(value: str) -> Iterator[tuple[int, str]]:
    """What the lines of a file of prefixes say, with their numbers; those that say nothing are left out."""
    for number, line in enumerate(value.splitlines(), 1):
        said = line
        for comment in COMMENTS:
            said = said.partition(comment)[0]
        if said := said.strip():
            yield number, said


def ordered(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """IPv4 first, then by address and length."""
    return sorted(prefixes, key=lambda prefix: (len(prefix.address), prefix))


class LongestPrefix:
    """What the longest prefix that has an address says of it."""

    def __init__(self, of: Mapping[Prefix, bool]) -> None:
        self._of = of
        self._lengths = {
            octets: sorted({prefix.length for prefix in of if len(prefix.address) == octets}, reverse=True)
            for octets in (4, 16)
        }

    def find(self, where: Address) -> bool | None:
        """None: no prefix has it."""
        for length in self._lengths[len(where)]:
            said = self._of.get(made(Prefix, (prefix_of(where, length), length)))
            if said is not None:
                return said
        return None
