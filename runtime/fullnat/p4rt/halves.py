"""Sessions out of what is read of ``session_in`` and ``session_out``, of both families: a million at a restart.

A serialised ReadResponse is taken apart by regular expressions made from P4Info, in a twelfth of the time that message
objects take. They know the form in which P4Runtime servers made with protocol buffers write an entry: fields by their
numbers, bytestrings as short as can be. Entries in any other form are read as messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import partial
from operator import itemgetter
from typing import TypeVar

from finsy.proto import p4r

from fullnat.net.flow import V4_BYTES, V6_BYTES, Address, made
from fullnat.p4rt.binding import Field
from fullnat.p4rt.transport import Hit
from fullnat.p4rt.wire import shortest, varint
from fullnat.tables.session import SessionEntry, Splice

T = TypeVar("T")

_LENGTH = rb"[\x80-\xff]?[\x00-\x7f]"
_VARINT = rb"([\x80-\xff]*[\x00-\x7f])"
_NANOSECONDS = 1_000_000_000
REMEMBERED = 1 << 17
"""Values of a kind that are kept, so that sessions share them."""

Values = tuple[bytes | None, ...]
"""Of one half: the fields of the key and the parameters of the action, each behind its length, and then in the order of
:class:`Rest` what goes with them. None is what is not there; a number that is not there is 0."""


class Rest(IntEnum):
    """Where numbers are among the values, as varints, and the two messages that hold some of them."""

    METADATA = 10
    COUNTER = 11
    BYTES = 12
    PACKETS = 13
    TIMEOUT = 14
    SINCE_HIT = 15
    ELAPSED = 16
    SPLICE = 17
    """Further parameters of the action, behind their lengths, are here."""


_METADATA, _COUNTER, _BYTES, _PACKETS, _TIMEOUT, _SINCE_HIT, _ELAPSED, _SPLICE = map(int, Rest)


class Remembered(dict[bytes | None, T]):
    """What values stand for."""

    def __init__(self, make: Callable[[bytes | None], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, value: bytes | None) -> T:
        if len(self) >= REMEMBERED:
            self.clear()
        found = self[value] = self._make(value)
        return found


class Half:
    """How the entries of one table with one action look."""

    def __init__(
        self, table_id: int, key: Sequence[Field], action_id: int, params: Sequence[Field], *, inward: bool
    ) -> None:
        self.ids = table_id, action_id
        self.inward = inward
        """It is of session_in."""
        self.key_bytes = key[1].bits // 8
        """Of an address in the key."""
        self.param_bytes = params[2].bits // 8
        """Of the address among the parameters."""
        self.families = (self.key_bytes, self.param_bytes) if inward else (self.param_bytes, self.key_bytes)
        """Bytes of the client's and of the local address."""
        self.further = len(params) - (_METADATA - len(key))
        """Parameters of the action, of a spliced session."""
        self.key_ids = [field.id for field in key]
        self.param_ids = [param.id for param in params]
        matches = b"".join(rb"\x12.\x08" + _literal(field.id) + rb"\x12.\x0a" + _value(field.bits) for field in key)
        action = b"".join(rb"\x22.\x10" + _literal(param.id) + rb"\x1a" + _value(param.bits) for param in params)
        self.match = re.compile(
            rb"\x0a" + _LENGTH + rb"\x12" + _LENGTH + rb"\x08" + _literal(table_id) + matches
            + rb"\x1a" + _LENGTH + rb"\x0a" + _LENGTH + rb"\x08" + _literal(action_id) + action
            + rb"(?:\x28" + _VARINT + rb")?"
            + rb"(\x3a.(?:\x08" + _VARINT + rb")?(?:\x10" + _VARINT + rb")?)?"
            + rb"(?:\x48" + _VARINT + rb")?"
            + rb"(\x52.(?:\x08" + _VARINT + rb")?)?",
            re.DOTALL,
        ).match  # fmt: skip
        """Of a serialised ReadResponse the entity that begins at a place; its groups are its :meth:`ordered` Values."""

    def ordered(self, groups: Values) -> Values:
        """With what is further of the parameters behind all else."""
        end = _METADATA + self.further
        return groups if not self.further else (*groups[:_METADATA], *groups[end:], *groups[_METADATA:end])

    def values(self, entry: p4r.TableEntry) -> Values:
        """Raises ValueError for what we cannot have written."""
        match, params = entry.match, entry.action.action.params
        key = {field.field_id: field.exact.value for field in match}
        data = {param.param_id: param.value for param in params}
        if sorted(key) != sorted(self.key_ids) or sorted(data) != sorted(self.param_ids):
            raise ValueError(f"entry with fields {sorted(key)} and {sorted(data)}")
        values = [*(key[ident] for ident in self.key_ids), *(data[ident] for ident in self.param_ids)]
        behind_lengths: list[bytes | None] = [*map(_behind_length, values)]
        rest: list[bytes | None] = [
            _told(entry.controller_metadata),
            b"" if entry.HasField("counter_data") else None,
            _told(entry.counter_data.byte_count),
            _told(entry.counter_data.packet_count),
            _told(entry.idle_timeout_ns),
            b"" if entry.HasField("time_since_last_hit") else None,
            _told(entry.time_since_last_hit.elapsed_ns),
        ]
        return self.ordered((*behind_lengths, *rest))


