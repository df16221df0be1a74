"""The configuration as table entries, and the difference to what the switch has."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import Config
from fullnat.core.interface import Entry, Op, OwnAddress, Port, Route, VirtualService
from fullnat.core.services import Services

EntryKey = tuple[str, int, int, int]
ROUTE_DROP = -1


def entry_key(entry: Entry) -> EntryKey:
    """What identifies a configured entry in its table. TypeError for entries that are not configured but learned."""
    match entry:
        case Port():
            return "port", entry.port, 0, 0
        case OwnAddress():
            return "own_address", entry.address, 0, 0
        case VirtualService():
            return "virtual_service", entry.protocol, entry.vip, entry.vport
        case Route():
            return "ipv4_route", entry.prefix, entry.prefix_len, 0
    raise TypeError(f"{type(entry).__name__} is no configured entry")


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


class ConfigTables:
    """What the configured tables of the switch hold, as far as known."""

    def __init__(self) -> None:
        self._installed: dict[EntryKey, Entry] = {}

    def found(self, entries: Iterable[Entry]) -> None:
        """The truth, read from the switch."""
        self._installed = {entry_key(entry): entry for entry in entries}

    def change_to(self, desired: dict[EntryKey, Entry]) -> list[tuple[Op, Entry]]:
        """The fewest updates that make the switch hold ``desired``; deletions first, to make room."""
        installed = self._installed
        updates = [(Op.DELETE, entry) for key, entry in installed.items() if key not in desired]
        for key, entry in desired.items():
            old = installed.get(key)
            if old is None:
                updates.append((Op.INSERT, entry))
            elif old != entry:
                updates.append((Op.MODIFY, entry))
        self._installed = desired
        return updates

    def failed(self, operation: Op, entry: Entry) -> None:
        """An update was refused: the next change tries again."""
        if operation is Op.INSERT:
            self._installed.pop(entry_key(entry), None)
