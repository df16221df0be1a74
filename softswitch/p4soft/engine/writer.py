"""WriteRequests applied natively: the Python side of native/p4rt/write.c."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum, IntFlag
from typing import Any

from p4soft.api import EngineError, MatchKind, Table
from p4soft.api_write import Failures, Grant, WireTable
from p4soft.engine.binding import check, ffi
from p4soft.engine.reader import NativeReader

_KINDS = {kind: number for number, kind in enumerate(MatchKind)}


class TableFlag(IntFlag):
    """What the entries of a table may have, enum p4s_wire_flags."""

    PRIORITY = 1
    TIMEOUT = 2
    MODIFY = 4
    READ = 8
    COUNTER = 16


class Written(IntEnum):
    """What became of a request, enum p4s_written."""

    WRITTEN = 0
    SOME_FAILED = 1
    NOT_ORDINARY = 2


class NativeWriter:
    """Implements :class:`p4soft.api_write.WireWriter`.

    ``handle`` returns the switch or raises EngineError once it is closed; ``tables`` are the engine's, by number.
    """

    def __init__(
        self, library: Any, handle: Callable[[], Any], device_id: int, tables: Callable[[], list[Table]]
    ) -> None:
        self._c = library
        self._handle = handle
        self._tables = tables
        native = library.p4s_writer_new(handle(), device_id)
        if native == ffi.NULL:
            raise EngineError("out of memory")
        self.native: Any = ffi.gc(native, library.p4s_writer_free)
        """The struct p4s_writer."""
        self._outcome: Any = ffi.new("struct p4s_outcome *")

    def reader(self) -> NativeReader:
        return NativeReader(self._c, self._handle, self.native)

    def set_tables(self, tables: Sequence[WireTable]) -> None:
        rows: list[tuple[int, ...]] = []
        fields: list[tuple[int, ...]] = []
        actions: list[tuple[int, ...]] = []
        params: list[tuple[int, ...]] = []
        for table in sorted(tables, key=lambda table: table.id):
            flags = (
                TableFlag.PRIORITY * table.priority
                | TableFlag.TIMEOUT * table.timeout
                | TableFlag.MODIFY * table.modify
                | TableFlag.READ * table.read
                | TableFlag.COUNTER * table.counter
            )
            counts = (len(fields), len(table.fields), len(actions), len(table.actions))
            rows.append((table.id, table.index, flags, *counts))
            fields += [(field.id, field.bits, _KINDS[field.kind]) for field in table.fields]
            for action in table.actions:
                actions.append((action.id, action.index, len(params), len(action.params)))
                params += action.params
        kinds = (("table", rows), ("field", fields), ("action", actions), ("param", params))
        arrays = [ffi.new(f"struct p4s_wire_{kind}[]", items or 1) for kind, items in kinds]
        arguments = [part for array, (_, items) in zip(arrays, kinds, strict=True) for part in (array, len(items))]
        check(self._c.p4s_writer_tables(self.native, *arguments), "the tables to be written")

    def set_grants(self, grants: Sequence[Grant]) -> None:
        roles = [ffi.from_buffer(grant.role.encode()) for grant in grants]
        rows = [
            (grant.election >> 64, grant.election & 0xFFFFFFFFFFFFFFFF, role, len(role))
            for grant, role in zip(grants, roles, strict=True)
        ]
        check(self._c.p4s_writer_grants(self.native, ffi.new("struct p4s_grant[]", rows or 1), len(rows)), "the grants")

    def write(self, request: bytes) -> Failures | None:
        self._handle()
        written = self._c.p4s_write(self.native, request, len(request), self._outcome)
        if written == Written.WRITTEN:
            return []
        if written == Written.NOT_ORDINARY:
            return None
        outcome = self._outcome
        return self.failures(outcome.count, outcome.results, outcome.tables, outcome.ids)

    def failures(self, count: int, results: Any, tables: Any, ids: Any) -> Failures:
        """The parts of a struct p4s_outcome as the contract has them."""
        names = self._tables()
        return [(ids[i], _error(results[i], names[tables[i]].name)) for i in range(count)]


def _error(result: int, table: str) -> EngineError | None:
    try:
        check(result, f"entry of {table}")
    except EngineError as error:
        return error
    return None
