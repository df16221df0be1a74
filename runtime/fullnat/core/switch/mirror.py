"""What tables of the switch hold, as far as known, and the updates to what they should."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.interface import Op, Outcome
from fullnat.tables.table import TABLES, E, Entry, EntryKey, Owner, Wanted, entry_key


def desired_entries(model: Wanted) -> dict[EntryKey, Entry]:
    """Everything the configuration puts into the switch; what lets traffic in comes last."""
    configured = [table for table in TABLES.values() if table.owner is Owner.CONFIGURATION]
    entries = (entry for table in sorted(configured, key=lambda table: table.last) for entry in table.wanted(model))
    return {entry_key(entry): entry for entry in entries}


class Mirror:
    """Updates are taken for done when they are asked for; :meth:`failed` corrects that."""

    def __init__(self) -> None:
        self._installed: dict[EntryKey, Entry] = {}
        self._doubtful: set[EntryKey] = set()
        """There, but with what content is unknown: a modify was refused."""
        self._refused: dict[EntryKey, Entry | None] = {}
        """What was asked for in vain, None a deletion, and not changed since."""

    def found(self, entries: Iterable[Entry]) -> None:
        """The truth, read from the switch."""
        self._installed = {entry_key(entry): entry for entry in entries}
        self._doubtful.clear()
        self._refused.clear()

    def of(self, kind: type[E]) -> list[E]:
        """The entries of one table."""
        return [entry for entry in self._installed.values() if isinstance(entry, kind)]

    def at(self, key: EntryKey) -> Entry | None:
        """What the switch holds there."""
        return self._installed.get(key)

    def change(self, key: EntryKey, wanted: Entry | None) -> tuple[Op, Entry] | None:
        """The update that makes the switch hold ``wanted`` at ``key``; None when there is nothing to do."""
        old = self._installed.get(key)
        self._refused.pop(key, None)
        if wanted == old and key not in self._doubtful:
            return None
        self._doubtful.discard(key)
        if wanted is not None:
            self._installed[key] = wanted
            return (Op.INSERT if old is None else Op.MODIFY), wanted
        assert old is not None
        del self._installed[key]
        return Op.DELETE, old

    def change_to(self, desired: dict[EntryKey, Entry]) -> list[tuple[Op, Entry]]:
        """The fewest updates that make the switch hold ``desired``; deletions first, to make room."""
        return self.change_part(tuple(self._installed), desired)

    def change_part(self, possible: Iterable[EntryKey], desired: dict[EntryKey, Entry]) -> list[tuple[Op, Entry]]:
        """The same of the keys ``possible`` and ``desired`` alone."""
        updates = [self.change(key, None) for key in possible if key not in desired]
        updates += [self.change(key, entry) for key, entry in desired.items()]
        return [update for update in updates if update is not None]

    def retries(self) -> list[tuple[Op, Entry]]:
        """What was refused and has not been changed since, once more."""
        updates = [self.change(key, wanted) for key, wanted in tuple(self._refused.items())]
        return [update for update in updates if update is not None]

    def failed(self, operation: Op, entry: Entry, outcome: Outcome) -> None:
        """An update was refused: the next change tries again."""
        key = entry_key(entry)
        absent = outcome is Outcome.ABSENT
        if operation is not Op.DELETE or not absent:
            self._refused[key] = None if operation is Op.DELETE else entry
        if operation is Op.DELETE:
            if not absent:
                self._installed.setdefault(key, entry)
        elif outcome is Outcome.EXISTS or (operation is Op.MODIFY and not absent):
            if key in self._installed:
                self._doubtful.add(key)
        else:
            self._installed.pop(key, None)
            self._doubtful.discard(key)
