"""What a group's switches hold beside sessions: a copy of what the active one has taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from fullnat.app.writer import Update
from fullnat.core.interface import Op
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry, EntryKey, Owner, entry_key, name_of, table_of

_FIRST = (Owner.SERVERS, Owner.NEIGHBORS, Owner.POLICIES)
"""Owners of what others lead to."""


class Ledger:
    def __init__(self, apart: Callable[[Entry], bool] = lambda _: False) -> None:
        """``apart``: what each has for itself."""
        self._apart = apart
        self._entries: dict[EntryKey, Entry] = {}
        self.counts: Counter[str] = Counter()
        """Of the entries, by the name of their table."""

    def found(self, entries: Iterable[Entry]) -> None:
        """The truth, read from the active switch."""
        self._entries = {entry_key(entry): entry for entry in entries if not isinstance(entry, SessionEntry)}
        self.counts = Counter(map(name_of, self._entries.values()))

    def took(self, updates: Iterable[Update]) -> None:
        """The active switch has carried these out."""
        for update in updates:
            if isinstance(update.entry, SessionEntry):
                continue
            key = entry_key(update.entry)
            if self._entries.pop(key, None) is not None:
                self.counts[name_of(update.entry)] -= 1
            if update.op is not Op.DELETE:
                self._entries[key] = update.entry
                self.counts[name_of(update.entry)] += 1

    def gate(self) -> list[Entry]:
        """What the active switch alone holds."""
        return [entry for entry in self._entries.values() if is_gate(entry)]

    def difference(self, found: Iterable[Entry], *, has_surplus_sessions: bool) -> list[Update]:
        """What makes a switch that holds ``found`` hold what is here but for the gate: deletions first, and what others
        lead to before these. What surplus sessions may lead to stays until they are gone."""
        common = (entry for entry in found if not isinstance(entry, SessionEntry) and not self._apart(entry))
        there = {entry_key(entry): entry for entry in common}
        here = {key: entry for key, entry in self._entries.items() if not is_gate(entry)}
        surplus = [Update(Op.DELETE, entry) for key, entry in there.items() if key not in here]
        if has_surplus_sessions:
            surplus = [update for update in surplus if _rank(update)[0]]
        wanted = [
            Update(Op.MODIFY if key in there else Op.INSERT, entry)
            for key, entry in here.items()
            if there.get(key) != entry
        ]
        return sorted(surplus, key=_rank, reverse=True) + sorted(wanted, key=_rank)


def _rank(update: Update) -> tuple[bool, bool]:
    """Entries of one rank lead to none of each other's, but for those that name what they lead to (Update.after)."""
    table = table_of(update.entry)
    leads = bool(table.requires(update.entry)) or table.owner not in _FIRST
    return leads, table.last


def is_gate(entry: Entry) -> bool:
    """Without such entries a switch does nothing."""
    return table_of(entry).gate
