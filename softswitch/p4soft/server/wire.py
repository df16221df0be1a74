"""Which requests the engine may serve by itself, and what to say when an update of them fails."""

from __future__ import annotations

from p4soft.api import Engine, MatchKind
from p4soft.api_optional import WritesBytes
from p4soft.api_write import Failures, Grant, WireAction, WireField, WireTable, WireWriter
from p4soft.server.errors import RpcError, from_engine
from p4soft.server.pipeline import Pipeline
from p4soft.server.tables import TableHandler


def wire_writer(engine: Engine, device_id: int) -> WireWriter | None:
    """The engine's, if it has one."""
    return engine.writer(device_id) if isinstance(engine, WritesBytes) else None


class WirePath:
    """Keeps a :class:`WireWriter` told of what it may do."""

    def __init__(self, writer: WireWriter) -> None:
        self.reader = writer.reader()
        self._writer = writer
        self._pipeline: Pipeline | None = None
        self._tables: dict[int, TableHandler] = {}

    def follow_pipeline(self, pipeline: Pipeline | None) -> None:
        """Write to the tables of ``pipeline``, which packets take; ``None``: to none. To be called again whenever
        entries were written without the writer: it takes no table some of whose entries have ``metadata``."""
        tables = {}
        if pipeline is not None:
            tables = {number: table for number, table in pipeline.tables.items() if table.plain and not table.metadata}
        if pipeline is not self._pipeline or tables.keys() != self._tables.keys():
            self._pipeline, self._tables = pipeline, tables
            self._writer.set_tables([_wire_table(table) for table in tables.values()])

    def follow_primaries(self, grants: list[Grant]) -> None:
        self._writer.set_grants(grants)

    def write(self, request: bytes) -> list[RpcError | None] | None:
        """Every update's error if one failed, empty if not; ``None``: nothing was done, the request is not ordinary."""
        failures = self._writer.write(request)
        return self.errors(failures) if failures else failures  # type: ignore[return-value]

    def errors(self, failures: Failures) -> list[RpcError | None]:
        return [
            from_engine(error, f"table {self._tables[number].name}") if error is not None else None
            for number, error in failures
        ]


def _wire_table(table: TableHandler) -> WireTable:
    ordinary = [codec for codec in table.actions.by_id.values() if codec.for_entries]
    return WireTable(
        id=table.id,
        index=table.index,
        fields=tuple(WireField(field.id, field.bits, field.kind) for field in table.keys.fields),
        actions=tuple(
            WireAction(codec.id, codec.index, tuple((param.id, param.bits) for param in codec.params))
            for codec in ordinary
            if codec.native
        ),
        priority=table.keys.needs_priority,
        timeout=table.support_timeout,
        modify=table.meter is None,
        read=all(codec.native for codec in ordinary)
        and all(field.kind is MatchKind.EXACT for field in table.keys.fields),
        counter=table.has_counter,
    )
