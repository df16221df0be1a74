"""What the switches of a group have counted, added up: a counter goes on where the one of the switch before stopped.

Of the switch that forwards it is read; of the others it is what was read last, for they count nothing meanwhile. What a
switch that died has counted since then is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fullnat.app.writer import Update
from fullnat.core.interface import Op
from fullnat.p4rt.schema import Schema
from fullnat.tables.server_in import ServerIn

Cell = tuple[int, int]
"""Packets and bytes."""
_Key = tuple[str, int]
"""Array, by its name, and index."""


class Odometer:
    def __init__(self) -> None:
        self._seen: defaultdict[_Key, dict[str, Cell]] = defaultdict(dict)
        """By the name of the switch, what was read of it last."""
        self._before: dict[_Key, Cell] = {}
        """What was counted by switches that have begun anew or are gone."""

    def read(self, name: str, array: str, cells: Mapping[int, Cell]) -> dict[int, Cell]:
        """The sums, when switch ``name`` tells ``cells``."""
        return {index: self._read(name, (array, index), cell) for index, cell in cells.items()}

    def _read(self, name: str, key: _Key, cell: Cell) -> Cell:
        if cell == (0, 0) and key not in self._seen:
            return cell
        seen = self._seen[key]
        last = seen.get(name, (0, 0))
        if cell[0] < last[0] or cell[1] < last[1]:
            self._keep(key, last)
        seen[name] = cell
        packets, octets = self._before.get(key, (0, 0))
        return packets + sum(each[0] for each in seen.values()), octets + sum(each[1] for each in seen.values())

    def _keep(self, key: _Key, cell: Cell) -> None:
        packets, octets = self._before.get(key, (0, 0))
        self._before[key] = packets + cell[0], octets + cell[1]

    def anew(self, name: str) -> None:
        """The counters of switch ``name`` are at zero, or it is gone."""
        for key, seen in self._seen.items():
            if (last := seen.pop(name, None)) is not None:
                self._keep(key, last)

    def took(self, updates: Iterable[Update], schema: Schema) -> None:
        """The switch that forwards has carried these out. New servers count from zero."""
        for update in updates:
            if update.op is Op.INSERT and isinstance(update.entry, ServerIn):
                self.forget((schema.server_in_counter.name, schema.server_out_counter.name), update.entry.server_id)

    def forget(self, arrays: Iterable[str], index: int) -> None:
        """It counts something else from now on, and all switches clear it."""
        for array in arrays:
            self._seen.pop((array, index), None)
            self._before.pop((array, index), None)
