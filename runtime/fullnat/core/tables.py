"""The configuration as table entries."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import Config
from fullnat.core.interface import Entry, OwnAddress, Port, Route, VirtualService
from fullnat.core.mirror import EntryKey, entry_key
from fullnat.core.services import Services

ROUTE_DROP = -1


def desired_entries(config: Config, services: Services, locals_: Iterable[int]) -> dict[EntryKey, Entry]:
    """Everything the configuration puts into the switch, services last. ``locals_``: local addresses in use, which
    may be more than are configured. Where one address has several roles, a VIP wins, then an interface."""
    entries: list[Entry] = [Port(interface.port, interface.mac) for interface in config.interfaces]
    entries += [OwnAddress(address, "own_local") for address in locals_]
    entries += [OwnAddress(int(interface.address.ip), "own_interface") for interface in config.interfaces]
    entries += [OwnAddress(vip, "own_vip") for _, vip, _ in services.by_key]
    entries += [
        Route(int(interface.address.network.network_address), interface.address.network.prefixlen, None)
        for interface in config.interfaces
    ]
    entries += [
        Route(
            int(route.prefix.network_address),
            route.prefix.prefixlen,
            ROUTE_DROP if route.gateway is None else int(route.gateway),
        )
        for route in config.routes
    ]
    entries += [VirtualService(*key, service.service_flags) for key, service in services.by_key.items()]
    return {entry_key(entry): entry for entry in entries}
