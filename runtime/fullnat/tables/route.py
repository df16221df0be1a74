"""Tables ``ipv4_route`` and ``ipv6_route``: where packets go that are for others, by the longest prefix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address, address
from fullnat.tables.table import Action, EntryKey, Table, Wanted, register

CONNECTED = "route_connected"
VIA = "route_via"
DROP = "route_drop"


class Route(NamedTuple):
    prefix: Address
    prefix_len: int
    action: str
    """``route_via``, ``route_connected`` or ``route_drop``."""
    next_hop_id: int | None = None
    """Of ``route_via``."""


class RouteTable(Table[Route]):
    name = "ipv4_route"
    name6 = "ipv6_route"
    entry = Route
    key = ("prefix",)
    actions = (Action(VIA, ("next_hop_id",)), Action(CONNECTED), Action(DROP))
    lpm = True

    def action(self, entry: Route) -> tuple[str, tuple[Any, ...]]:
        return entry.action, (entry.next_hop_id,) if entry.action == VIA else ()

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> Route:
        return Route(key[0], key[1], action, *params)

    def requires(self, entry: Route) -> tuple[EntryKey, ...]:
        return (("next_hop", entry.next_hop_id),) if entry.action == VIA else ()

    def wanted(self, model: Wanted) -> Iterable[Route]:
        """A route by a gateway that has no id is left out."""
        for interface in model.config.interfaces:
            for network in dict.fromkeys(own.network for own in interface.addresses):
                yield Route(address(network.network_address), network.prefixlen, CONNECTED)
        for route in model.config.routes:
            prefix = address(route.prefix.network_address), route.prefix.prefixlen
            if route.gateway is None:
                yield Route(*prefix, DROP)
            elif (number := model.next_hops.get(address(route.gateway))) is not None:
                yield Route(*prefix, VIA, number)


register(RouteTable)
