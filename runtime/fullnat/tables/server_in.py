"""Table ``server_in``: a real server of a virtual service, for what clients send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address, is_v6
from fullnat.tables.table import V6, Action, Owner, Table, register

TO_SERVER = "to_server"
TO_SERVER_ANY = "to_server_any"
"""To the port that the client asked for."""
DIRECT = "to_server_direct"
TUNNEL = "to_server_tunnel"
GUE = "to_server_gue"
TO_OUTSIDE = "to_outside"
"""Wherever a host inside addresses it to, from ``address``."""
_PARAMS = {
    TO_SERVER: ("address", "port"),
    TO_SERVER_ANY: ("address",),
    DIRECT: ("address",),
    TUNNEL: ("address", "source"),
    GUE: ("address", "source"),
    TO_OUTSIDE: ("address",),
}
"""By action; every one has the flags as well."""
_OF_MATCH = (TO_SERVER_ANY, TO_OUTSIDE)


class ServerIn(NamedTuple):
    """One of these and a ServerOut are there before the first session with ``server_id``, until the last one is
    gone."""

    server_id: int
    flags: int
    """SessionFlags."""
    address: Address
    port: int
    """0 where it is the virtual service's."""
    action: str = TO_SERVER
    """``to_server``, ``to_server_any``, ``to_server_direct``, ``to_server_tunnel``, ``to_server_gue`` or
    ``to_outside``; of an IPv6 address the switch's ends in 6."""
    source: Address | None = None
    """Of the outer header, where there is one."""


class ServerInTable(Table[ServerIn]):
    name = "server_in"
    entry = ServerIn
    key = ("server_id",)
    actions = tuple(Action(name, ("flags", *params)) for name, params in _PARAMS.items() if name not in _OF_MATCH)
    actions6 = tuple(Action(name + V6, params) for name, params in actions)
    actions_match = tuple(Action(name, ("flags", *_PARAMS[name])) for name in _OF_MATCH)
    actions_match6 = tuple(Action(name + V6, params) for name, params in actions_match)
    owner = Owner.SERVERS

    def action(self, entry: ServerIn) -> tuple[str, tuple[Any, ...]]:
        name = entry.action + V6 if is_v6(entry.address) else entry.action
        return name, (entry.flags, *(getattr(entry, name) for name in _PARAMS[entry.action]))

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> ServerIn:
        flags, *rest = params
        action = action.removesuffix(V6)
        values = dict(zip(_PARAMS[action], rest, strict=True))
        return ServerIn(key[0], flags, values["address"], values.get("port", 0), action, values.get("source"))


register(ServerInTable)
