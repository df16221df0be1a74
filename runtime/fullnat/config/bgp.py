"""Sections ``[switch.bgp]``: the BGP speaker that announces a switch, and its neighbors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fullnat.config import addresses, scalars
from fullnat.config.errors import Problems, Where
from fullnat.config.model import Interface, IpAddress
from fullnat.config.scalars import REQUIRED, Convert

AS_NUMBERS = 1, (1 << 32) - 2
VTYSH = ("vtysh",)


def _command(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ValueError(f"{value!r} is not a command as a list of words in quotes")
    if any("\0" in word for word in value):
        raise ValueError("has a word with a NUL byte, which no command can be given")
    return tuple(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """A router that the speaker has a session with."""

    address: IpAddress
    remote_as: int
    bfd: bool = False
    """Its session ends when BFD finds it gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bgp:
    local_as: int
    router_id: IpAddress | None = None
    """None: the speaker's own choice."""
    vtysh: tuple[str, ...] = VTYSH
    """What runs FRR's vtysh where the speaker is; it gets commands on its standard input."""
    program: tuple[str, ...] = ()
    """Instead of FRR: gets a line of JSON on its standard input for each announcement and withdrawal."""
    prepend: int = 2
    """How often our AS number is put in front for local addresses that are another switch's."""
    drain_seconds: float = 5.0
    """Between the announcement of a graceful shutdown (RFC 8326) and the withdrawal."""
    neighbors: tuple[Neighbor, ...] = ()


NEIGHBOR: dict[str, tuple[Convert, Any]] = {
    "address": (addresses.address, REQUIRED),
    "remote_as": (scalars.integer(*AS_NUMBERS), REQUIRED),
    "bfd": (scalars.boolean, False),
}
BGP: dict[str, tuple[Convert, Any]] = {
    "local_as": (scalars.integer(*AS_NUMBERS), REQUIRED),
    "router_id": (addresses.address, None),
    "vtysh": (_command, VTYSH),
    "program": (_command, ()),
    "prepend": (scalars.integer(0, 10), 2),
    "drain_seconds": (scalars.duration, 5.0),
}


def check(bgp: Bgp, interfaces: tuple[Interface, ...], where: Where, problems: Problems) -> None:
    """What is wrong between its options, for a switch with these ``interfaces``."""
    if bgp.router_id is not None and bgp.router_id.version != 4:
        problems.add(where, "router_id", f"{bgp.router_id} is not of IPv4, as the numbers of routers are")
    if bgp.program and bgp.vtysh != VTYSH:
        problems.add(where, "program", "is instead of FRR, whose vtysh is there as well")
    if not bgp.program and not bgp.neighbors:
        problems.add(where, "neighbor", "is missing: no router hears what is announced")
    seen: set[IpAddress] = set()
    for number, neighbor in enumerate(bgp.neighbors, 1):
        below: Where = (*where, ("neighbor", number))
        if neighbor.address in seen:
            problems.add(below, "address", f"{neighbor.address} is there twice")
        seen.add(neighbor.address)
        if next_hop(interfaces, neighbor.address) is None:
            said = "is in no subnet of the switch's interfaces, which are the next hops that it is told of"
            problems.add(below, "address", f"{neighbor.address} {said}")


def next_hop(interfaces: tuple[Interface, ...], neighbor: IpAddress) -> IpAddress | None:
    """The switch's address in the subnet of ``neighbor``."""
    own = (own for interface in interfaces for own in interface.addresses)
    return next((each.ip for each in own if neighbor in each.network), None)
