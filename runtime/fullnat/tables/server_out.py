"""Table ``server_out``: the virtual service of a real server, for what the real server sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import V4_BYTES, V6_BYTES, Address, is_v6
from fullnat.tables.table import V6, Action, Owner, Table, register

FROM_VIP = "from_vip"
FROM_VIP_ANY = "from_vip_any"
"""From the port that the server has answered from."""

FROM_OUTSIDE = "from_outside"
"""From whoever has answered."""


class ServerOut(NamedTuple):
    server_id: int
    flags: int
    """SessionFlags."""
    vip: Address
    """All zeros where it is whoever was asked."""
    vport: int
    """0 where it is the server's."""


class ServerOutTable(Table[ServerOut]):
    name = "server_out"
    entry = ServerOut
    key = ("server_id",)
    actions = (Action(FROM_VIP, ("flags", "vip", "vport")),)
    actions6 = (Action(FROM_VIP + V6, ("flags", "vip", "vport")),)
    actions_match = Action(FROM_VIP_ANY, ("flags", "vip")), Action(FROM_OUTSIDE, ("flags",))
    actions_match6 = tuple(Action(name + V6, params) for name, params in actions_match)
    owner = Owner.SERVERS

    def action(self, entry: ServerOut) -> tuple[str, tuple[Any, ...]]:
        if not any(entry.vip):
            return FROM_OUTSIDE + V6 if is_v6(entry.vip) else FROM_OUTSIDE, (entry.flags,)
        name, params = (FROM_VIP, entry[1:]) if entry.vport else (FROM_VIP_ANY, entry[1:-1])
        return name + V6 if is_v6(entry.vip) else name, params

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> ServerOut:
        if action.startswith(FROM_OUTSIDE):
            size = V6_BYTES if action.endswith(V6) else V4_BYTES
            return ServerOut(key[0], params[0], Address(bytes(size)), 0)
        flags, vip, *port = params
        return ServerOut(key[0], flags, vip, port[0] if port else 0)


register(ServerOutTable)
