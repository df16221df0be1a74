"""Entries of all tables but the session tables, from what :mod:`fullnat.tables` says of each: to the wire, for a
configuration may have hundreds of thousands, and from message objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finsy.proto import p4r

from fullnat.net.flow import Address
from fullnat.p4rt import binding, wild
from fullnat.p4rt.binding import Binder
from fullnat.p4rt.wire import IntField, canonical, delimited, scalar, shortest
from fullnat.tables.table import TABLES, Entry, Owner, Table, shown, table_of


class _Codec:
    """One table, bound to P4Info."""

    def __init__(self, table: Table[Any], bound: binding.Table) -> None:
        self.table = table
        self.bound = bound
        self._names = {action.id: name for name, action in bound.actions.items()}
        self._head = scalar(1, bound.id)
        self._fields = [(field, _before(field, 2, 1, 2, 1)) for field in bound.key]
        self._actions = {
            name: (scalar(1, action.id), [(param, _before(param, 4, 2, 3, 0)) for param in action.params])
            for name, action in bound.actions.items()
        }

    def encode(self, entry: Entry, values: Sequence[Any], *, with_action: bool) -> bytes:
        """The serialised p4.v1.TableEntry; ``values`` are those of its key."""
        key, rest = self._key_wire(values)
        if not with_action:
            return key + rest
        name, params = self.table.action(entry)
        if name not in self._actions:
            raise ValueError(f"the program has no action {name} in table {self.bound.name}")
        head, fields = self._actions[name]
        return key + delimited(3, delimited(1, head + _pieces(fields, params))) + rest

    def _key_wire(self, values: Sequence[Any]) -> tuple[bytes, bytes]:
        """What stands before the action, and the priority behind it."""
        if self.table.kinds:
            *parts, priority = values
            found = zip(self.bound.key, self.table.kinds, parts, strict=True)
            return self._head + b"".join(wild.match(*part) for part in found), scalar(4, priority)
        if self.table.lpm:
            *exact, value, length = values
            return self._head + _pieces(self._fields[:-1], exact) + self._prefix(value, length), b""
        return self._head + _pieces(self._fields, values), b""

    def _prefix(self, value: int | Address, length: int) -> bytes:
        """The match of a prefix; one of length 0 is left out."""
        field = self.bound.key[-1]
        match = delimited(1, _value(value, field)) + scalar(2, length)
        return delimited(2, scalar(1, field.id) + delimited(4, match)) if length else b""

    def decode(self, entry: p4r.TableEntry) -> Entry:
        action = entry.action.action
        name = self._names.get(action.action_id)
        if name is None:
            raise ValueError(f"table {self.table.name}: unknown action {action.action_id:#x}")
        params = {param.param_id: param.value for param in action.params}
        decoded: Entry = self.table.made(
            self._key(entry),
            name,
            [self._decoded(params[param.id], param) for param in self.bound.actions[name].params],
        )
        return decoded

    def _key(self, entry: p4r.TableEntry) -> Sequence[Any]:
        if self.table.lpm:
            *exact, prefix = self.bound.key
            found = {match.field_id: match for match in entry.match}
            # A prefix of length 0 is left out.
            match = found[prefix.id].lpm if prefix.id in found else None
            value, length = (b"", 0) if match is None else (match.value, match.prefix_len)
            return (
                *(self._decoded(found[field.id].exact.value, field) for field in exact),
                self._decoded(value, prefix),
                length,
            )
        if self.table.kinds:
            found = {match.field_id: match for match in entry.match}
            fields = zip(self.bound.key, self.table.kinds, strict=True)
            read = (wild.read(found.get(field.id), field, kind, self.table.addresses) for field, kind in fields)
            return (*read, entry.priority)
        values = {match.field_id: match.exact.value for match in entry.match}
        return [self._decoded(values[field.id], field) for field in self.bound.key]

    def _decoded(self, value: bytes, field: binding.Field) -> int | Address:
        if field.name in self.table.addresses:
            return Address(value.rjust(field.bits // 8, b"\0"))
        return int.from_bytes(value, "big")


class ColdTables:
    """Codecs of every table but the session tables."""

    def __init__(self, binder: Binder) -> None:
        self._codecs: dict[tuple[type[Entry], bool], _Codec] = {}
        """By kind of entry, and whether its key is of IPv6."""
        for kind, table in TABLES.items():
            if table.owner is Owner.SESSIONS or (table.optional and not binder.has_stateless):
                continue
            names = {False: table.name} | ({True: table.name6} if table.name6 and binder.has_ipv6 else {})
            if (table.of_match and not binder.has_match) or (table.of_cookies and not binder.has_cookies):
                continue
            if table.of_policies and not binder.has_policies:
                continue
            kinds = (*("exact",) * (len(table.key) - 1), "lpm") if table.lpm else table.kinds
            for v6, name in names.items():
                bound = binder.table(name, table.key, _actions(table, binder), kinds=kinds)
                self._codecs[kind, v6] = _Codec(table, bound)
        self._by_id = {codec.bound.id: codec for codec in self._codecs.values()}

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(self._by_id)

    @property
    def gate_ids(self) -> tuple[int, ...]:
        """Of the tables that make the gate."""
        return tuple(number for number, codec in self._by_id.items() if codec.table.gate)

    def encode(self, entry: Entry, *, with_action: bool) -> bytes:
        """The serialised TableEntry; a deletion needs no action. Raises ValueError for a value wider than its field,
        and for IPv6 in a program without it."""
        table = table_of(entry)
        codec = self._codecs.get((type(entry), table.is_v6(entry)))
        if codec is None:
            raise ValueError(f"the program has no table for {shown(entry)}")
        return codec.encode(entry, table.key_values(entry), with_action=with_action)

    def decode(self, entry: p4r.TableEntry) -> Entry | None:
        """The entry, or None when it is not of one of these tables. Raises ValueError for an unknown action."""
        codec = self._by_id.get(entry.table_id)
        return codec.decode(entry) if codec else None


def _actions(table: Table[Any], binder: Binder) -> dict[str, tuple[str, ...]]:
    """Those that the program has to have."""
    actions = table.actions
    if binder.has_ipv6:
        actions += table.actions6
    if binder.has_stateless:
        actions += table.actions_stateless
    if binder.has_match:
        actions += table.actions_match + (table.actions_match6 if binder.has_ipv6 else ())
    if binder.has_policies:
        actions += table.actions_policies + (table.actions_policies_stateless if binder.has_stateless else ())
    return dict(actions)


def _before(field: binding.Field, parent: int, id_field: int, value_field: int, inner_field: int) -> list[bytes]:
    """What stands in front of a value, by the bytes that it has."""
    made = IntField(parent, id_field, field.id, value_field, inner_field, field.bits)
    return [made.before(size) for size in range((field.bits + 7) // 8 + 1)]


def _pieces(fields: Sequence[tuple[binding.Field, list[bytes]]], values: Sequence[int | Address]) -> bytes:
    found = b""
    for (field, before), value in zip(fields, values, strict=True):
        shown = _value(value, field)
        found += before[len(shown)] + shown
    return found


def _value(value: int | Address, field: binding.Field) -> bytes:
    if isinstance(value, bytes):
        if len(value) * 8 != field.bits:
            raise ValueError(f"{field.name} has {field.bits} bits, not the {len(value) * 8} of {value.hex()}")
        return shortest(value)
    if value >> field.bits:
        raise ValueError(f"{field.name} = {value:#x} does not fit in {field.bits} bits")
    return canonical(value)
