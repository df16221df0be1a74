"""Table ``server_in``: a real server of a virtual service, for what clients send."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Owner, Table, register


class ServerIn(NamedTuple):
    """One of these and a ServerOut are there before the first session with ``server_id``, until the last one is
    gone."""

    server_id: int
    flags: int
    """SessionFlags."""
    address: Address
    port: int


@register
class ServerInTable(Table[ServerIn]):
    name = "server_in"
    entry = ServerIn
    key = ("server_id",)
    actions = (Action("to_server", ("flags", "address", "port")),)
    owner = Owner.SERVERS
