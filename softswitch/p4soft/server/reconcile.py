"""RECONCILE_AND_COMMIT: carrying the state of the running pipeline over to another one.

It is read from the one and written to the other as P4Runtime entities, so whatever the new pipeline still accepts is
kept, though tables may have changed around it, and whatever it does not is found before anything happens.
"""

from __future__ import annotations

from collections.abc import Iterator

from finsy.proto import p4r

from p4soft.api import Engine
from p4soft.server.entities import EntityReader, EntityWriter
from p4soft.server.errors import RpcError, invalid
from p4soft.server.pipeline import Pipeline
from p4soft.server.staging import StagedEngine

_AT_ONCE = 256


def carry_over(old: Pipeline, engine: Engine, new: Pipeline, staged: StagedEngine) -> None:
    """Write what ``old``, which runs on ``engine``, holds into ``new``, which is kept in ``staged``.

    INVALID_ARGUMENT if a client's entity does not fit. Cells of counters, meters and registers are kept where there
    still is a cell for them; those of the meters are what clients configured, not the tokens.
    """
    writer = EntityWriter(new)
    updates: list[p4r.Update] = []
    for update in _updates(old, new):
        updates.append(update)
        if len(updates) == _AT_ONCE:
            _write(writer, updates)
            updates = []
    _write(writer, updates)
    _carry_cells(old, engine, new, staged)


def _write(writer: EntityWriter, updates: list[p4r.Update]) -> None:
    for update, error in zip(updates, writer.write(updates), strict=True):
        if error is not None:
            kind = update.entity.WhichOneof("entity")
            raise invalid(f"a {kind} cannot be kept: {error.message}")


def _updates(old: Pipeline, new: Pipeline) -> Iterator[p4r.Update]:
    """What has to be written into ``new`` to be where ``old`` is, in an order that suits references."""
    reader = EntityReader(old)
    for query in (
        p4r.Entity(action_profile_member=p4r.ActionProfileMember()),
        p4r.Entity(action_profile_group=p4r.ActionProfileGroup()),
        p4r.Entity(table_entry=p4r.TableEntry(counter_data=p4r.CounterData(), meter_config=p4r.MeterConfig())),
        p4r.Entity(packet_replication_engine_entry=p4r.PacketReplicationEngineEntry()),
        p4r.Entity(digest_entry=p4r.DigestEntry()),
    ):
        for entity in reader.read(query):
            kind = _kind(old, new, entity.table_entry) if entity.HasField("table_entry") else p4r.Update.INSERT
            if kind is not None:
                yield p4r.Update(type=kind, entity=entity)
    yield from _deleted(old, new)
    for table in old.tables.values():
        if table.default_written:
            for entity in table.read(p4r.TableEntry(is_default_action=True)):
                yield p4r.Update(type=p4r.Update.MODIFY, entity=entity)
        yield from _default_resources(old, new, table.id)
    for entity in reader.read(p4r.Entity(value_set_entry=p4r.ValueSetEntry())):
        if entity.value_set_entry.members:
            yield p4r.Update(type=p4r.Update.MODIFY, entity=entity)


def _default_resources(old: Pipeline, new: Pipeline, table: int) -> Iterator[p4r.Update]:
    """Counter and meter of the table's default entry, where both pipelines have them."""
    default = p4r.TableEntry(table_id=table, is_default_action=True)
    reader = EntityReader(old)
    queries = []
    if table in old.direct_counters and table in new.direct_counters:
        queries.append(p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=default)))
    if table in old.direct_meters and table in new.direct_meters:
        queries.append(p4r.Entity(direct_meter_entry=p4r.DirectMeterEntry(table_entry=default)))
    for query in queries:
        for entity in reader.read(query):
            yield p4r.Update(type=p4r.Update.MODIFY, entity=entity)


def _kind(old: Pipeline, new: Pipeline, entry: p4r.TableEntry) -> p4r.Update.Type.ValueType | None:
    """How to write an entry that ``old`` has; None if it does not go over: the programs' own entries, of which each has
    what it wants, but where a client has changed them. Their counters and meters do."""
    table, begun = old.tables[entry.table_id], _begins_with(new, entry)
    if table.is_untouched(entry):
        if not begun:
            return None
        for field in ("action", "idle_timeout_ns", "controller_metadata", "metadata", "is_const"):
            entry.ClearField(field)
    return p4r.Update.MODIFY if begun else p4r.Update.INSERT


def _begins_with(new: Pipeline, entry: p4r.TableEntry) -> bool:
    """Whether the program of ``new`` has an entry with this key."""
    table = new.tables.get(entry.table_id)
    try:
        return table is not None and (table.keys.encode(entry.match), entry.priority) in table.initial
    except RpcError:
        return False  # which the update will be told


def _deleted(old: Pipeline, new: Pipeline) -> Iterator[p4r.Update]:
    """The entries that both programs have and clients have deleted."""
    for table in old.tables.values():
        for entry in table.missing():
            if _begins_with(new, entry):
                update = p4r.Update(type=p4r.Update.DELETE)
                update.entity.table_entry.CopyFrom(entry)
                yield update


def _carry_cells(old: Pipeline, engine: Engine, new: Pipeline, staged: StagedEngine) -> None:
    program = staged.state.program
    for number, counter in old.counters.items():
        if number in new.counters:
            name, size = new.counters[number].name, program.counters[new.counters[number].name]
            for index, packets, bytes_ in engine.counts(counter.name):
                if index < size:
                    staged.write_counter(name, index, packets, bytes_)
    for number, register in old.registers.items():
        if number in new.registers:
            name = new.registers[number].name
            size, bits = program.registers[name]
            for index, value in engine.register_values(register.name):
                if index < size and value >> bits == 0:
                    staged.write_register(name, index, value)
    for number, meter in old.meters.items():
        if number in new.meters:
            for entity in meter.read(p4r.MeterEntry()):
                if entity.meter_entry.HasField("config") and entity.meter_entry.index.index < new.meters[number].size:
                    new.meters[number].write(p4r.Update.MODIFY, entity.meter_entry)
