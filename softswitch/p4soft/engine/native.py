"""The engine that :mod:`p4soft.api` describes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from p4soft.api import (
    Digest,
    EngineError,
    Entry,
    EntryNotFound,
    EntryState,
    Event,
    Idle,
    InvalidValue,
    MeterConfig,
    PacketIn,
    PortStats,
    Program,
    Replica,
    Table,
)
from p4soft.codegen import model as m
from p4soft.codegen.unit import generate
from p4soft.engine.binding import END, NO_ACTION, check, ffi, program, runtime
from p4soft.engine.describe import api_program

_BUFFER = 1 << 20
_RECORD = struct.Struct("=IIII")
_IMAGE = struct.Struct("=QQQQQiIII")
_PACKET, _DIGEST, _IDLE = 1, 2, 3
_MAX_CLONE = 0x7FFF


class UpdateKind(IntEnum):
    INSERT = 0
    MODIFY = 1
    DELETE = 2


@dataclass(frozen=True, slots=True)
class TableUpdate:
    """One item of :meth:`NativeEngine.update_table`; DELETE uses only the entry's key and priority."""

    kind: UpdateKind
    entry: Entry


class NativeEngine:
    """Runs one BMv2 program on one native thread, which never takes the GIL.

    All methods may be called from any thread. A control call waits for at most one batch of packets.
    """

    def __init__(self, device_id: int, cpu_port: int | None) -> None:
        if cpu_port is not None and not 0 <= cpu_port < m.DROP_PORT:
            raise InvalidValue(f"the CPU port has to be 0..{m.DROP_PORT - 1}, not {cpu_port}")
        self.device_id = device_id
        self.cpu_port = cpu_port
        self._c = runtime()
        self._switch: Any = self._c.p4s_new(-1 if cpu_port is None else cpu_port)
        if self._switch == ffi.NULL:
            raise EngineError("cannot start the packet thread: out of memory or of file descriptors")
        self._program: Program | None = None
        self._tables: list[Table] = []
        self._packed: list[tuple[int, tuple[int, ...]]] = []
        self._definition = m.ProgramDef()
        self._counters: dict[str, m.CounterArray] = {}
        self._meters: dict[str, m.MeterArray] = {}
        self._registers: dict[str, m.RegisterArray] = {}
        self._library: Any = None
        self._buffer = ffi.new("uint8_t[]", _BUFFER)

    # life

    def _handle(self) -> Any:
        if self._switch is None:
            raise EngineError("the engine is closed")
        return self._switch

    def load(self, config: bytes) -> Program:
        definition, text = generate(config)
        library, description = program(text)
        check(self._c.p4s_load(self._handle(), description), "the program")
        self._library = library
        self._definition = definition
        self._program = api_program(definition)
        self._tables = [self._program.tables[t.name] for t in definition.tables]
        self._packed = [_packed_sizes(t) for t in self._tables]
        self._counters = {c.name: c for c in definition.counters}
        self._meters = {c.name: c for c in definition.meters}
        self._registers = {c.name: c for c in definition.registers}
        return self._program

    def verify(self, config: bytes) -> None:
        generate(config)

    @property
    def program(self) -> Program | None:
        return self._program

    def close(self) -> None:
        if self._switch is not None:
            handle, self._switch = self._switch, None
            self._c.p4s_free(handle)

    # ports

    def add_interface(self, port: int, interface: str) -> None:
        rc = self._c.p4s_add_interface(self._handle(), self._port(port), interface.encode())
        if rc == 0:
            return
        if rc == -6:
            raise InvalidValue(_interface_problem(interface, ffi.errno))
        raise InvalidValue(self._port_problem(port, rc))

    def add_memory_port(self, port: int) -> None:
        rc = self._c.p4s_add_memory_port(self._handle(), self._port(port))
        if rc != 0:
            raise InvalidValue(self._port_problem(port, rc))

    def remove_port(self, port: int) -> None:
        check(self._c.p4s_remove_port(self._handle(), self._port(port)), f"port {port}")

    @staticmethod
    def _port(port: int) -> int:
        if not 0 <= port <= m.DROP_PORT:
            raise InvalidValue(f"port {port} is outside 0..{m.DROP_PORT - 1}")
        return port

    def _port_problem(self, port: int, rc: int) -> str:
        if rc == -1:
            return f"port {port} is in use already"
        if port == self.cpu_port:
            return f"port {port} is the CPU port"
        return f"port {port} is outside 0..{m.DROP_PORT - 1}"

    def port_stats(self) -> list[PortStats]:
        images = ffi.new("struct p4s_port_image[512]")
        count = self._c.p4s_ports(self._handle(), images, 512)
        out = []
        for i in range(count):
            image, stats = images[i], images[i].stats
            out.append(
                PortStats(
                    port=image.number,
                    name=_text(image.name),
                    rx_packets=stats.rx_packets,
                    rx_bytes=stats.rx_bytes,
                    rx_dropped=stats.rx_dropped,
                    tx_packets=stats.tx_packets,
                    tx_bytes=stats.tx_bytes,
                    tx_dropped=stats.tx_dropped,
                )
            )
        return sorted(out, key=lambda s: s.port)

    def drops(self) -> dict[str, int]:
        """Packets and events lost since the start, by reason.

        ``partial_checksums`` counts received frames whose checksum the sending host left to its (virtual) interface; they
        are not dropped, but leave with a wrong checksum: turn its tx-checksum offload off.
        """
        values = ffi.new("uint64_t[8]")
        self._c.p4s_drops(self._handle(), values)
        names: tuple[str, ...] = ("unknown_port", "backlog", "oversize", "packet_ins", "digests", "idle_reports", "failed_asserts")
        names += ("partial_checksums",)
        return dict(zip(names, (int(v) for v in values), strict=True))

    def inject(self, port: int, data: bytes) -> None:
        if self._c.p4s_inject(self._handle(), self._port(port), data, len(data)) != 0:
            raise InvalidValue(f"a packet of {len(data)} bytes is too long")

    def packet_out(self, data: bytes) -> None:
        if self.cpu_port is None:
            raise InvalidValue("there is no CPU port")
        self.inject(self.cpu_port, data)

    def collect(self) -> list[tuple[int, bytes]]:
        buffer = ffi.new("uint8_t[]", _BUFFER)
        out: list[tuple[int, bytes]] = []
        while used := self._c.p4s_collect(self._handle(), buffer, _BUFFER):
            out += [(aux, data) for _, aux, data in _records(buffer, used)]
        return out

    def drain(self, timeout: float) -> bool:
        return bool(self._c.p4s_drain(self._handle(), max(0, int(timeout * 1e9))))

    # events

    def fileno(self) -> int:
        return int(self._c.p4s_event_fd(self._handle()))

    def poll(self, limit: int = 1024) -> list[Event]:
        used = self._c.p4s_poll(self._handle(), self._buffer, _BUFFER, limit)
        out: list[Event] = []
        for kind, aux, data in _records(self._buffer, used):
            if kind == _PACKET:
                out.append(PacketIn(data))
            elif kind == _DIGEST and aux < len(self._definition.learn_lists):
                out.append(Digest(self._definition.learn_lists[aux].name, data))
            elif kind == _IDLE:
                out.append(Idle(aux, _state(data, 0)[0].entry))
        return out

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

    def update_table(self, table: int, updates: Sequence[TableUpdate]) -> list[EngineError | None]:
        """Run updates of one table in order, much faster than one call each. Returns the error or None of each one."""
        out: list[EngineError | None] = [None] * len(updates)
        native = ffi.new("struct p4s_update[]", len(updates))
        chosen: list[int] = []
        data = bytearray()
        for i, update in enumerate(updates):
            entry = update.entry
            try:
                self._check_entry(table, entry.key, entry.priority)
                if update.kind is not UpdateKind.DELETE:
                    self._check_action(table, entry.action, entry.params)
            except EngineError as e:
                out[i] = e
                continue
            at = len(data)
            data += entry.key
            data += entry.params
            native[len(chosen)] = (
                int(update.kind),
                entry.action,
                entry.priority,
                at,
                at + len(entry.key),
                entry.idle_ns,
                entry.cookie,
            )
            chosen.append(i)
        if chosen:
            results = ffi.new("int32_t[]", len(chosen))
            view = ffi.from_buffer("uint8_t[]", data) if data else ffi.NULL
            self._c.p4s_update_table(self._handle(), table, native, len(chosen), view, results)
            for i, rc in zip(chosen, results, strict=True):
                try:
                    check(rc, f"entry of {self._tables[table].name}")
                except EngineError as e:
                    out[i] = e
        return out

    def _one(self, table: int, kind: int, entry: Entry) -> None:
        native = (kind, entry.action, entry.priority, 0, len(entry.key), entry.idle_ns, entry.cookie)
        result = ffi.new("int32_t *")
        update = ffi.new("struct p4s_update *", native)
        self._c.p4s_update_table(self._handle(), table, update, 1, entry.key + entry.params + b"\0", result)
        check(result[0], f"entry of {self._tables[table].name}")

    def insert(self, table: int, entry: Entry) -> None:
        self._check_entry(table, entry.key, entry.priority)
        self._check_action(table, entry.action, entry.params)
        self._one(table, 0, entry)

    def modify(self, table: int, entry: Entry) -> None:
        self._check_entry(table, entry.key, entry.priority)
        self._check_action(table, entry.action, entry.params)
        self._one(table, 1, entry)

    def delete(self, table: int, key: bytes, priority: int = 0) -> None:
        self._check_entry(table, key, priority)
        self._one(table, 2, Entry(key, 0, b"", priority))

    def insert_many(self, table: int, entries: Iterable[Entry]) -> list[EngineError | None]:
        """Insert in order; the error or None of each one."""
        return self.update_table(table, [TableUpdate(UpdateKind.INSERT, e) for e in entries])

    def delete_many(self, table: int, keys: Iterable[tuple[bytes, int]]) -> list[EngineError | None]:
        """Delete by (key, priority), in order; the error or None of each one."""
        return self.update_table(table, [TableUpdate(UpdateKind.DELETE, Entry(k, 0, b"", p)) for k, p in keys])

    def get(self, table: int, key: bytes, priority: int = 0) -> EntryState | None:
        self._check_entry(table, key, priority)
        out = ffi.new("uint8_t[]", self._c.p4s_image_size(self._handle(), table))
        rc = self._c.p4s_get(self._handle(), table, key, priority, out)
        if rc == -2:
            return None
        check(rc, f"entry of {self._tables[table].name}")
        return _state(bytes(ffi.buffer(out)), 0)[0]

    def get_many(self, table: int, keys: Iterable[tuple[bytes, int]]) -> list[EntryState | None]:
        """:meth:`get` for each (key, priority)."""
        return [self.get(table, key, priority) for key, priority in keys]

    def entries(self, table: int) -> Iterator[EntryState]:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        position = ffi.new("uint32_t *")
        out = ffi.new("uint8_t[]", _BUFFER)
        while position[0] != END:
            used = self._c.p4s_entries(self._handle(), table, position, out, _BUFFER)
            data = bytes(ffi.buffer(out, used))
            at = 0
            while at < used:
                state, at = _state(data, at)
                yield state

    def count(self, table: int) -> int:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        return int(self._c.p4s_table_count(self._handle(), table))

    def set_default(self, table: int, action: int | None, params: bytes = b"") -> None:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        if action is None:
            check(self._c.p4s_set_default(self._handle(), table, END, b""), "default entry")
            return
        self._check_action(table, action, params)
        what = f"default entry of {self._tables[table].name}"
        check(self._c.p4s_set_default(self._handle(), table, action, params + b"\0"), what)

    def default(self, table: int) -> tuple[int, bytes] | None:
        if not 0 <= table < len(self._tables):
            raise EntryNotFound(f"there is no table number {table}")
        sizes = self._packed[table][1]
        out = ffi.new("uint8_t[]", max(sizes, default=0) + 1)
        action = self._c.p4s_get_default(self._handle(), table, out)
        return None if action == NO_ACTION else (action, bytes(ffi.buffer(out, sizes[action])))

    # direct resources

    def set_direct_counter(self, table: int, key: bytes, priority: int, packets: int, bytes_: int) -> None:
        self._check_entry(table, key, priority)
        rc = self._c.p4s_set_direct_counter(self._handle(), table, key, priority, packets, bytes_)
        check(rc, f"entry of {self._tables[table].name}")

    def set_direct_meter(self, table: int, key: bytes, priority: int, config: MeterConfig | None) -> None:
        self._check_meter(table, key, priority)
        rc = self._c.p4s_set_direct_meter(self._handle(), table, key, priority, _meter_numbers(config))
        check(rc, f"entry of {self._tables[table].name}")

    def direct_meter(self, table: int, key: bytes, priority: int) -> MeterConfig | None:
        self._check_meter(table, key, priority)
        out = ffi.new("uint64_t[4]")
        rc = self._c.p4s_direct_meter(self._handle(), table, key, priority, out)
        check(rc, f"entry of {self._tables[table].name}")
        return MeterConfig(*(int(v) for v in out)) if rc else None

    def _check_meter(self, table: int, key: bytes, priority: int) -> None:
        self._check_entry(table, key, priority)
        if not self._tables[table].has_meter:
            raise InvalidValue(f"{self._tables[table].name} has no direct meter")

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
        self._c.p4s_read_counters(self._handle(), array, index, 1, out)
        return int(out[0]), int(out[1])

    def write_counter(self, name: str, index: int, packets: int, bytes_: int) -> None:
        array = self._at(self._counters.get(name), name, index)
        self._c.p4s_write_counter(self._handle(), array, index, packets, bytes_)

    def read_meter(self, name: str, index: int) -> MeterConfig | None:
        array = self._at(self._meters.get(name), name, index)
        out = ffi.new("uint64_t[4]")
        if not self._c.p4s_read_meter(self._handle(), array, index, out):
            return None
        return MeterConfig(*(int(v) for v in out))

    def write_meter(self, name: str, index: int, config: MeterConfig | None) -> None:
        array = self._at(self._meters.get(name), name, index)
        self._c.p4s_write_meter(self._handle(), array, index, _meter_numbers(config))

    def read_register(self, name: str, index: int) -> int:
        array = self._at(self._registers.get(name), name, index)
        size = _cell(self._registers[name].bits)
        out = ffi.new("uint8_t[]", size)
        self._c.p4s_read_registers(self._handle(), array, index, 1, out)
        return int.from_bytes(ffi.buffer(out, size), "little")

    def write_register(self, name: str, index: int, value: int) -> None:
        array = self._at(self._registers.get(name), name, index)
        bits = self._registers[name].bits
        if not 0 <= value < 1 << bits:
            raise InvalidValue(f"{value} does not fit in the {bits} bits of {name}")
        self._c.p4s_write_register(self._handle(), array, index, value.to_bytes(_cell(bits), "little"))

    # replication

    def _group(self, which: int, number: int, replicas: Sequence[Replica] | None, truncate: int, what: str) -> None:
        if replicas is None:
            check(self._c.p4s_set_group(self._handle(), which, number, ffi.NULL, 0, 0), what)
            return
        for replica in replicas:
            self._port(replica.port)
            if not 0 <= replica.instance <= 0xFFFF:
                raise InvalidValue(f"{what}: instance {replica.instance} is outside 0..65535")
        native = ffi.new("struct p4s_replica[]", [(r.port, r.instance) for r in replicas] or 1)
        check(self._c.p4s_set_group(self._handle(), which, number, native, len(replicas), truncate), what)

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


