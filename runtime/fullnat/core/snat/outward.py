"""Which rule of SNAT a packet of a host inside is of. The switch has the same rules (:mod:`fullnat.tables.snat_match`);
of several the lowest number counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from fullnat.config.model import Config
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.network.routing import Router
from fullnat.net.flow import Address, Flow, same_family
from fullnat.net.match import Match
from fullnat.tables.service_match import priority


class _Rule(NamedTuple):
    order: int
    key: ServiceKey
    match: Match


class Outward:
    def __init__(self) -> None:
        self.own: Set[Address] = frozenset()
        """The switch's addresses, kept by their owner: what goes there goes nowhere else."""
        self._router = Router(Config(interfaces=()))
        self._rules: dict[int, list[_Rule]] = {}
        """By protocol, in the order in which they count."""

    def route(self, router: Router) -> None:
        """Packets go this way from now on."""
        self._router = router

    def remove(self, key: ServiceKey) -> None:
        """The service is no more, or was none of these."""
        protocol, _ = key
        rules = [rule for rule in self._rules.get(protocol, ()) if rule.key != key]
        if rules:
            self._rules[protocol] = rules
        else:
            self._rules.pop(protocol, None)

    def add(self, key: ServiceKey, matches: Sequence[Match]) -> None:
        """The service is asked from now on."""
        protocol, virtual = key
        if matches:
            order = -priority(virtual)
            new = [*self._rules.get(protocol, ()), *(_Rule(order, key, match) for match in matches)]
            self._rules[protocol] = sorted(new, key=lambda rule: rule.order)

    def find(self, flow: Flow, interface: int) -> ServiceKey | None:
        """The service of ``flow``, which comes in by the port ``interface`` of the switch and is none of ours."""
        if flow.protocol not in self._rules or flow.dst.address in self.own:
            return None
        return next(self._fitting(flow, interface, self._way(flow.dst.address)), None)

    def possible(self, flow: Flow) -> Iterator[ServiceKey]:
        """The services that it may be of, whatever it came in by and leaves by."""
        return self._fitting(flow, None, None)

    def _fitting(self, flow: Flow, iif: int | None, oif: int | None) -> Iterator[ServiceKey]:
        for _, key, match in self._rules.get(flow.protocol, ()):
            if same_family(key[1].address, flow.dst.address) and match.leads_out(flow, iif, oif):
                yield key

    def _way(self, destination: Address) -> int | None:
        """The interface by which packets go there."""
        hop = self._router.next_hop(destination)
        link = None if hop is None else self._router.link(hop)
        return None if link is None else link.port