class Halves:
    """All tables, with all actions."""

    def __init__(self, halves: Iterable[Half]) -> None:
        self._by_ids = {half.ids: half for half in halves}
        self._tables = {table for table, _ in self._by_ids}

    def __contains__(self, table_id: int) -> bool:
        """Whether it is one of the tables."""
        return table_id in self._tables

    def scan(self, response: bytes) -> list[tuple[Half, Values]]:
        """The entries of a serialised ReadResponse. Raises ValueError for what we cannot have written."""
        found: list[tuple[Half, Values]] = []
        at = 0
        # An entry most likely looks like the one before, or like the one before that.
        likely = list(self._by_ids.values())
        while at < len(response):
            for half in likely:
                entity = half.match(response, at)
                if entity is not None:
                    break
            else:
                entities = p4r.ReadResponse.FromString(response).entities
                return [self.values(entity.table_entry) for entity in entities]
            if half is not likely[0]:
                likely.remove(half)
                likely.insert(0, half)
            found.append((half, half.ordered(entity.groups()) if half.further else entity.groups()))
            at = entity.end()
        return found

    def values(self, entry: p4r.TableEntry) -> tuple[Half, Values]:
        """The same of a message."""
        ids = entry.table_id, entry.action.action.action_id
        half = self._by_ids.get(ids)
        if half is None:
            raise ValueError(f"entry of table {ids[0]:#x} with action {ids[1]:#x}")
        return half, half.values(entry)

    def hits(self, responses: Iterable[bytes]) -> tuple[dict[int, Hit], dict[int, Hit]]:
        """What entries that were found say of hits, inward and outward, by the session ids in their actions: not every
        switch keeps controller_metadata."""
        found: tuple[dict[int, Hit], dict[int, Hit]] = {}, {}
        for response in responses:
            for half, values in self.scan(response):
                since = None if values[_SINCE_HIT] is None else _unvarint(values[_ELAPSED])
                hit = since, _unvarint(values[_PACKETS]), _unvarint(values[_BYTES])
                found[0 if half.inward else 1][_number(values[5])] = hit
        return found


