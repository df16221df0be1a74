"""Table ``server_out``: the virtual service of a real server, for what the real server sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address, is_v6
from fullnat.tables.table import V6, Action, Owner, Table, register

FROM_VIP = "from_vip"
FROM_VIP_ANY = "from_vip_any"
"""From the port that the server has answered from."""


class ServerOut(NamedTuple):
    server_id: int
    flags: int
    """SessionFlags."""
    vip: Address
    vport: int
    """0 where it is the server's."""


class ServerOutTable(Table[ServerOut]):
    name = "server_out"
    entry = ServerOut
    key = ("server_id",)
    actions = (Action(FROM_VIP, ("flags", "vip", "vport")),)
    actions6 = (Action(FROM_VIP + V6, ("flags", "vip", "vport")),)
    actions_match = (Action(FROM_VIP_ANY, ("flags", "vip")),)
    actions_match6 = (Action(FROM_VIP_ANY + V6, ("flags", "vip")),)
    owner = Owner.SERVERS

    def action(self, entry: ServerOut) -> tuple[str, tuple[Any, ...]]:
        name, params = (FROM_VIP, entry[1:]) if entry.vport else (FROM_VIP_ANY, entry[1:-1])
        return name + V6 if is_v6(entry.vip) else name, params

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> ServerOut:
        flags, vip, *port = params
        return ServerOut(key[0], flags, vip, port[0] if port else 0)


register(ServerOutTable)
