"""Which service a packet is of that no service of its very address and port is for: those by match, and of all ports.

The switch has the same rules (:mod:`fullnat.tables.service_match`). In LVS a mark is asked for before anything else;
here it is what no service of one port has, so that this one costs nothing. Of several marks the lowest counts, and one
of all ports of an address (LVS: port 0) comes last, as in LVS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fullnat.core.declared.commands import ServiceKey
from fullnat.net.flow import Address, Flow, mark_of
from fullnat.net.match import Match
from fullnat.tables.service_match import priority


class _Rule(NamedTuple):
    order: int
    """The lowest is asked first."""
    key: ServiceKey
    match: Match | None
    """None: whatever goes to the address."""


_Place = tuple[int, Address]
"""Protocol and virtual address."""


def virtual_addresses(key: ServiceKey, matches: Sequence[Match]) -> tuple[Address, ...]:
    """Those of a service, each once."""
    _, virtual = key
    if mark_of(virtual) is None:
        return (virtual.address,)
    return tuple(dict.fromkeys(address for match in matches for address in match.addresses()))


class Matching:
    def __init__(self) -> None:
        self._rules: dict[_Place, list[_Rule]] = {}
        """In the order in which they count."""

    def remove(self, key: ServiceKey, addresses: Sequence[Address]) -> None:
        """The service with these addresses is no more."""
        for address in addresses:
            place = key[0], address
            rules = [rule for rule in self._rules.get(place, ()) if rule.key != key]
            if rules:
                self._rules[place] = rules
            else:
                self._rules.pop(place, None)

    def add(self, key: ServiceKey, matches: Sequence[Match]) -> None:
        """The service is asked from now on, unless it is of one port."""
        protocol, virtual = key
        if virtual.port:
            return
        order = -priority(virtual)
        if mark_of(virtual) is None:
            self._insert((protocol, virtual.address), _Rule(order, key, None))
        for match in matches:
            for address in match.addresses():
                self._insert((protocol, address), _Rule(order, key, match))

    def _insert(self, place: _Place, rule: _Rule) -> None:
        self._rules[place] = sorted((*self._rules.get(place, ()), rule), key=lambda each: each.order)

    def find(self, flow: Flow, interface: int) -> ServiceKey | None:
        """The service of ``flow``, which comes in by the port ``interface`` of the switch."""
        rules = self._rules.get((flow.protocol, flow.dst.address))
        return None if rules is None else next(_fitting(rules, flow, interface), None)

    def possible(self, flow: Flow) -> Iterator[ServiceKey]:
        """The services that it may be of, whatever it came in by, in the order in which they count."""
        return _fitting(self._rules.get((flow.protocol, flow.dst.address), ()), flow, None)


def _fitting(rules: Sequence[_Rule], flow: Flow, interface: int | None) -> Iterator[ServiceKey]:
    return (rule.key for rule in rules if rule.match is None or rule.match.has(flow, interface))
