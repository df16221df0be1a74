"""Tables ``snat_match`` and ``snat_match6``: what hosts inside send out that opens sessions of SNAT.

Of several rules that a packet fits that of the lowest number counts. The controller goes by the same rules
(:mod:`fullnat.core.snat.outward`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address
from fullnat.net.match import Ports
from fullnat.net.prefixes import Prefix, of_network
from fullnat.tables.service_match import MatchTable, priority
from fullnat.tables.table import Action, Wanted, register


class SnatMatch(NamedTuple):
    protocol: int
    source: Prefix
    destination: Prefix
    source_port: Ports
    destination_port: Ports
    port: int | None
    """Of the switch, by which it comes in; None: any."""
    out_port: int | None
    """By which it would leave."""
    priority: int
    flags: int
    """ServiceFlags."""


class SnatMatchTable(MatchTable[SnatMatch]):
    name = "snat_match"
    name6 = "snat_match6"
    entry = SnatMatch
    key = ("protocol", "source", "destination", "source_port", "destination_port", "port", "out_port")
    kinds = ("ternary", "ternary", "ternary", "range", "range", "ternary", "ternary")
    actions = (Action("snat_punt", ("flags",)),)

    def key_values(self, entry: SnatMatch) -> tuple[Any, ...]:
        """With the priority, which tells entries apart as well."""
        return entry[:-1]

    def action(self, entry: SnatMatch) -> tuple[str, tuple[Any, ...]]:
        (action,) = self.actions
        return action.name, (entry.flags,)

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> SnatMatch:
        protocol, source, destination, source_port, destination_port, port, out_port, order = key
        prefixes = Prefix(*source), Prefix(*destination)
        return SnatMatch(protocol, *prefixes, source_port, destination_port, port, out_port, order, params[0])

    def wanted(self, model: Wanted) -> Iterable[SnatMatch]:
        for (protocol, virtual), rules in model.outward.items():
            flags, order = model.services[protocol, virtual], priority(virtual)
            for rule in rules:
                destination = of_network(rule.dst)
                everyone = Prefix(Address(bytes(len(destination.address))), 0)
                yield SnatMatch(
                    protocol,
                    everyone if rule.src is None else of_network(rule.src),
                    destination,
                    rule.sport,
                    rule.dport,
                    rule.iif,
                    rule.oif,
                    order,
                    flags,
                )


register(SnatMatchTable)
