"""Tables ``service_match`` and ``service_match6``: what opens sessions of services of all ports and by match.

Of several entries that a packet fits the one of the highest priority counts: of services by match that of the lowest
number, and any of them before one of all ports. The controller goes by the same rules
(:mod:`fullnat.core.balancing.matching`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from fullnat.net.flow import MARKS, Address, Endpoint, is_v6, mark_of
from fullnat.net.match import ALL_PORTS, Ports
from fullnat.net.prefixes import Prefix, of_network
from fullnat.tables.table import Action, Table, Wanted, register

_PUNT, _POLICED = "match_punt", "match_punt_policed"
ANY_PORT_PRIORITY = 1
"""Of a service of all ports of an address; those by match have more."""


class ServiceMatch(NamedTuple):
    protocol: int
    source: Prefix
    destination: Prefix
    source_port: Ports
    destination_port: Ports
    port: int | None
    """Of the switch; None: any."""
    priority: int
    flags: int
    """ServiceFlags."""
    policy: int = 0
    """As that of a service of one port."""


def priority(virtual: Endpoint) -> int:
    """Of the entries of a service with this name."""
    number = mark_of(virtual)
    return ANY_PORT_PRIORITY if number is None else ANY_PORT_PRIORITY + 1 + MARKS[1] - number


R = TypeVar("R", bound=tuple[Any, ...])


class MatchTable(Table[R]):
    """One of rules by prefixes, asked by priority."""

    of_match = True
    last = True

    @cached_property
    def addresses(self) -> frozenset[str]:
        return frozenset(("source", "destination"))

    def is_v6(self, entry: R) -> bool:
        destination: Prefix = entry[self.key.index("destination")]
        return is_v6(destination.address)


class ServiceMatchTable(MatchTable[ServiceMatch]):
    name = "service_match"
    name6 = "service_match6"
    entry = ServiceMatch
    key = ("protocol", "source", "destination", "source_port", "destination_port", "port")
    kinds = ("ternary", "ternary", "ternary", "range", "range", "ternary")
    actions = (Action(_PUNT, ("flags",)),)
    actions_policies = (Action(_POLICED, ("flags", "policy")),)

    def key_values(self, entry: ServiceMatch) -> tuple[Any, ...]:
        """With the priority, which tells entries apart as well."""
        return entry[:-2]

    def action(self, entry: ServiceMatch) -> tuple[str, tuple[Any, ...]]:
        return (_POLICED, (entry.flags, entry.policy)) if entry.policy else (_PUNT, (entry.flags,))

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> ServiceMatch:
        protocol, source, destination, source_port, destination_port, port, order = key
        prefixes = Prefix(*source), Prefix(*destination)
        return ServiceMatch(protocol, *prefixes, source_port, destination_port, port, order, *params)

    def wanted(self, model: Wanted) -> Iterable[ServiceMatch]:
        for (protocol, virtual), flags in model.services.items():
            order, policy = priority(virtual), model.policies.get((protocol, virtual), 0)
            if mark_of(virtual) is None:
                if not virtual.port:
                    yield _entry(protocol, virtual.address, order, flags)._replace(policy=policy)
                continue
            for rule in model.matches.get((protocol, virtual), ()):
                source = None if rule.src is None else of_network(rule.src)
                destination = of_network(rule.dst)
                own = _entry(protocol, destination.address, order, flags)
                yield own._replace(
                    source=source or own.source,
                    destination=destination,
                    source_port=rule.sport,
                    destination_port=rule.dport,
                    port=rule.iif,
                    policy=policy,
                )


def _entry(protocol: int, virtual: Address, order: int, flags: int) -> ServiceMatch:
    """For all that goes there."""
    bits = len(virtual) * 8
    source, destination = Prefix(Address(bytes(len(virtual))), 0), Prefix(virtual, bits)
    return ServiceMatch(protocol, source, destination, ALL_PORTS, ALL_PORTS, None, order, flags)


register(ServiceMatchTable)
