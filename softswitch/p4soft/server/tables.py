"""TableEntry: inserting, modifying, deleting and reading the entries of one table.

Nothing is kept per entry here; key, action, idle timeout and controller_metadata live in the engine. Only ``metadata``
bytes, which few clients set, are held in a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finsy.proto import p4i, p4r

from p4soft.api import Engine, Entry, EntryState, Table
from p4soft.server.actions import ActionSet
from p4soft.server.errors import RpcError, denied, invalid, not_found, unimplemented
from p4soft.server.keys import KeyCodec
from p4soft.server.meters import MeterRules
from p4soft.server.staging import StagedEngine

State = Engine | StagedEngine

_MAX_PRIORITY = 0x7FFFFFFF


class TableHandler:
    """One table of a loaded pipeline; those with an action profile are :class:`p4soft.server.indirect`'s."""

    plain = True
    """Whether the engine may write entries without :meth:`insert`, :meth:`modify` and :meth:`delete`."""
    direct = True
    """Whether entries hold an action, and no reference into an action profile."""

    def __init__(
        self, engine: State, info: p4i.Table, table: Table, keys: KeyCodec, actions: ActionSet, meter: MeterRules | None
    ) -> None:
        self.id = info.preamble.id
        self.name = info.preamble.name
        self.index = table.index
        self.keys = keys
        self.actions = actions
        self.meter = meter
        self.has_counter = table.has_counter
        self.is_const = info.is_const_table
        self.initial = {(item.entry.key, item.entry.priority): item.entry for item in table.initial}
        """The entries that the program begins with."""
        self._const = frozenset((item.entry.key, item.entry.priority) for item in table.initial if item.const)
        if self.is_const or self._const or not keys.fields or not keys.native:
            self.plain = False
        self.support_timeout = table.support_timeout and info.idle_timeout_behavior != p4i.Table.NO_TIMEOUT
        self._const_default = bool(info.const_default_action_id) or table.const_default
        self._initial_default = info.initial_default_action
        self._engine = engine
        self.metadata: dict[tuple[bytes, int], bytes] = {}
        self._default_metadata = b""
        self._default_cookie = 0
        self.default_written = False
        """Whether the default action is a client's and not the program's."""

    def adopt(self, other: TableHandler) -> None:
        """Take over what ``other``, the same table of a saved pipeline, holds besides the engine's state."""
        self.metadata = other.metadata
        self._default_metadata = other._default_metadata
        self._default_cookie = other._default_cookie
        self.default_written = other.default_written

    # writing

    def _encode_insert(self, update: p4r.TableEntry) -> tuple[Entry, bool]:
        """The engine's form of an insert, every check made; True if metadata or direct resources come with it."""
        if update.is_default_action:
            raise invalid(f"table {self.name}: the default entry can only be modified")
        keys = self.keys
        if not keys.fields:
            raise invalid(f"table {self.name}: has no key, so it takes no entries")
        if self.is_const:
            raise self._immutable()
        key = keys.encode(update.match)
        priority = update.priority
        if priority or keys.needs_priority:
            keys.check_priority(priority)
        action, params = self._encode_action(update.action)
        idle_ns = update.idle_timeout_ns
        rest = self._check_extras(update, idle_ns) or bool(update.metadata)
        return Entry(key, action, params, priority, idle_ns, update.controller_metadata), rest

    def insert(self, update: p4r.TableEntry) -> None:
        entry, rest = self._encode_insert(update)
        self._insert_entry(entry, update.action)
        if rest:
            if update.metadata:
                self.metadata[entry.key, entry.priority] = update.metadata
            self._write_direct(update, entry.key, entry.priority, reset_meter=False)

    def modify(self, update: p4r.TableEntry) -> None:
        if update.is_default_action:
            self._modify_default(update)
            return
        key = self.key_of(update)
        priority = update.priority
        idle_ns = update.idle_timeout_ns
        direct = self._check_extras(update, idle_ns)
        if update.HasField("action"):
            self._check_variable(key, priority)
            action, params = self._encode_action(update.action)
            entry = Entry(key, action, params, priority, idle_ns, update.controller_metadata)
            self._modify_entry(entry, update.action)
            if update.metadata:
                self.metadata[key, priority] = update.metadata
            elif self.metadata:
                self.metadata.pop((key, priority), None)
        elif self._engine.get(self.index, key, priority) is None:
            raise not_found(f"table {self.name}: no such entry")
        if direct or self.meter is not None:
            self._write_direct(update, key, priority, reset_meter=True)

    def _encode_delete(self, update: p4r.TableEntry) -> tuple[bytes, int]:
        """Key and priority of the entry to delete, every check made."""
        if update.is_default_action:
            raise invalid(f"table {self.name}: the default entry cannot be deleted, only modified")
        if self.is_const:
            raise self._immutable()
        key = self.keys.encode(update.match)
        priority = update.priority
        if priority or self.keys.needs_priority:
            self.keys.check_priority(priority)
        self._check_variable(key, priority)
        if update.is_const:
            raise invalid(f"table {self.name}: is_const cannot be set in a write")
        return key, priority

    def delete(self, update: p4r.TableEntry) -> None:
        key, priority = self._encode_delete(update)
        self._engine.delete(self.index, key, priority)
        if self.metadata:
            self.metadata.pop((key, priority), None)

    def _encode_action(self, action: p4r.TableAction) -> tuple[int, bytes]:
        return self.actions.encode(action)

    def _insert_entry(self, entry: Entry, action: p4r.TableAction) -> None:
        self._engine.insert(self.index, entry)

    def _modify_entry(self, entry: Entry, action: p4r.TableAction) -> None:
        self._engine.modify(self.index, entry)

    def key_of(self, entry: p4r.TableEntry) -> bytes:
        """The packed key of an entry named in a request; checks key and priority."""
        key = self.keys.encode(entry.match)
        self.keys.check_priority(entry.priority)
        return key

    def key_or_default(self, entry: p4r.TableEntry) -> bytes | None:
        """:meth:`key_of`, or None if it is the default entry that is named."""
        if entry.is_default_action:
            self._check_default_key(entry)
            return None
        return self.key_of(entry)

    def is_const_entry(self, key: bytes, priority: int) -> bool:
        """Whether the program says that this entry is not to be changed."""
        return self.is_const or (key, priority) in self._const

    def is_untouched(self, entry: p4r.TableEntry) -> bool:
        """Whether an entry, as it was read, is one of the program's as it was."""
        held = self.initial.get((self.keys.encode(entry.match), entry.priority))
        if held is None or entry.metadata or entry.controller_metadata or entry.idle_timeout_ns:
            return False
        return self._encode_action(entry.action) == (held.action, held.params)

    def missing(self) -> Iterator[p4r.TableEntry]:
        """The keys of the program's entries that are no more."""
        for (key, priority), held in self.initial.items():
            if self._engine.get(self.index, key, priority) is None:
                entry = p4r.TableEntry()
                self.decode_key_into(held, entry)
                yield entry

    def _check_variable(self, key: bytes, priority: int) -> None:
        if self.is_const:
            raise self._immutable()
        if (key, priority) in self._const:
            raise denied(f"table {self.name}: the entry is constant")

    def _immutable(self) -> RpcError:
        return denied(f"table {self.name}: is constant")

    def _check_extras(self, update: p4r.TableEntry, idle_ns: int) -> bool:
        """Check the fields besides key and action; True when direct resources are to be written."""
        if idle_ns and (idle_ns < 0 or not self.support_timeout):
            if idle_ns < 0:
                raise invalid(f"table {self.name}: idle_timeout_ns is negative")
            raise invalid(f"table {self.name}: does not support idle timeout")
        if update.HasField("time_since_last_hit"):
            raise invalid(f"table {self.name}: time_since_last_hit cannot be set in a write")
        if update.is_const:
            raise invalid(f"table {self.name}: is_const cannot be set in a write")
        counter = update.HasField("counter_data")
        meter = update.HasField("meter_config")
        if update.HasField("meter_counter_data"):
            raise unimplemented(f"table {self.name}: meters do not count packets per colour")
        if counter and not self.has_counter:
            raise invalid(f"table {self.name}: has no direct counter")
        if counter and (update.counter_data.packet_count < 0 or update.counter_data.byte_count < 0):
            raise invalid(f"table {self.name}: counter_data is negative")
        if meter:
            if self.meter is None:
                raise invalid(f"table {self.name}: has no direct meter")
            self.meter.encode(update.meter_config)
        return counter or meter

    def _write_direct(self, update: p4r.TableEntry, key: bytes | None, priority: int, *, reset_meter: bool) -> None:
        if update.HasField("counter_data"):
            data = update.counter_data
            self._engine.set_direct_counter(self.index, key, priority, data.packet_count, data.byte_count)
        if self.meter is not None:
            if update.HasField("meter_config"):
                config = self.meter.encode(update.meter_config)
                self._engine.set_direct_meter(self.index, key, priority, config)
            elif reset_meter:
                self._engine.set_direct_meter(self.index, key, priority, None)

    def _modify_default(self, update: p4r.TableEntry) -> None:
        self._check_default_key(update)
        if self._const_default:
            raise denied(f"table {self.name}: the default action is constant")
        if update.idle_timeout_ns or update.HasField("time_since_last_hit"):
            raise invalid(f"table {self.name}: the default entry has no idle timeout")
        self._check_extras(update, 0)
        if not update.HasField("action"):
            self._engine.set_default(self.index, None)
            self.default_written = False
            self._default_metadata = b""
            self._default_cookie = 0
            self._write_direct(update, None, 0, reset_meter=False)
            return
        action, params = self.actions.encode(update.action, default=True)
        self._engine.set_default(self.index, action, params)
        self.default_written = True
        self._default_metadata = update.metadata
        self._default_cookie = update.controller_metadata
        self._write_direct(update, None, 0, reset_meter=True)

    def _check_default_key(self, entry: p4r.TableEntry) -> None:
        if entry.match or entry.priority:
            raise invalid(f"table {self.name}: the default entry has no match and no priority")

    # reading

    def read(self, query: p4r.TableEntry, *, wildcard_table: bool = False) -> Iterator[p4r.Entity]:
        """The entries a read request selects. ``wildcard_table``: it asks for all tables, of which this is one."""
        if query.is_default_action:
            self._check_default_key(query)
            if query.idle_timeout_ns or query.HasField("time_since_last_hit"):
                raise invalid(f"table {self.name}: the default entry has no idle timeout")
            yield self._read_default(query)
            return
        if query.HasField("time_since_last_hit") and not self.support_timeout and not wildcard_table:
            raise invalid(f"table {self.name}: does not support idle timeout")
        since_hit = self.support_timeout and query.HasField("time_since_last_hit")
        counter = self.has_counter and query.HasField("counter_data")
        meter = self.meter is not None and query.HasField("meter_config")
        for state in self._select(query):
            entity = p4r.Entity()
            entry = entity.table_entry
            self.decode_into(state.entry, entry)
            if since_hit:
                entry.time_since_last_hit.elapsed_ns = state.since_hit_ns
            if counter:
                entry.counter_data.packet_count = state.packets
                entry.counter_data.byte_count = state.bytes
            if meter and self.meter is not None:
                config = self._engine.direct_meter(self.index, state.entry.key, state.entry.priority)
                if config is not None:
                    self.meter.decode_into(config, entry.meter_config)
            yield entity

    def select(self, query: p4r.TableEntry) -> Iterator[EntryState]:
        """The entries whose key (or, without match, whose every filter) fits; for direct counters and meters."""
        return self._select(query)

    def _select(self, query: p4r.TableEntry) -> Iterator[EntryState]:
        key = None
        if query.match:
            key = self.keys.encode(query.match)
            if query.priority or not self.keys.needs_priority:
                self.keys.check_priority(query.priority)
                state = self._engine.get(self.index, key, query.priority)
                return self._filter(query, iter((state,)) if state is not None else iter(()), None)
        return self._filter(query, self._engine.entries(self.index), key)

    def _filter(self, query: p4r.TableEntry, states: Iterator[EntryState], key: bytes | None) -> Iterator[EntryState]:
        priority, cookie, metadata = query.priority, query.controller_metadata, query.metadata
        action = self._action_filter(query)
        if key is None and not priority and not cookie and not metadata and action is None:
            return states
        return (
            state
            for state in states
            if (key is None or state.entry.key == key)
            and (not priority or state.entry.priority == priority)
            and (not cookie or state.entry.cookie == cookie)
            and (not metadata or self.metadata.get((state.entry.key, state.entry.priority)) == metadata)
            and (action is None or action(state.entry))
        )

    def _action_filter(self, query: p4r.TableEntry) -> Callable[[Entry], bool] | None:
        if not query.HasField("action"):
            return None
        if query.action.action.params:
            raise invalid(f"table {self.name}: entries can be selected by action, not by its parameters")
        codec = self.actions.by_id.get(query.action.action.action_id)
        if codec is None:
            raise invalid(f"table {self.name}: has no action with id {query.action.action.action_id}")
        index = codec.index
        return lambda entry: entry.action == index

    def decode_key_into(self, source: Entry, entry: p4r.TableEntry) -> None:
        """Fill in what identifies an entry: table, match, priority."""
        entry.table_id = self.id
        self.keys.decode_into(source.key, entry.match)
        if source.priority:
            entry.priority = min(source.priority, _MAX_PRIORITY)

    def decode_into(self, source: Entry, entry: p4r.TableEntry) -> None:
        """Fill in a whole entry as it was written."""
        self.decode_key_into(source, entry)
        self._decode_action(source, entry.action)
        self.decode_cookie_into(source, entry)
        if self.is_const_entry(source.key, source.priority):
            entry.is_const = True

    def _decode_action(self, source: Entry, action: p4r.TableAction) -> None:
        self.actions.by_index[source.action].decode_into(source.params, action.action)

    def decode_cookie_into(self, source: Entry, entry: p4r.TableEntry) -> None:
        """Fill in the idle timeout and the client's own data."""
        if source.cookie:
            entry.controller_metadata = source.cookie
        if source.idle_ns:
            entry.idle_timeout_ns = source.idle_ns
        if self.metadata:
            metadata = self.metadata.get((source.key, source.priority))
            if metadata:
                entry.metadata = metadata

    def _read_default(self, query: p4r.TableEntry) -> p4r.Entity:
        entity = p4r.Entity()
        entry = entity.table_entry
        entry.table_id = self.id
        entry.is_default_action = True
        current = self._engine.default(self.index)
        if current is not None and current[0] in self.actions.by_index:
            self.actions.by_index[current[0]].decode_into(current[1], entry.action.action)
        elif self._initial_default.action_id:
            initial = entry.action.action
            initial.action_id = self._initial_default.action_id
            for argument in self._initial_default.arguments:
                initial.params.add(param_id=argument.param_id, value=argument.value)
        if self._default_cookie:
            entry.controller_metadata = self._default_cookie
        if self._default_metadata:
            entry.metadata = self._default_metadata
        if self._const_default:
            entry.is_const = True
        if self.has_counter and query.HasField("counter_data"):
            entry.counter_data.packet_count, entry.counter_data.byte_count = self._engine.default_counter(self.index)
        if self.meter is not None and query.HasField("meter_config"):
            config = self._engine.direct_meter(self.index, None, 0)
            if config is not None:
                self.meter.decode_into(config, entry.meter_config)
        return entity
