"""Reading what the runtime writes: records of its rings, images of table entries."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from typing import Any

from p4soft.api import Entry, EntryState, Table
from p4soft.engine.binding import ffi

_CODES = {"uint64_t": "Q", "int32_t": "i", "uint32_t": "I"}


def unpacker(name: str) -> struct.Struct:
    """Reads a structure of numbers between which nothing is left free."""
    made = struct.Struct("=" + "".join(_CODES[field.type.cname] for _, field in ffi.typeof(name).fields))
    assert made.size == ffi.sizeof(name)
    return made


_RECORD = unpacker("struct p4s_record")
_IMAGE = unpacker("struct p4s_entry_image")


class RecordKind(IntEnum):
    """What a record holds, enum p4s_record_kind."""

    SKIP = 0
    PACKET = 1
    DIGEST = 2
    IDLE = 3


class PortKind(IntEnum):
    """enum p4s_port_kind."""

    NONE = 0
    MEMORY = 1
    PACKET = 2


class PortOffload(IntFlag):
    """What an interface's sockets can do about offloads, enum p4s_offload."""

    FINISHES = 1
    CUTS = 2
    JOINS = 4


def text(array: Any) -> str:
    raw = ffi.string(array)
    return raw.decode() if isinstance(raw, bytes) else raw


def records(buffer: Any, used: int) -> Iterator[tuple[int, int, bytes]]:
    """(kind, aux, data) of the records in a buffer."""
    taken: bytes = ffi.buffer(buffer, used)[:] if used else b""
    read, head = _RECORD.unpack_from, _RECORD.size
    at = 0
    while at < used:
        size, kind, aux, length = read(taken, at)
        yield kind, aux, taken[at + head : at + head + length]
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
