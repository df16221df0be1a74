"""Looks the objects of the P4 program up in P4Info by name, and collects everything that is not as expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from finsy.proto import p4i

T = TypeVar("T")

_TABLE = p4i.Table.IdleTimeoutBehavior
_KINDS = {p4i.MatchField.EXACT: "exact", p4i.MatchField.LPM: "lpm"}


@dataclass(frozen=True, slots=True)
class Field:
    """A match field, action parameter, metadata field or struct member."""

    id: int
    name: str
    bits: int


@dataclass(frozen=True, slots=True)
class Action:
    id: int
    name: str
    params: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Table:
    id: int
    name: str
    key: tuple[Field, ...]
    actions: dict[str, Action]


@dataclass(frozen=True, slots=True)
class Array:
    """An indexed counter or meter."""

    id: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Digest:
    id: int
    fields: tuple[Field, ...]
    """Of its struct, whose members have no ids: their positions."""


class Binder:
    """Finds objects by name. What is missing or different goes to ``differences``, and a dummy stands in."""

    def __init__(self, p4info: p4i.P4Info) -> None:
        self.differences: list[str] = []
        self._tables = {table.preamble.name: table for table in p4info.tables}
        self._actions = {action.preamble.id: action for action in p4info.actions}
        self._direct_counters = {counter.direct_table_id: counter for counter in p4info.direct_counters}
        self._counters = {counter.preamble.name: counter for counter in p4info.counters}
        self._meters = {meter.preamble.name: meter for meter in p4info.meters}
        self._headers = {header.preamble.name: header for header in p4info.controller_packet_metadata}
        self._digests = {digest.preamble.name: digest for digest in p4info.digests}
        self._structs = p4info.type_info.structs

    @property
    def has_ipv6(self) -> bool:
        """The program has tables for IPv6."""
        return "session_in6" in self._tables

    @property
    def has_stateless(self) -> bool:
        """The program has services without sessions."""
        return "bucket" in self._tables

    @property
    def has_cookies(self) -> bool:
        """The program answers SYNs with cookies."""
        return "cookie_key" in self._tables

    @property
    def has_match(self) -> bool:
        """It has services of all ports and by match."""
        return "service_match" in self._tables

    @property
    def has_policies(self) -> bool:
        """It knows who may use services."""
        return "policy" in self._tables

    def table(
        self,
        name: str,
        key: Sequence[str],
        actions: Mapping[str, Sequence[str]],
        *,
        kinds: Sequence[str] = (),
        per_session: bool = False,
    ) -> Table:
        """A table with key fields of these match ``kinds``, none is all exact; ``per_session`` asks for idle timeout
        and a direct counter."""
        table = self._tables.get(name)
        if table is None:
            return self._missing(f"no table {name}", Table(0, name, (), {}))
        where = f"table {name}"
        fields = tuple(Field(field.id, field.name, field.bitwidth) for field in table.match_fields)
        self._same(f"{where}: key", [field.name for field in fields], key)
        for field, kind in zip(table.match_fields, kinds or ("exact",) * len(key), strict=False):
            found = _KINDS.get(field.match_type, p4i.MatchField.MatchType.Name(field.match_type).lower())
            if found != kind:
                self.differences.append(f"{where}: field {field.name} is {found}, expected {kind}")
        if per_session and table.idle_timeout_behavior != _TABLE.NOTIFY_CONTROL:
            self.differences.append(f"{where}: no idle timeout")
        if per_session and table.preamble.id not in self._direct_counters:
            self.differences.append(f"{where}: no direct counter")
        return Table(table.preamble.id, name, fields, self._table_actions(where, table, actions))

    def _table_actions(self, where: str, table: p4i.Table, expected: Mapping[str, Sequence[str]]) -> dict[str, Action]:
        found = {}
        for reference in table.action_refs:
            action = self._actions.get(reference.id)
            if action is not None and reference.scope != p4i.ActionRef.DEFAULT_ONLY:
                params = tuple(Field(param.id, param.name, param.bitwidth) for param in action.params)
                found[action.preamble.name] = Action(action.preamble.id, action.preamble.name, params)
        self._same(f"{where}: actions", sorted(found), sorted(expected))
        for name in found.keys() & expected.keys():
            self._same(f"{where}: parameters of {name}", [param.name for param in found[name].params], expected[name])
        return found

    def counts_bytes(self, table: Table) -> bool:
        """Whether the table's direct counter has bytes beside packets."""
        counter = self._direct_counters.get(table.id)
        return counter is not None and counter.spec.unit == p4i.CounterSpec.Unit.BOTH

    def counter(self, name: str, size: int) -> Array:
        return self._array("counter", self._counters.get(name), name, size)

    def meter(self, name: str, size: int) -> Array:
        return self._array("meter", self._meters.get(name), name, size)

    def header(self, name: str, names: Sequence[str], optional: Sequence[str] = ()) -> tuple[Field, ...]:
        """The fields of packet_in or packet_out; ``optional`` ones come last, all or none."""
        header = self._headers.get(name)
        if header is None:
            return self._missing(f"no controller header {name}", ())
        fields = tuple(Field(field.id, field.name, field.bitwidth) for field in header.metadata)
        self._same(name, [field.name for field in fields], names, optional)
        return fields

    def digest(self, name: str, members: Sequence[str], optional: Sequence[str] = ()) -> Digest:
        """A digest of a struct with ``members``; ``optional`` ones come last, all or none."""
        digest = self._digests.get(name)
        if digest is None:
            return self._missing(f"no digest {name}", Digest(0, ()))
        struct = self._structs[digest.type_spec.struct.name]
        self._same(f"digest {name}", [member.name for member in struct.members], members, optional)
        fields = [
            Field(number, member.name, member.type_spec.bitstring.bit.bitwidth)
            for number, member in enumerate(struct.members)
        ]
        return Digest(digest.preamble.id, tuple(fields))

    def _array(self, what: str, found: p4i.Counter | p4i.Meter | None, name: str, size: int) -> Array:
        if found is None:
            return self._missing(f"no {what} {name}", Array(0, name, 0))
        if found.size < size:
            self.differences.append(f"{what} {name}: size {found.size}, expected {size}")
        return Array(found.preamble.id, name, found.size)

    def _same(self, what: str, found: Iterable[str], expected: Iterable[str], optional: Iterable[str] = ()) -> None:
        have, want = list(found), list(expected)
        if have != want and have != [*want, *optional]:
            self.differences.append(f"{what}: ({', '.join(have)}), expected ({', '.join(want)})")

    def _missing(self, difference: str, dummy: T) -> T:
        self.differences.append(difference)
        return dummy
