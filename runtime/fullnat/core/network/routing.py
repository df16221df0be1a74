"""The controller's own view of the routes: which next hop and which interface lead to an address.

It serves the discovery of neighbors only; packets are routed by the switch, from entries made of the same configuration
(:mod:`fullnat.core.tables`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fullnat.config.model import Config, StaticRoute
from fullnat.net.flow import V4_BYTES, Address, address

ALL_V4 = 0xFFFFFFFF


class Link(NamedTuple):
    """An address of an interface. ``network`` and ``mask`` are numbers of as many bytes as its address."""

    port: int
    """The number of the interface."""
    mac: int
    address: Address
    network: int
    mask: int
    prefix_len: int
    mtu: int


class _Route(NamedTuple):
    size: int
    """Bytes of the addresses it is for."""
    network: int
    mask: int
    gateway: Address | None
    drop: bool


class Router:
    def __init__(self, config: Config) -> None:
        self._links = tuple(
            Link(
                interface.number,
                interface.mac,
                address(own.ip),
                int(own.network.network_address),
                int(own.network.netmask),
                own.network.prefixlen,
                interface.mtu,
            )
            for interface in config.interfaces
            for own in interface.addresses
        )
        routes = [
            (link.prefix_len, _Route(len(link.address), link.network, link.mask, None, False)) for link in self._links
        ]
        routes += [
            (
                route.prefix.prefixlen,
                _Route(
                    route.prefix.max_prefixlen // 8,
                    int(route.prefix.network_address),
                    int(route.prefix.netmask),
                    None if route.gateway is None else address(route.gateway),
                    route.gateway is None,
                ),
            )
            for route in config.routes
        ]
        self._routes = tuple(route for _, route in sorted(routes, key=lambda item: -item[0]))
        self._narrow = any(_is_within(route, self._links) for route in config.routes)
        """Some address of a connected network is routed otherwise."""
        self.gateways = {
            (address(route.prefix.network_address), route.prefix.prefixlen): address(route.gateway)
            for route in config.routes
            if route.gateway is not None
        }
        """By prefix and its length."""

    def link(self, of: Address) -> Link | None:
        """The interface whose subnet holds the address ``of``, the most specific first."""
        number, size = int.from_bytes(of, "big"), len(of)
        found: Link | None = None
        for link in self._links:
            if number & link.mask != link.network or len(link.address) != size:
                continue
            if found is None or link.prefix_len > found.prefix_len:
                found = link
        return found

    def is_broadcast(self, of: Address) -> bool:
        """Whether the address ``of`` is that of all hosts of an interface's subnet."""
        number, size = int.from_bytes(of, "big"), len(of)
        return any(
            len(link.address) == size == V4_BYTES
            and link.prefix_len < 31
            and number == link.network | ~link.mask & ALL_V4
            for link in self._links
        )

    def next_hop(self, destination: Address) -> Address | None:
        """The address that must be resolved to reach ``destination``; None without a route."""
        number, size = int.from_bytes(destination, "big"), len(destination)
        for route in self._routes:
            if number & route.mask == route.network and route.size == size:
                if route.drop:
                    return None
                return destination if route.gateway is None else route.gateway
        return None

    def source(self, destination: Address) -> Address:
        """The address of the interface by which packets go to ``destination``; 0 without a route."""
        hop = self.next_hop(destination)
        link = None if hop is None else self.link(hop)
        return Address(bytes(len(destination))) if link is None else link.address

    def is_direct(self, neighbor: Address) -> bool:
        """Whether packets to the address of a neighbor go straight to it: no longer prefix leads them elsewhere."""
        return not self._narrow or self.next_hop(neighbor) == neighbor

    def next_hops(self, destinations: Iterable[Address]) -> set[Address]:
        """Everything worth resolving before traffic comes: gateways, and the next hops of ``destinations``."""
        hops = set(self.gateways.values())
        for destination in destinations:
            hop = self.next_hop(destination)
            if hop is not None:
                hops.add(hop)
        return hops


NOWHERE = Router(Config(interfaces=()))
"""Without interfaces."""


def _is_within(route: StaticRoute, links: Iterable[Link]) -> bool:
    """Whether the route is for a part of a connected network."""
    network, size = int(route.prefix.network_address), route.prefix.max_prefixlen // 8
    return any(
        len(link.address) == size and network & link.mask == link.network and route.prefix.prefixlen > link.prefix_len
        for link in links
    )
