"""The state of a switch that is asked by P4Runtime, whichever it is.

It does no input and output: what a trace asks for and is not known yet ends it with :class:`Lacking`; whoever runs it
reads that, tells, and begins again. So a trace reads what its packet touches, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Sequence
from typing import Any

from finsy.proto import p4i, p4r

from p4soft.api import Entry, MeterState
from p4soft.codegen import model as m
from p4soft.codegen.describe import api_program
from p4soft.codegen.tables import packed_params
from p4soft.interpreter.tables import own_entries
from p4soft.server.pipeline import bind
from p4soft.server.tables import TableHandler

REGISTERS = "registers: this switch does not tell them, so that they count as 0"
METERS = "meters: P4Runtime does not tell what is left of their bursts, so that they count as full"
CLOCK = "clock: P4Runtime does not tell when the switch started, and this depends on how long ago something was"


class Lacking(Exception):
    """``entity`` is to be read."""

    def __init__(self, entity: p4r.Entity) -> None:
        super().__init__(entity)
        self.entity = entity


class RemoteState:
    """Implements :class:`p4soft.interpreter.state.State`."""

    def __init__(self, program: m.ProgramDef, p4info: p4i.P4Info, timed: Container[str] = ()) -> None:
        """``timed`` are registers that hold times, and tables whose entries have the time looked at. Raises
        p4soft.server.errors.RpcError if program and P4Info do not fit."""
        self._timed = timed
        config = p4r.ForwardingPipelineConfig(p4info=p4info)
        engine: Any = None  # nothing is asked of one
        pipeline = bind(config, api_program(program), engine)
        self._tables = pipeline.tables_by_index
        self._registers = {r.preamble.name: r.preamble.id for r in p4info.registers}
        self._meters = {meter.preamble.name: meter.preamble.id for meter in p4info.meters}
        self._read: dict[bytes, list[p4r.Entity] | None] = {}
        self._entries: dict[int, Sequence[Entry]] = {}
        self.unknown: set[str] = set()
        """What the switch does not tell, and traces have asked for."""

    def tell(self, asked: p4r.Entity, found: Iterable[p4r.Entity] | None) -> None:
        """What was read; None if the switch does not tell such things."""
        self._read[asked.SerializeToString(deterministic=True)] = None if found is None else list(found)

    def _ask(self, entity: p4r.Entity) -> list[p4r.Entity] | None:
        key = entity.SerializeToString(deterministic=True)
        if key not in self._read:
            raise Lacking(entity)
        return self._read[key]

    # tables

    def entry(self, table: m.TableDef, key: bytes) -> Entry | None:
        handler = self._tables.get(table.index)
        if handler is None:
            return next((own for own in own_entries(table) if own.key == key), None)
        entity = p4r.Entity()
        entity.table_entry.table_id = handler.id
        handler.keys.decode_into(key, entity.table_entry.match)
        found = next((entry for entry in self._found(handler, entity) if entry.key == key), None)
        if found is not None and table.name in self._timed:
            self.unknown.add(CLOCK)
        return found

    def entries(self, table: m.TableDef) -> Sequence[Entry]:
        if table.index not in self._tables:
            # Clients cannot name it, and so have not changed it.
            return own_entries(table)
        if table.index not in self._entries:
            entity = p4r.Entity()
            entity.table_entry.table_id = self._tables[table.index].id
            self._entries[table.index] = self._found(self._tables[table.index], entity)
        return self._entries[table.index]

    def _found(self, handler: TableHandler, asked: p4r.Entity) -> list[Entry]:
        entries = []
        for entity in self._ask(asked) or ():
            told = entity.table_entry
            if not told.is_default_action:
                action, params = handler.actions.encode(told.action)
                entries.append(Entry(handler.keys.encode(told.match), action, params, told.priority))
        return entries

    def default(self, table: m.TableDef) -> tuple[int, bytes] | None:
        own = table.default_action
        if table.index in self._tables and not table.const_default:
            handler = self._tables[table.index]
            entity = p4r.Entity()
            entity.table_entry.table_id = handler.id
            entity.table_entry.is_default_action = True
            for found in self._ask(entity) or ():
                if found.table_entry.is_default_action and found.table_entry.HasField("action"):
                    return handler.actions.encode(found.table_entry.action, default=True)
        return None if own is None else (own, packed_params(table.actions[own].params, table.default_params))

    # cells

    def register(self, register: m.RegisterArray, index: int) -> int:
        entity = p4r.Entity()
        entity.register_entry.register_id = self._registers[register.name]
        entity.register_entry.index.index = index
        found = self._ask(entity)
        if not found:
            self.unknown.add(REGISTERS)
            return 0
        if register.name in self._timed:
            self.unknown.add(CLOCK)
        return int.from_bytes(found[0].register_entry.data.bitstring, "big")

    def meter(self, meter: m.MeterArray, index: int) -> MeterState | None:
        entity = p4r.Entity()
        entity.meter_entry.meter_id = self._meters[meter.name]
        entity.meter_entry.index.index = index
        found = self._ask(entity)
        if not found or not found[0].meter_entry.HasField("config"):
            return None
        self.unknown.add(METERS)
        config = found[0].meter_entry.config
        rates = config.cir, config.cburst, config.pir, config.pburst
        return MeterState(*rates, time.monotonic_ns(), float(config.cburst), float(config.pburst))

    def clock(self) -> tuple[int, int]:
        """When the switch started, it does not tell."""
        now = time.monotonic_ns()
        return now, now
