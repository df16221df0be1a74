"""Table ``next_hop``: the port, link-layer addresses and MTU of a next hop, by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fullnat.tables.table import Action, Owner, Table, register

SET = "next_hop_set"
UNRESOLVED = "next_hop_unresolved"


class Way(NamedTuple):
    """How a frame gets to a next hop."""

    port: int
    source: int
    destination: int
    mtu: int
    """Bytes of an IP packet."""


class NextHop(NamedTuple):
    next_hop_id: int
    way: Way | None = None
    """None while nobody knows it: what is sent there goes to the controller."""


class NextHopTable(Table[NextHop]):
    name = "next_hop"
    entry = NextHop
    key = ("next_hop_id",)
    actions = (Action(SET, Way._fields), Action(UNRESOLVED))
    owner = Owner.NEIGHBORS

    def action(self, entry: NextHop) -> tuple[str, tuple[Any, ...]]:
        return (SET, entry.way) if entry.way is not None else (UNRESOLVED, ())

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> NextHop:
        return NextHop(key[0], Way(*params) if action == SET else None)


register(NextHopTable)
