"""A pipeline's state without a data plane: what ``VERIFY_AND_SAVE`` needs until ``COMMIT``.

After a pipeline was saved, reads and writes refer to it while packets still take the old one. :class:`StagedEngine`
keeps those writes in dictionaries, with the engine's rules for duplicates, absence, sizes and ranges, and
:func:`replay` carries them over once the pipeline is committed. Packets, ports and events are not part of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from p4soft.api import (
    Engine,
    Entry,
    EntryExists,
    EntryNotFound,
    EntryState,
    InvalidValue,
    MeterConfig,
    Program,
    Replica,
    Table,
    TableFull,
)
from p4soft.codegen.describe import read_program

_Key = tuple[bytes, int]
_ANY_SIZE = 1 << 16
_NOTHING = Entry(b"", 0, b"")


@dataclass(slots=True)
class _Row:
    entry: Entry
    packets: int = 0
    bytes: int = 0
    meter: MeterConfig | None = None

    def state(self) -> EntryState:
        return EntryState(self.entry, self.packets, self.bytes, 0)


@dataclass(slots=True)
class _State:
    """Everything a pipeline's control plane can set."""

    program: Program = field(default_factory=lambda: Program({}))
    tables: list[Table] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    rows: dict[int, dict[_Key, _Row]] = field(default_factory=dict)
    """By number: of the tables, of the members of action profiles, of those of value sets."""
    lists: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    """Groups of action selectors, by profile and number."""
    defaults: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    misses: dict[int, _Row] = field(default_factory=dict)
    """Counters and meters of default entries; their ``entry`` means nothing."""
    counters: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    meters: dict[tuple[str, int], MeterConfig] = field(default_factory=dict)
    registers: dict[tuple[str, int], int] = field(default_factory=dict)
    groups: dict[int, tuple[Replica, ...]] = field(default_factory=dict)
    sessions: dict[int, tuple[tuple[Replica, ...], int]] = field(default_factory=dict)


class StagedEngine:
    """The control half of :class:`p4soft.api.Engine` (tables, cells, replication) on dictionaries."""

    def __init__(self) -> None:
        self.state = _State()

    def load(self, config: bytes) -> Program:
        program = read_program(config)
        tables = list(program.tables.values())
        sizes = {table.index: table.size for table in tables}
        sizes |= {profile.index: 2 * profile.size or _ANY_SIZE for profile in program.profiles.values()}
        sizes |= {value_set.index: 2 * value_set.size for value_set in program.value_sets.values()}
        rows: dict[int, dict[_Key, _Row]] = {number: {} for number in sizes}
        for table in tables:
            rows[table.index] = {(item.entry.key, item.entry.priority): _Row(item.entry) for item in table.initial}
        self.state = _State(program, tables, sizes, rows)
        return program

    # ports
    def port_up(self, port: int) -> bool:
        """No packet passes, so this makes no difference; see ProfileHandler.adopt."""
        return True

    # tables
    def insert(self, table: int, entry: Entry) -> None:
        rows = self.state.rows[table]
        key = (entry.key, entry.priority)
        if key in rows:
            raise EntryExists("the entry exists")
        if len(rows) >= self.state.sizes[table]:
            raise TableFull(f"all {self.state.sizes[table]} entries are in use")
        rows[key] = _Row(entry)

    def modify(self, table: int, entry: Entry) -> None:
        self._row(table, entry.key, entry.priority).entry = entry

    def delete(self, table: int, key: bytes, priority: int = 0) -> None:
        self._row(table, key, priority)
        del self.state.rows[table][key, priority]

    def get(self, table: int, key: bytes, priority: int = 0) -> EntryState | None:
        row = self.state.rows[table].get((key, priority))
        return row.state() if row else None

    def entries(self, table: int) -> Iterator[EntryState]:
        for row in list(self.state.rows[table].values()):
            yield row.state()

    def count(self, table: int) -> int:
        return len(self.state.rows[table])

    def set_default(self, table: int, action: int | None, params: bytes = b"") -> None:
        if action is None:
            self.state.defaults.pop(table, None)
            self.state.misses.pop(table, None)
        else:
            self.state.defaults[table] = (action, params)

    def default(self, table: int) -> tuple[int, bytes] | None:
        return self.state.defaults.get(table)

    def set_direct_counter(self, table: int, key: bytes | None, priority: int, packets: int, bytes_: int) -> None:
        row = self._row(table, key, priority)
        row.packets, row.bytes = packets, bytes_

    def default_counter(self, table: int) -> tuple[int, int]:
        row = self._row(table, None, 0)
        return row.packets, row.bytes

    def set_direct_meter(self, table: int, key: bytes | None, priority: int, config: MeterConfig | None) -> None:
        self._row(table, key, priority).meter = config

    def direct_meter(self, table: int, key: bytes | None, priority: int) -> MeterConfig | None:
        return self._row(table, key, priority).meter

    def _row(self, table: int, key: bytes | None, priority: int) -> _Row:
        if key is None:
            return self.state.misses.setdefault(table, _Row(_NOTHING))
        row = self.state.rows[table].get((key, priority))
        if row is None:
            raise EntryNotFound("no such entry")
        return row

    # indirect objects
    def read_counter(self, name: str, index: int) -> tuple[int, int]:
        _check(index, self.state.program.counters[name])
        return self.state.counters.get((name, index), (0, 0))

    def write_counter(self, name: str, index: int, packets: int, bytes_: int) -> None:
        _check(index, self.state.program.counters[name])
        self.state.counters[name, index] = (packets, bytes_)

    def read_meter(self, name: str, index: int) -> MeterConfig | None:
        _check(index, self.state.program.meters[name])
        return self.state.meters.get((name, index))

    def write_meter(self, name: str, index: int, config: MeterConfig | None) -> None:
        _check(index, self.state.program.meters[name])
        if config is None:
            self.state.meters.pop((name, index), None)
        else:
            self.state.meters[name, index] = config

    def read_register(self, name: str, index: int) -> int:
        _check(index, self.state.program.registers[name][0])
        return self.state.registers.get((name, index), 0)

    def write_register(self, name: str, index: int, value: int) -> None:
        _check(index, self.state.program.registers[name][0])
        self.state.registers[name, index] = value

    def counts(self, name: str) -> Iterator[tuple[int, int, int]]:
        for (held, index), (packets, bytes_) in self.state.counters.items():
            if held == name and (packets or bytes_):
                yield index, packets, bytes_

    def register_values(self, name: str) -> Iterator[tuple[int, int]]:
        for (held, index), value in self.state.registers.items():
            if held == name and value:
                yield index, value

    # action selectors
    def set_member_group(self, profile: int, group: int, members: Sequence[int] | None) -> None:
        if members is None:
            self.state.lists.pop((profile, group), None)
        else:
            self.state.lists[profile, group] = tuple(members)

    # replication
    def set_multicast_group(self, group: int, replicas: Sequence[Replica] | None) -> None:
        if replicas is None:
            self.state.groups.pop(group, None)
        else:
            self.state.groups[group] = tuple(replicas)

    def set_clone_session(self, session: int, replicas: Sequence[Replica] | None, truncate: int = 0) -> None:
        if replicas is None:
            self.state.sessions.pop(session, None)
        else:
            self.state.sessions[session] = (tuple(replicas), truncate)


