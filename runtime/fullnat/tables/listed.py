"""Tables ``list``, ``list6``, ``list_of_all`` and ``list_of_all6``: prefixes, of which the longest counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Owner, Table, register

PASS, REFUSE = "list_pass", "list_refuse"


class Listed(NamedTuple):
    list_id: int
    source: Address
    source_len: int
    refused: bool


class ListedOfAll(NamedTuple):
    list_id: int
    source: Address
    source_len: int
    refused: bool


class _Lists(Table[Any]):
    key = ("list_id", "source")
    actions = (Action(PASS), Action(REFUSE))
    lpm = True
    owner = Owner.POLICIES
    of_policies = True

    def action(self, entry: Listed | ListedOfAll) -> tuple[str, tuple[Any, ...]]:
        return REFUSE if entry.refused else PASS, ()

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> Any:
        return self.entry(*key, action == REFUSE)


class ListTable(_Lists):
    name = "list"
    name6 = "list6"
    entry = Listed


class ListOfAllTable(_Lists):
    name = "list_of_all"
    name6 = "list_of_all6"
    entry = ListedOfAll


register(ListTable)
register(ListOfAllTable)
