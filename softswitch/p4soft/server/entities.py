"""Dispatch of updates and read requests to the handlers of a pipeline, by entity type."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from finsy.proto import p4r

from p4soft.api import EngineError
from p4soft.server.errors import RpcError, from_engine, from_unexpected, invalid, unimplemented
from p4soft.server.names import reclaim
from p4soft.server.pipeline import Pipeline
from p4soft.server.translation import NoNumberLeft

_log = logging.getLogger(__name__)
_Handler = TypeVar("_Handler")

_INSERT, _MODIFY, _DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE

_NO_EXTERNS = "there are no extern instances on this target"


def _lookup(handlers: Mapping[int, _Handler], number: int, kind: str) -> _Handler:
    try:
        return handlers[number]
    except KeyError:
        raise invalid(f"there is no {kind} with id {number:#010x} in P4Info") from None


class EntityWriter:
    """Applies the updates of one request to one pipeline, in order."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def write(self, updates: Sequence[p4r.Update]) -> list[RpcError | None]:
        """Apply all of them; the error or None of each."""
        return [self._try(update) for update in updates]

    def _try(self, update: p4r.Update) -> RpcError | None:
        try:
            try:
                self._write_one(update)
            except NoNumberLeft:
                if not reclaim(self._pipeline, self._pipeline.engine):
                    raise
                self._write_one(update)
        except RpcError as error:
            return error
        except EngineError as error:
            return from_engine(error, self._name(update))
        except Exception as error:
            _log.exception("an update failed")
            return from_unexpected(error, self._name(update))
        return None

    def _write_one(self, update: p4r.Update) -> None:
        kind = update.type
        entity = update.entity
        if not entity.HasField("table_entry"):
            self._write_other(kind, entity)
            return
        entry = entity.table_entry
        table = _lookup(self._pipeline.tables, entry.table_id, "table")
        if kind == _INSERT:
            table.insert(entry)
        elif kind == _DELETE:
            table.delete(entry)
        elif kind == _MODIFY:
            table.modify(entry)
        else:
            raise invalid("the update's type is not set")

    def _name(self, update: p4r.Update) -> str:
        """The object an update is about, for messages."""
        which = update.entity.WhichOneof("entity")
        table = self._pipeline.tables.get(update.entity.table_entry.table_id)
        return f"table {table.name}" if table is not None else str(which)

    def _write_other(self, kind: p4r.Update.Type.ValueType, entity: p4r.Entity) -> None:
        which = entity.WhichOneof("entity")
        if kind == p4r.Update.UNSPECIFIED:
            raise invalid("the update's type is not set")
        write = _WRITERS.get(which or "")
        if write is None:
            raise _unsupported(which)
        write(self._pipeline, kind, getattr(entity, which or ""))


def _unsupported(which: str | None) -> RpcError:
    if which is None:
        return invalid("the entity is not set")
    return unimplemented(_NO_EXTERNS)


_WRITERS: dict[str, Callable[[Pipeline, p4r.Update.Type.ValueType, Any], None]] = {
    "counter_entry": lambda p, kind, e: _lookup(p.counters, e.counter_id, "counter").write(kind, e),
    "meter_entry": lambda p, kind, e: _lookup(p.meters, e.meter_id, "meter").write(kind, e),
    "register_entry": lambda p, kind, e: _lookup(p.registers, e.register_id, "register").write(kind, e),
    "digest_entry": lambda p, kind, e: _lookup(p.digests, e.digest_id, "digest").write(kind, e),
    "direct_counter_entry": lambda p, kind, e: _lookup(
        p.direct_counters, e.table_entry.table_id, "table with a direct counter"
    ).write(kind, e),
    "direct_meter_entry": lambda p, kind, e: _lookup(
        p.direct_meters, e.table_entry.table_id, "table with a direct meter"
    ).write(kind, e),
    "value_set_entry": lambda p, kind, e: _lookup(p.value_sets, e.value_set_id, "value set").write(kind, e),
    "packet_replication_engine_entry": lambda p, kind, e: p.replication.write(kind, e),
    "action_profile_member": lambda p, kind, e: _lookup(p.profiles, e.action_profile_id, "action profile").write_member(
        kind, e
    ),
    "action_profile_group": lambda p, kind, e: _lookup(p.profiles, e.action_profile_id, "action profile").write_group(
        kind, e
    ),
}


