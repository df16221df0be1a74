"""The state of a p4soft in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from p4soft.api import Entry, MeterState
from p4soft.codegen import model as m
from p4soft.engine import NativeEngine


class LiveState:
    """Reads what a trace asks for, when it asks; tables that are not exact, once."""

    def __init__(self, engine: NativeEngine) -> None:
        self._engine = engine
        self._entries: dict[int, Sequence[Entry]] = {}

    def entry(self, table: m.TableDef, key: bytes) -> Entry | None:
        found = self._engine.get(table.index, key)
        return None if found is None else found.entry

    def entries(self, table: m.TableDef) -> Sequence[Entry]:
        if table.index not in self._entries:
            self._entries[table.index] = [state.entry for state in self._engine.entries(table.index)]
        return self._entries[table.index]

    def default(self, table: m.TableDef) -> tuple[int, bytes] | None:
        return self._engine.default(table.index)

    def register(self, register: m.RegisterArray, index: int) -> int:
        return self._engine.read_register(register.name, index)

    def meter(self, meter: m.MeterArray, index: int) -> MeterState | None:
        return self._engine.meter_state(meter.name, index)

    def clock(self) -> tuple[int, int]:
        return time.monotonic_ns(), self._engine.started()