def _check(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise InvalidValue(f"index {index} is outside 0..{size - 1}")


def replay(staged: StagedEngine, engine: Engine, program: Program) -> None:
    """Write everything held in ``staged`` into ``engine``, which has just loaded the same pipeline as ``program``."""
    state = staged.state
    for held in state.program.profiles.values():
        wanted = program.profiles[held.name]
        by_name = {action.name: action.index for action in wanted.actions}
        for row in state.rows[held.index].values():
            renumbered = by_name[held.actions[row.entry.action].name]
            engine.insert(wanted.index, dataclasses.replace(row.entry, action=renumbered))
        for (profile, group), members in state.lists.items():
            if profile == held.index:
                engine.set_member_group(wanted.index, group, members)
    for value_set in state.program.value_sets.values():
        for row in state.rows[value_set.index].values():
            engine.insert(program.value_sets[value_set.name].index, row.entry)
    for source in state.tables:
        target = program.tables[source.name]
        numbers = {action.name: action.index for action in target.actions}
        renumber = [numbers[action.name] for action in source.actions]
        begun = {(item.entry.key, item.entry.priority) for item in target.initial}
        for key, priority in begun.difference(state.rows[source.index]):
            engine.delete(target.index, key, priority)
        for row in state.rows[source.index].values():
            entry = row.entry
            key, priority = entry.key, entry.priority
            action = entry.action if source.profile is not None else renumber[entry.action]
            write = engine.modify if (key, priority) in begun else engine.insert
            write(target.index, dataclasses.replace(entry, action=action))
            _replay_direct(row, engine, target.index, key, priority)
        default = state.defaults.get(source.index)
        if default is not None:
            engine.set_default(target.index, renumber[default[0]], default[1])
        missed = state.misses.get(source.index)
        if missed is not None:
            _replay_direct(missed, engine, target.index, None, 0)
    for (name, index), (packets, bytes_) in state.counters.items():
        engine.write_counter(name, index, packets, bytes_)
    for (name, index), config in state.meters.items():
        engine.write_meter(name, index, config)
    for (name, index), value in state.registers.items():
        engine.write_register(name, index, value)
    for group, replicas in state.groups.items():
        engine.set_multicast_group(group, replicas)
    for session, (replicas, truncate) in state.sessions.items():
        engine.set_clone_session(session, replicas, truncate)


def _replay_direct(row: _Row, engine: Engine, table: int, key: bytes | None, priority: int) -> None:
    if row.packets or row.bytes:
        engine.set_direct_counter(table, key, priority, row.packets, row.bytes)
    if row.meter is not None:
        engine.set_direct_meter(table, key, priority, row.meter)
