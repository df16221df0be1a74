"""The engine that :mod:`p4soft.api` describes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import fields
from enum import IntEnum
from typing import Any

from p4soft.api import Entry, EntryNotFound, EntryState, InvalidValue, MeterConfig, MeterState, Replica
from p4soft.codegen import model as m
from p4soft.codegen.cells import cell_bytes
from p4soft.engine.binding import END, NO_ACTION, Error, check, ffi
from p4soft.engine.images import entry_state
from p4soft.engine.switch import BUFFER, Switch
from p4soft.engine.writer import NativeWriter

_MAX_CLONE = 0x7FFF
_CELLS = 4096
"""Cells of an array read in one call."""


class UpdateKind(IntEnum):
    """enum p4s_update_kind."""

    INSERT = 0
    MODIFY = 1
    DELETE = 2


class NativeEngine(Switch):
    """Runs one BMv2 program on native threads, one or as many as are asked for, which never take the GIL.

    All methods may be called from any thread. A control call waits for at most one batch of packets.
    """

    # tables

    def _check_entry(self, table: int, key: bytes, priority: int) -> None:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        size = self._packed[table][0]
        if len(key) != size:
            raise InvalidValue(f"a key of {self._tables[table].name} has {size} bytes, not {len(key)}")
        if not 0 <= priority < 1 << 31:
            raise InvalidValue(f"priority {priority} is outside 0..{(1 << 31) - 1}")

    def _check_action(self, table: int, action: int, params: bytes) -> None:
        sizes = self._packed[table][1]
        if not 0 <= action < len(sizes):
            raise InvalidValue(f"{self._tables[table].name} has no action number {action}")
        if len(params) != sizes[action]:
            name = self._tables[table].actions[action].name
            raise InvalidValue(f"the parameters of {name} take {sizes[action]} bytes, not {len(params)}")

    def writer(self, device_id: int) -> NativeWriter:
        """Applies serialized WriteRequests to the device ``device_id``."""
        return NativeWriter(self._c, self.handle, device_id, lambda: self._tables)

    def _update(self, table: int, kind: UpdateKind, entry: Entry) -> None:
        native = (kind, entry.action, entry.priority, 0, len(entry.key), entry.idle_ns, entry.cookie)
        update = ffi.new("struct p4s_update *", native)
        rc = self._c.p4s_update(self.handle(), table, update, entry.key + entry.params)
        check(rc, f"entry of {self._tables[table].name}")

    def insert(self, table: int, entry: Entry) -> None:
        self._check_entry(table, entry.key, entry.priority)
        self._check_action(table, entry.action, entry.params)
        self._update(table, UpdateKind.INSERT, entry)

    def modify(self, table: int, entry: Entry) -> None:
        self._check_entry(table, entry.key, entry.priority)
        self._check_action(table, entry.action, entry.params)
        self._update(table, UpdateKind.MODIFY, entry)

    def delete(self, table: int, key: bytes, priority: int = 0) -> None:
        self._check_entry(table, key, priority)
        self._update(table, UpdateKind.DELETE, Entry(key, 0, b"", priority))

    def get(self, table: int, key: bytes, priority: int = 0) -> EntryState | None:
        self._check_entry(table, key, priority)
        out = ffi.new("uint8_t[]", self._c.p4s_image_size(self.handle(), table))
        rc = self._c.p4s_get(self.handle(), table, key, priority, out)
        if rc == Error.NOT_FOUND:
            return None
        check(rc, f"entry of {self._tables[table].name}")
        return entry_state(bytes(ffi.buffer(out)), 0)[0]

    def entries(self, table: int) -> Iterator[EntryState]:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        position = ffi.new("uint32_t *")
        out = ffi.new("uint8_t[]", BUFFER)
        while position[0] != END:
            used = self._c.p4s_entries(self.handle(), table, position, out, BUFFER)
            data = bytes(ffi.buffer(out, used))
            at = 0
            while at < used:
                state, at = entry_state(data, at)
                yield state

    def count(self, table: int) -> int:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        return int(self._c.p4s_table_count(self.handle(), table))

    def entry_bytes(self, table: int) -> int:
        """Bytes of memory that an entry takes, with its counter, times and share of the index."""
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        return int(self._c.p4s_entry_bytes(self.handle(), table))

    def cell_bytes(self, *names: str) -> int:
        """Bytes of memory that one index of these register arrays takes; cells that lie together count once."""
        for name in names:
            self._at(self._registers.get(name), name, 0)
        homes = {self._registers[name].home for name in names}
        return sum(register.stride for register in self._registers.values() if register.index in homes)

    def set_default(self, table: int, action: int | None, params: bytes = b"") -> None:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        if action is None:
            check(self._c.p4s_set_default(self.handle(), table, END, b""), "default entry")
            return
        self._check_action(table, action, params)
        what = f"default entry of {self._tables[table].name}"
        check(self._c.p4s_set_default(self.handle(), table, action, params + b"\0"), what)

    def default(self, table: int) -> tuple[int, bytes] | None:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        sizes = self._packed[table][1]
        out = ffi.new("uint8_t[]", max(sizes, default=0) + 1)
        action = self._c.p4s_get_default(self.handle(), table, out)
        return None if action == NO_ACTION else (action, bytes(ffi.buffer(out, sizes[action])))

    # direct resources

    def set_direct_counter(self, table: int, key: bytes | None, priority: int, packets: int, bytes_: int) -> None:
        native = self._key(table, key, priority)
        rc = self._c.p4s_set_direct_counter(self.handle(), table, native, priority, packets, bytes_)
        check(rc, f"entry of {self._tables[table].name}")

    def default_counter(self, table: int) -> tuple[int, int]:
        self._key(table, None, 0)
        out = ffi.new("uint64_t[2]")
        self._c.p4s_default_counter(self.handle(), table, out)
        return int(out[0]), int(out[1])

    def set_direct_meter(self, table: int, key: bytes | None, priority: int, config: MeterConfig | None) -> None:
        native = self._check_meter(table, key, priority)
        rc = self._c.p4s_set_direct_meter(self.handle(), table, native, priority, _meter_numbers(config))
        check(rc, f"entry of {self._tables[table].name}")

    def direct_meter(self, table: int, key: bytes | None, priority: int) -> MeterConfig | None:
        native = self._check_meter(table, key, priority)
        out = ffi.new("uint64_t[4]")
        rc = self._c.p4s_direct_meter(self.handle(), table, native, priority, out)
        check(rc, f"entry of {self._tables[table].name}")
        return MeterConfig(*(int(v) for v in out)) if rc else None

    def _key(self, table: int, key: bytes | None, priority: int) -> Any:
        """The key for native calls, checked; None is the default entry's."""
        if key is not None:
            self._check_entry(table, key, priority)
            return key
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        return ffi.NULL

    def _check_meter(self, table: int, key: bytes | None, priority: int) -> Any:
        native = self._key(table, key, priority)
        if not self._tables[table].has_meter:
            raise InvalidValue(f"{self._tables[table].name} has no direct meter")
        return native

    # indirect objects

    @staticmethod
    def _at(array: m.CounterArray | m.MeterArray | m.RegisterArray | None, name: str, index: int) -> int:
        if array is None:
            raise EntryNotFound(f"there is no {name}")
        if not 0 <= index < array.size:
            raise EntryNotFound(f"{name} has indices 0..{array.size - 1}, not {index}")
        return array.index

    def read_counter(self, name: str, index: int) -> tuple[int, int]:
        array = self._at(self._counters.get(name), name, index)
        out = ffi.new("uint64_t[2]")
        self._c.p4s_read_counters(self.handle(), array, index, 1, out)
        return int(out[0]), int(out[1])

    def write_counter(self, name: str, index: int, packets: int, bytes_: int) -> None:
        array = self._at(self._counters.get(name), name, index)
        self._c.p4s_write_counter(self.handle(), array, index, packets, bytes_)

    def read_meter(self, name: str, index: int) -> MeterConfig | None:
        array = self._at(self._meters.get(name), name, index)
        out = ffi.new("uint64_t[4]")
        if not self._c.p4s_read_meter(self.handle(), array, index, out):
            return None
        return MeterConfig(*(int(v) for v in out))

    def meter_state(self, name: str, index: int) -> MeterState | None:
        """The meter with the tokens that it has; None when it is not configured."""
        array = self._at(self._meters.get(name), name, index)
        out = ffi.new("struct p4s_meter_image *")
        if not self._c.p4s_show_meter(self.handle(), array, index, out):
            return None
        return MeterState(*(getattr(out, each.name) for each in fields(MeterState)))

    def write_meter(self, name: str, index: int, config: MeterConfig | None) -> None:
        array = self._at(self._meters.get(name), name, index)
        self._c.p4s_write_meter(self.handle(), array, index, _meter_numbers(config))

    def read_register(self, name: str, index: int) -> int:
        array = self._at(self._registers.get(name), name, index)
        size = cell_bytes(self._registers[name].bits)
        out = ffi.new("uint8_t[]", size)
        self._c.p4s_read_registers(self.handle(), array, index, 1, out)
        return int.from_bytes(ffi.buffer(out, size), "little")

    def write_register(self, name: str, index: int, value: int) -> None:
        array = self._at(self._registers.get(name), name, index)
        bits = self._registers[name].bits
        if not 0 <= value < 1 << bits:
            raise InvalidValue(f"{value} does not fit in the {bits} bits of {name}")
        self._c.p4s_write_register(self.handle(), array, index, value.to_bytes(cell_bytes(bits), "little"))

    def counts(self, name: str) -> Iterator[tuple[int, int, int]]:
        counter = self._counters[name]
        for first, data in self._cells(self._c.p4s_read_counters, counter.index, counter.size, 16):
            for at in range(0, len(data), 16):
                packets, count = struct.unpack_from("=QQ", data, at)
                if packets or count:
                    yield first + at // 16, packets, count

    def register_values(self, name: str) -> Iterator[tuple[int, int]]:
        register = self._registers[name]
        size = cell_bytes(register.bits)
        for first, data in self._cells(self._c.p4s_read_registers, register.index, register.size, size):
            for at in range(0, len(data), size):
                if value := int.from_bytes(data[at : at + size], "little"):
                    yield first + at // size, value

    def _cells(self, read: Any, array: int, count: int, size: int) -> Iterator[tuple[int, bytes]]:
        """(first index, bytes) of some cells at a time, leaving out parts of nothing but zeros."""
        out = ffi.new("uint8_t[]", _CELLS * size)
        room = ffi.cast("uint64_t *", out) if read is self._c.p4s_read_counters else out
        for first in range(0, count, _CELLS):
            some = min(_CELLS, count - first)
            read(self.handle(), array, first, some, room)
            data = bytes(ffi.buffer(out, some * size))
            if data.count(0) != len(data):
                yield first, data

    # action selectors

    def set_member_group(self, profile: int, group: int, members: Sequence[int] | None) -> None:
        found = next((p for p in self._definition.profiles.values() if p.members.index == profile), None)
        if found is None or found.groups is None:
            raise EntryNotFound(f"there is no action selector number {profile}")
        if any(not 0 <= number < 1 << 32 for number in (group, *(members or ()))):
            raise InvalidValue(f"{found.name}: ids of groups and members are 0..{(1 << 32) - 1}")
        native = ffi.NULL if members is None else ffi.new("uint32_t[]", list(members) or 1)
        rc = self._c.p4s_set_list(self.handle(), found.groups.index, group, native, len(members or ()))
        check(rc, f"group {group} of {found.name}")

    # replication

    def _group(self, which: int, number: int, replicas: Sequence[Replica] | None, truncate: int, what: str) -> None:
        if replicas is None:
            check(self._c.p4s_set_group(self.handle(), which, number, ffi.NULL, 0, 0), what)
            return
        for replica in replicas:
            self.port(replica.port)
            if not 0 <= replica.instance <= 0xFFFF:
                raise InvalidValue(f"{what}: instance {replica.instance} is outside 0..65535")
        native = ffi.new("struct p4s_replica[]", [(r.port, r.instance) for r in replicas] or 1)
        check(self._c.p4s_set_group(self.handle(), which, number, native, len(replicas), truncate), what)

    def set_multicast_group(self, group: int, replicas: Sequence[Replica] | None) -> None:
        if not 1 <= group <= 0xFFFF:
            raise InvalidValue(f"multicast group {group} is outside 1..65535")
        self._group(0, group, replicas, 0, f"multicast group {group}")

    def set_clone_session(self, session: int, replicas: Sequence[Replica] | None, truncate: int = 0) -> None:
        if not 0 <= session <= _MAX_CLONE:
            raise InvalidValue(f"clone session {session} is outside 0..{_MAX_CLONE}")
        if not 0 <= truncate <= 0xFFFF:
            raise InvalidValue(f"clone session {session}: {truncate} bytes is outside 0..65535")
        self._group(1, session, replicas, truncate, f"clone session {session}")


def _meter_numbers(config: MeterConfig | None) -> Any:
    if config is None:
        return ffi.NULL
    numbers = (config.cir, config.cburst, config.pir, config.pburst)
    if any(not 0 <= n < 1 << 63 for n in numbers):
        raise InvalidValue("rates and bursts of a meter have to be between 0 and 2**63 - 1")
    return ffi.new("uint64_t[4]", numbers)
