"""Table ``server_out``: the virtual service of a real server, for what the real server sends."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Owner, Table, register


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
    actions = (Action("from_vip", ("flags", "vip", "vport")),)
    owner = Owner.SERVERS