def _text(array: Any) -> str:
    raw = ffi.string(array)
    return raw.decode() if isinstance(raw, bytes) else raw


def _records(buffer: Any, used: int) -> Iterator[tuple[int, int, bytes]]:
    """(kind, aux, data) of the records in a buffer."""
    view = memoryview(ffi.buffer(buffer, used)) if used else memoryview(b"")
    at = 0
    while at < used:
        size, kind, aux, length = _RECORD.unpack_from(view, at)
        yield kind, aux, bytes(view[at + _RECORD.size : at + _RECORD.size + length])
        at += size


def _state(data: bytes, at: int) -> tuple[EntryState, int]:
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


def _packed_sizes(table: Table) -> tuple[int, tuple[int, ...]]:
    """Bytes of a packed key, and of the packed parameters of each action."""
    key = 0
    for field in table.fields:
        size = (field.bits + 7) // 8
        key += size + {"exact": 0, "lpm": 2}.get(field.kind.value, size)
    return key, tuple(sum((b + 7) // 8 for b in a.param_bits) for a in table.actions)


def _meter_numbers(config: MeterConfig | None) -> Any:
    if config is None:
        return ffi.NULL
    numbers = (config.cir, config.cburst, config.pir, config.pburst)
    if any(not 0 <= n < 1 << 63 for n in numbers):
        raise InvalidValue("rates and bursts of a meter have to be between 0 and 2**63 - 1")
    return ffi.new("uint64_t[4]", numbers)


def _cell(bits: int) -> int:
    """Bytes of a register cell."""
    return next((n for n in (1, 2, 4, 8) if bits <= 8 * n), (bits + 63) // 64 * 8)


def _interface_problem(interface: str, number: int) -> str:
    import errno
    import os

    if number == errno.EPERM:
        return f"interface {interface}: attaching needs CAP_NET_RAW; run as root, or use in-process ports"
    if number in (errno.ENODEV, errno.ENXIO):
        return f"there is no interface {interface}"
    return f"interface {interface}: {os.strerror(number)}"
