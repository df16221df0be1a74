"""Tables ``ipv4_host`` and ``ipv6_host``: the next hops that are hosts of connected networks, by address."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, EntryKey, Owner, Table, register


class Host(NamedTuple):
    address: Address
    next_hop_id: int


class HostTable(Table[Host]):
    name = "ipv4_host"
    name6 = "ipv6_host"
    entry = Host
    key = ("address",)
    actions = (Action("route_via", ("next_hop_id",)),)
    owner = Owner.NEIGHBORS

    def requires(self, entry: Host) -> tuple[EntryKey, ...]:
        return (("next_hop", entry.next_hop_id),)


register(HostTable)
