"""The controller's own view of the routes: which next hop and which interface lead to an address.

It serves ARP only; packets are routed by the switch, from entries made of the same configuration (:mod:`.tables`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fullnat.config.model import Config


class Link(NamedTuple):
    """An interface in plain ints."""

    port: int
    mac: int
    address: int
    network: int
    mask: int
    prefix_len: int
    mtu: int


class _Route(NamedTuple):
    network: int
    mask: int
    gateway: int | None
    drop: bool


class Router:
    def __init__(self, config: Config) -> None:
        self._links = tuple(
            Link(
                interface.port,
                interface.mac,
                int(interface.address.ip),
                int(interface.address.network.network_address),
                int(interface.address.network.netmask),
                interface.address.network.prefixlen,
                interface.mtu,
            )
            for interface in config.interfaces
        )
        routes = [(link.prefix_len, _Route(link.network, link.mask, None, False)) for link in self._links]
        routes += [
            (
                route.prefix.prefixlen,
                _Route(
                    int(route.prefix.network_address),
                    int(route.prefix.netmask),
                    None if route.gateway is None else int(route.gateway),
                    route.gateway is None,
                ),
            )
            for route in config.routes
        ]
        self._routes = tuple(route for _, route in sorted(routes, key=lambda item: -item[0]))
        self._gateways = tuple(int(route.gateway) for route in config.routes if route.gateway is not None)

    def link(self, address: int) -> Link | None:
        """The interface whose subnet holds ``address``, the most specific first."""
        found: Link | None = None
        for link in self._links:
            if address & link.mask == link.network and (found is None or link.prefix_len > found.prefix_len):
                found = link
        return found

    def next_hop(self, destination: int) -> int | None:
        """The address that must be resolved to reach ``destination``; None without a route."""
        for route in self._routes:
            if destination & route.mask == route.network:
                if route.drop:
                    return None
                return destination if route.gateway is None else route.gateway
        return None

    def next_hops(self, destinations: Iterable[int]) -> set[int]:
        """Everything worth resolving before traffic comes: gateways, and the next hops of ``destinations``."""
        hops = set(self._gateways)
        for destination in destinations:
            hop = self.next_hop(destination)
            if hop is not None:
                hops.add(hop)
        return hops
