"""Reading what the runtime writes: records of its rings, images of table entries."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from p4soft.api import Entry, EntryState, Table
from p4soft.engine.binding import ffi

_RECORD = struct.Struct("=IIII")
_IMAGE = struct.Struct("=QQQQQiIII")


def text(array: Any) -> str:
    raw = ffi.string(array)
    return raw.decode() if isinstance(raw, bytes) else raw


def records(buffer: Any, used: int) -> Iterator[tuple[int, int, bytes]]:
    """(kind, aux, data) of the records in a buffer."""
    view = memoryview(ffi.buffer(buffer, used)) if used else memoryview(b"")
    at = 0
    while at < used:
        size, kind, aux, length = _RECORD.unpack_from(view, at)
        yield kind, aux, bytes(view[at + _RECORD.size : at + _RECORD.size + length])
        at += size


def entry_state(data: bytes, at: int) -> tuple[EntryState, int]:
    """One entry image, and where the next one starts."""
    cookie, idle, packets, count, since, priority, action, key_len, params_len = _IMAGE.unpack_from(data, at)
    key_at = at + _IMAGE.size
    params_at = key_at + key_len
    entry = Entry(
        key=data[key_at:params_at],
        action=action,
        params=data[params_at : params_at + params_len],
        priority=priority,
        idle_ns=idle,
        cookie=cookie,
    )
    size = (_IMAGE.size + key_len + params_len + 7) // 8 * 8
    return EntryState(entry, packets, count, since), at + size


def packed_sizes(table: Table) -> tuple[int, tuple[int, ...]]:
    """Bytes of a packed key, and of the packed parameters of each action."""
    key = 0
    for field in table.fields:
        size = (field.bits + 7) // 8
        key += size + {"exact": 0, "lpm": 2}.get(field.kind.value, size)
    return key, tuple(sum((b + 7) // 8 for b in a.param_bits) for a in table.actions)
