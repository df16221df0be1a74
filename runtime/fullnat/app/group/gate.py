"""The gate of a switch: the entries without which it does nothing (:attr:`fullnat.tables.table.Table.gate`)."""

from __future__ import annotations

from collections.abc import Iterable

from finsy.proto import p4i, p4r

from fullnat.core.interface import Op
from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import Code, RpcError
from fullnat.tables.table import TABLES, Entry


async def read(client: Client) -> tuple[Entry, ...]:
    """What there is of it. Raises P4RuntimeError."""
    return await client.read_but_sessions(client.schema.cold.gate_ids)


async def shut(client: Client, gate: Iterable[Entry] | None = None) -> int:
    """Take these entries away, or all there are; of how many it was. Raises P4RuntimeError."""
    found = await read(client) if gate is None else tuple(gate)
    await _write(client, Op.DELETE, found, Code.NOT_FOUND)
    return len(found)


async def shut_by_name(client: Client, p4info: p4i.P4Info) -> int:
    """The same of a switch whose program, with this P4Info, is none that we know. Raises P4RuntimeError."""
    gates = {table.name for table in TABLES.values() if table.gate}
    found: list[p4r.Entity] = []
    for table in p4info.tables:
        if table.preamble.name in gates:
            entity = p4r.Entity()
            entity.table_entry.table_id = table.preamble.id
            found += await client.read(entity)
    updates = []
    for entity in found:
        update = p4r.Update(type=p4r.Update.DELETE)
        update.entity.CopyFrom(entity)
        update.entity.table_entry.ClearField("action")
        updates.append(update.SerializeToString())
    await _written(client, updates, Code.NOT_FOUND)
    return len(found)


async def put(client: Client, gate: Iterable[Entry]) -> None:
    """Raises P4RuntimeError."""
    await _write(client, Op.INSERT, gate, Code.ALREADY_EXISTS)


async def _write(client: Client, op: Op, gate: Iterable[Entry], harmless: Code) -> None:
    await _written(client, [wire for entry in gate for wire in client.schema.encode(op, entry)], harmless)


async def _written(client: Client, updates: list[bytes], harmless: Code) -> None:
    if updates:
        failed = await client.write(updates)
        for code, message in failed.values():
            if code != harmless:
                raise RpcError(code, message)
