"""RECONCILE_AND_COMMIT: carrying the state of the running pipeline over to another one.

It is read from the one and written to the other as P4Runtime entities, so whatever the new pipeline still accepts is
kept, though tables may have changed around it, and whatever it does not is found before anything happens.
"""

from __future__ import annotations

from collections.abc import Iterator

from finsy.proto import p4r

from p4soft.api import Engine
from p4soft.server.entities import EntityReader, EntityWriter
from p4soft.server.errors import Code, RpcError
from p4soft.server.pipeline import Pipeline
from p4soft.server.staging import StagedEngine

_AT_ONCE = 256


def carry_over(old: Pipeline, engine: Engine, new: Pipeline, staged: StagedEngine) -> None:
    """Write what ``old``, which runs on ``engine``, holds into ``new``, which is kept in ``staged``.

    FAILED_PRECONDITION if a client's entity does not fit. Cells of counters, meters and registers are kept where there
    still is a cell for them; those of the meters are what clients configured, not the tokens.
    """
    writer = EntityWriter(new)
    updates: list[p4r.Update] = []
    for update in _updates(old):
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
            raise RpcError(Code.FAILED_PRECONDITION, f"a {kind} cannot be kept: {error.message}")


def _updates(old: Pipeline) -> Iterator[p4r.Update]:
    """What has to be written to be where ``old`` is, in an order that suits references."""
    reader = EntityReader(old)
    for query in (
        p4r.Entity(action_profile_member=p4r.ActionProfileMember()),
        p4r.Entity(action_profile_group=p4r.ActionProfileGroup()),
        p4r.Entity(table_entry=p4r.TableEntry(counter_data=p4r.CounterData(), meter_config=p4r.MeterConfig())),
        p4r.Entity(packet_replication_engine_entry=p4r.PacketReplicationEngineEntry()),
        p4r.Entity(digest_entry=p4r.DigestEntry()),
    ):
        for entity in reader.read(query):
            # The new program has constant entries of its own.
            if not entity.table_entry.is_const:
                yield p4r.Update(type=p4r.Update.INSERT, entity=entity)
    for table in old.tables.values():
        if table.default_written:
            for entity in table.read(p4r.TableEntry(is_default_action=True)):
                yield p4r.Update(type=p4r.Update.MODIFY, entity=entity)
    for entity in reader.read(p4r.Entity(value_set_entry=p4r.ValueSetEntry())):
        if entity.value_set_entry.members:
            yield p4r.Update(type=p4r.Update.MODIFY, entity=entity)


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