class EntityReader:
    """Answers read requests from one pipeline. Id 0 means all objects of the kind."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def read(self, query: p4r.Entity) -> Iterator[p4r.Entity]:
        which = query.WhichOneof("entity")
        if which == "table_entry":
            return self._tables(query.table_entry)
        read = _READERS.get(which or "")
        if read is None:
            return self._nothing(query, which)
        return read(self._pipeline, getattr(query, which or ""))

    def _tables(self, query: p4r.TableEntry) -> Iterator[p4r.Entity]:
        tables = self._pipeline.tables
        if query.table_id:
            yield from _lookup(tables, query.table_id, "table").read(query)
            return
        if query.match or query.priority or query.HasField("action"):
            raise invalid("a read of all tables (table_id 0) cannot select by match, priority or action")
        for table in tables.values():
            yield from table.read(query, wildcard_table=True)

    def _nothing(self, query: p4r.Entity, which: str | None) -> Iterator[p4r.Entity]:
        """A wildcard read of externs, of which there are none, is empty; anything else of these kinds is refused."""
        empty = which == "extern_entry"
        message = getattr(query, which) if which else None
        number = (
            next((value for field, value in message.ListFields() if field.name.endswith("_id")), 0) if message else 0
        )
        if not empty or number:
            raise _unsupported(which)
        return iter(())


def _wildcard(
    handlers: Mapping[int, Any], number: int, kind: str, read: Callable[[Any], Iterator[p4r.Entity]]
) -> Iterator[p4r.Entity]:
    if number:
        yield from read(_lookup(handlers, number, kind))
        return
    for handler in handlers.values():
        yield from read(handler)


def _profiles(
    pipeline: Pipeline, number: int, item: int, read: Callable[[Any], Iterator[p4r.Entity]]
) -> Iterator[p4r.Entity]:
    if item and not number:
        raise invalid("a read of all action profiles (action_profile_id 0) cannot select a member or group")
    return _wildcard(pipeline.profiles, number, "action profile", read)


_READERS: dict[str, Callable[[Pipeline, Any], Iterator[p4r.Entity]]] = {
    "counter_entry": lambda p, q: _wildcard(p.counters, q.counter_id, "counter", lambda h: h.read(q)),
    "meter_entry": lambda p, q: _wildcard(p.meters, q.meter_id, "meter", lambda h: h.read(q)),
    "register_entry": lambda p, q: _wildcard(p.registers, q.register_id, "register", lambda h: h.read(q)),
    "digest_entry": lambda p, q: _wildcard(p.digests, q.digest_id, "digest", lambda h: h.read()),
    "direct_counter_entry": lambda p, q: _wildcard(
        p.direct_counters, q.table_entry.table_id, "table with a direct counter", lambda h: h.read(q)
    ),
    "direct_meter_entry": lambda p, q: _wildcard(
        p.direct_meters, q.table_entry.table_id, "table with a direct meter", lambda h: h.read(q)
    ),
    "value_set_entry": lambda p, q: _wildcard(p.value_sets, q.value_set_id, "value set", lambda h: h.read(q)),
    "packet_replication_engine_entry": lambda p, q: p.replication.read(q),
    "action_profile_member": lambda p, q: _profiles(p, q.action_profile_id, q.member_id, lambda h: h.read_members(q)),
    "action_profile_group": lambda p, q: _profiles(p, q.action_profile_id, q.group_id, lambda h: h.read_groups(q)),
}