class HalfSessions:
    """Joins halves, in whatever order they come. Two belong together when they agree in every field that both tell."""

    def __init__(self, halves: Halves) -> None:
        self._halves = halves
        self._numbers = Remembered(_number)
        self._addresses = {size: Remembered(partial(_address, size)) for size in (V4_BYTES, V6_BYTES)}
        """By their bytes."""
        self._timeouts = Remembered(lambda value: _unvarint(value) / _NANOSECONDS)
        self._inward: dict[bytes | None, tuple[Half, Values]] = {}
        """By session id, those that wait for the other one; they are decoded with it."""
        self._outward: dict[bytes | None, tuple[Half, Values]] = {}
        self._beside: list[tuple[Half, Values]] = []
        """Further outward ones with the same ids."""
        self.sessions: list[SessionEntry] = []
        self.orphans: list[tuple[SessionEntry, bool]] = []
        """Halves without another one; True: of session_in."""

    def add(self, response: bytes) -> None:
        """A serialised ReadResponse of these tables. Raises ValueError for what we cannot have written."""
        for half, values in self._halves.scan(response):
            self._add(half, values)

    def add_entry(self, entry: p4r.TableEntry) -> bool:
        """False when it is an entry of another table."""
        if entry.table_id not in self._halves:
            return False
        self._add(*self._halves.values(entry))
        return True

    def take(self) -> list[SessionEntry]:
        """The sessions found since the last time."""
        sessions, self.sessions = self.sessions, []
        return sessions

    def _add(self, half: Half, values: Values) -> None:
        number = values[_NUMBER]
        found = half, values
        inward, outward = self._inward, self._outward
        if half.inward:
            if number in inward:
                self._orphan(found)
            elif number in outward and self._join(found, outward[number]):
                del outward[number]
            else:
                inward[number] = found
        elif number in inward and self._join(inward[number], found):
            del inward[number]
        elif number in outward:
            self._beside.append(found)
        else:
            outward[number] = found

    def finish(self) -> None:
        """There are no more of them."""
        for found in (*self._outward.values(), *self._beside):
            number = found[1][_NUMBER]
            if number in self._inward and self._join(self._inward[number], found):
                del self._inward[number]
            else:
                self._orphan(found)
        for found in self._inward.values():
            self._orphan(found)
        self._inward, self._outward, self._beside = {}, {}, []

    def _join(self, inward: tuple[Half, Values], outward: tuple[Half, Values]) -> bool:
        """Whether they belong together, to a session that is found then."""
        (half, values), (other, rest) = inward, outward
        shared = _OF_INWARD(values)
        if half.families != other.families or shared != _OF_OUTWARD(rest):
            return False
        if values[_SPLICE : _SPLICE + 1] != rest[_SPLICE : _SPLICE + 1]:
            return False
        self.sessions.append(self._entry(half.families, rest, shared, values[3:5], rest[1:3]))
        return True

    def _orphan(self, found: tuple[Half, Values]) -> None:
        half, values = found
        of, virtual, real = _OF_OUTWARD(values), _NOWHERE, values[1:3]
        if half.inward:
            of, virtual, real = _OF_INWARD(values), values[3:5], _NOWHERE
        self.orphans.append((self._entry(half.families, values, of, virtual, real), half.inward))

    def _entry(
        self, families: tuple[int, int], values: Values, shared: Values, virtual: Values, real: Values
    ) -> SessionEntry:
        """The session of ``values``, which are of one half, and of what both halves of it tell."""
        numbers = self._numbers
        outer, inner = self._addresses[families[0]], self._addresses[families[1]]
        protocol, client, client_port, server_id, local, local_port, delta, metadata, timeout = shared
        vip, vport = virtual
        server, server_port = real
        return made(
            SessionEntry,
            (
                _number(values[_NUMBER]),
                numbers[server_id],
                numbers[protocol],
                outer[client],
                numbers[client_port],
                outer[vip],
                numbers[vport],
                inner[local],
                numbers[local_port],
                inner[server],
                numbers[server_port],
                _number(delta),
                _isn(metadata),
                self._timeouts[timeout],
                _splice(values),
            ),
        )


_NUMBER = 5
"""Where the session id is, the first parameter."""
_OF_INWARD = itemgetter(0, 1, 2, 6, 7, 8, 9, _METADATA, _TIMEOUT)
_OF_OUTWARD = itemgetter(0, 7, 8, 6, 3, 4, 9, _METADATA, _TIMEOUT)
"""What both halves of a session tell, in one order."""
_NOWHERE: Values = (None, None)
"""An address and port that the other half would tell."""


def _splice(values: Values) -> Splice | None:
    """That of one half: of session_in without what is told of windows."""
    return Splice(*map(_number, values[_SPLICE:])) if len(values) > _SPLICE else None


def _address(size: int, value: bytes | None) -> Address:
    """Of so many bytes."""
    return Address((value or b"\0")[1:].rjust(size, b"\0"))


def _told(number: int) -> bytes | None:
    """As it is on the wire."""
    return varint(number) if number else None


def _literal(number: int) -> bytes:
    return re.escape(varint(number))


def _value(bits: int) -> bytes:
    """A bytestring behind its length, as short as can be: values are equal if they are the same bytes."""
    sizes = range((bits + 7) // 8, 1, -1)
    return b"(" + b"|".join([b"\\x%02x[^\\0]" % size + b"." * (size - 1) for size in sizes] + [rb"\x01."]) + b")"


def _behind_length(value: bytes) -> bytes:
    short = shortest(value)
    return bytes([len(short)]) + short


def _number(value: bytes | None) -> int:
    return int.from_bytes(value[1:], "big") if value is not None else 0


def _unvarint(value: bytes | None) -> int:
    number = 0
    for byte in reversed(value or b""):
        number = number << 7 | byte & 0x7F
    return number


def _isn(metadata: bytes | None) -> int:
    """The upper half of controller_metadata; its first four bytes are of the lower one."""
    return _unvarint(metadata[4:]) >> 4 if metadata is not None else 0
