"""DirectCounterEntry and DirectMeterEntry: the counters and meters that belong to table entries."""

from __future__ import annotations

from collections.abc import Iterator

from finsy.proto import p4r

from p4soft.server.cells import only_modify
from p4soft.server.errors import invalid, not_found, unimplemented
from p4soft.server.tables import State, TableHandler


class DirectCounterHandler:
    """The direct counter of one table."""

    def __init__(self, engine: State, table: TableHandler) -> None:
        self._engine = engine
        self._table = table
        self._what = f"table {table.name}: direct counter"

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.DirectCounterEntry) -> None:
        only_modify(kind, self._what)
        key = self._table.key_or_default(update.table_entry)
        priority = update.table_entry.priority
        data = update.data
        if data.packet_count < 0 or data.byte_count < 0:
            raise invalid(f"{self._what}: a count cannot be negative")
        if update.HasField("data"):
            self._engine.set_direct_counter(self._table.index, key, priority, data.packet_count, data.byte_count)
        elif key is not None and self._engine.get(self._table.index, key, priority) is None:
            raise not_found(f"{self._what}: no such entry")

    def read(self, query: p4r.DirectCounterEntry) -> Iterator[p4r.Entity]:
        if query.table_entry.is_default_action:
            yield self._read_default(query.table_entry)
            return
        found = False
        for state in self._table.select(query.table_entry):
            found = True
            entity = p4r.Entity()
            entry = entity.direct_counter_entry
            self._table.decode_key_into(state.entry, entry.table_entry)
            entry.data.packet_count = state.packets
            entry.data.byte_count = state.bytes
            yield entity
        if not found and query.table_entry.match:
            raise not_found(f"{self._what}: no such entry")

    def _read_default(self, query: p4r.TableEntry) -> p4r.Entity:
        self._table.key_or_default(query)
        entity = p4r.Entity()
        entry = entity.direct_counter_entry
        entry.table_entry.table_id = self._table.id
        entry.table_entry.is_default_action = True
        entry.data.packet_count, entry.data.byte_count = self._engine.default_counter(self._table.index)
        return entity


class DirectMeterHandler:
    """The direct meter of one table."""

    def __init__(self, engine: State, table: TableHandler) -> None:
        assert table.meter is not None
        self._engine = engine
        self._table = table
        self._rules = table.meter
        self._what = f"table {table.name}: direct meter"

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.DirectMeterEntry) -> None:
        only_modify(kind, self._what)
        if update.HasField("counter_data"):
            raise unimplemented(f"{self._what}: does not count packets per colour")
        key = self._table.key_or_default(update.table_entry)
        config = self._rules.encode(update.config) if update.HasField("config") else None
        self._engine.set_direct_meter(self._table.index, key, update.table_entry.priority, config)

    def read(self, query: p4r.DirectMeterEntry) -> Iterator[p4r.Entity]:
        if query.HasField("counter_data"):
            raise unimplemented(f"{self._what}: does not count packets per colour")
        if query.table_entry.is_default_action:
            yield self._read_default(query.table_entry)
            return
        found = False
        for state in self._table.select(query.table_entry):
            found = True
            entity = p4r.Entity()
            entry = entity.direct_meter_entry
            self._table.decode_key_into(state.entry, entry.table_entry)
            config = self._engine.direct_meter(self._table.index, state.entry.key, state.entry.priority)
            if config is not None:
                self._rules.decode_into(config, entry.config)
            yield entity
        if not found and query.table_entry.match:
            raise not_found(f"{self._what}: no such entry")

    def _read_default(self, query: p4r.TableEntry) -> p4r.Entity:
        self._table.key_or_default(query)
        entity = p4r.Entity()
        entry = entity.direct_meter_entry
        entry.table_entry.table_id = self._table.id
        entry.table_entry.is_default_action = True
        config = self._engine.direct_meter(self._table.index, None, 0)
        if config is not None:
            self._rules.decode_into(config, entry.config)
        return entity
