"""What is to be announced of a switch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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


NOTHING = Plan()


def plan(state: State, virtual: Iterable[Address], local: Iterable[Address], number: int, switches: int) -> Plan:
    """Of the switch of this ``number``, from 0, of so many."""
    if state not in (State.ANNOUNCING, State.DRAINING):
        return NOTHING
    addresses = list(local)
    own = [each for each in addresses if home(each, switches) == number]
    others = [each for each in addresses if home(each, switches) != number]
    return Plan(_hosts([*virtual, *own]), _hosts(others), state is State.DRAINING)


def _hosts(addresses: Iterable[Address]) -> frozenset[IPv4Network | IPv6Network]:
    return frozenset(ip_network(ip_address(each)) for each in addresses)
