"""What is to be announced of a switch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from fullnat.config.model import IpNetwork
from fullnat.core.session.pool import home
from fullnat.net.flow import Address


class State(Enum):
    UNKNOWN = "unknown"
    """What the controller before has left stays, until it is known whether the switch forwards."""
    WITHDRAWN = "withdrawn"
    """It does not hold everything, or does nothing."""
    ANNOUNCING = "announcing"
    DRAINING = "draining"
    """By command: with the community of a graceful shutdown (RFC 8326)."""
    DRAINED = "drained"
    """By command: withdrawn."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``first`` are for everybody, ``spare`` for who has no other way: local addresses that are another switch's."""

    first: frozenset[IpNetwork] = frozenset()
    spare: frozenset[IpNetwork] = frozenset()
    graceful: bool = False
    """The switch is about to go."""
    absent: frozenset[IpNetwork] = field(default=frozenset(), compare=False)
    """What is not to be announced, and whoever spoke for the switch before may have: for speakers that cannot be asked
    what they have."""


NOTHING = Plan()


def plan(
    state: State,
    virtual: Iterable[Address],
    local: Iterable[Address],
    number: int,
    switches: int,
    services: Iterable[Address] = (),
) -> Plan:
    """Of the switch of this ``number``, from 0, of so many. ``virtual`` are the addresses of ``services`` that have a
    server."""
    addresses, served = list(local), list(virtual)
    every = _hosts([*addresses, *served, *services])
    if state not in (State.ANNOUNCING, State.DRAINING):
        return Plan(absent=every)
    own = _hosts([*served, *(each for each in addresses if home(each, switches) == number)])
    others = _hosts(each for each in addresses if home(each, switches) != number)
    return Plan(own, others, state is State.DRAINING, every - own - others)


def _hosts(addresses: Iterable[Address]) -> frozenset[IPv4Network | IPv6Network]:
    return frozenset(ip_network(ip_address(each)) for each in addresses)
