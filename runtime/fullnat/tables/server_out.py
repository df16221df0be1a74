"""Table ``server_out``: the virtual service of a real server, for what the real server sends."""

from __future__ import annotations

from typing import Any, NamedTuple

from fullnat.net.flow import Address, is_v6
from fullnat.tables.table import V6, Action, Owner, Table, register

FROM_VIP = "from_vip"


class ServerOut(NamedTuple):
    server_id: int
    flags: int
    """SessionFlags."""
    vip: Address
    vport: int


@register
class ServerOutTable(Table[ServerOut]):
    name = "server_out"
    entry = ServerOut
    key = ("server_id",)
    actions = (Action(FROM_VIP, ("flags", "vip", "vport")),)
    actions6 = (Action(FROM_VIP + V6, ("flags", "vip", "vport")),)
    owner = Owner.SERVERS

    def action(self, entry: ServerOut) -> tuple[str, tuple[Any, ...]]:
        return FROM_VIP + V6 if is_v6(entry.vip) else FROM_VIP, entry[1:]
