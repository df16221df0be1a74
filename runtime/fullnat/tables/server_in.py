"""Table ``server_in``: a real server of a virtual service, for what clients send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Owner, Table, register

TO_SERVER = "to_server"
DIRECT = "to_server_direct"


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
    """``to_server`` or ``to_server_direct``."""


@register
class ServerInTable(Table[ServerIn]):
    name = "server_in"
    entry = ServerIn
    key = ("server_id",)
    actions = (Action(TO_SERVER, ("flags", "address", "port")), Action(DIRECT, ("flags", "address")))
    owner = Owner.SERVERS

    def action(self, entry: ServerIn) -> tuple[str, tuple[Any, ...]]:
        params = (entry.flags, entry.address, entry.port)
        return entry.action, params if entry.action == TO_SERVER else params[:2]

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> ServerIn:
        flags, address, *rest = params
        (number,), (port,) = key, rest or (0,)
        return ServerIn(number, flags, address, port, action)
