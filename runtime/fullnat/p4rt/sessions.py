"""The two entries of a FULLNAT session, to and from the wire: the hot path of the controller.

There is a pair of tables and actions for each pair of families, the client's and the server's, that the program has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from finsy.proto import p4r

from fullnat.core.interface import Op, ProbeResult
from fullnat.net.flow import V4_BYTES
from fullnat.p4rt.binding import Binder, Field, Table
from fullnat.p4rt.halves import Half, HalfSessions, Halves
from fullnat.p4rt.session_template import Form, SessionTemplates
from fullnat.p4rt.transport import Hit
from fullnat.p4rt.wire import AddressField, BytesField, IntField, delimited, scalar, tag, varint
from fullnat.tables.session import KEY_ADDRESSES, SIDES, SPLICED, SessionEntry, Side

UPDATE_TYPES = {Op.INSERT: p4r.Update.INSERT, Op.MODIFY: p4r.Update.MODIFY, Op.DELETE: p4r.Update.DELETE}

_ENTITY_TABLE_ENTRY = tag(2, 2)
_TABLE_ACTION = tag(3, 2)
_ACTION = tag(1, 2)
_METADATA = tag(5, 0)
_TABLE_ENTRY_COUNTER_DATA = delimited(7, b"")
_TABLE_ENTRY_SINCE_HIT = delimited(10, b"")
_NANOSECONDS = 1_000_000_000


class _Half:
    """One direction's table with one of its actions: pieces of wire format per key field and parameter."""

    def __init__(self, table: Table, action: str, *, inward: bool) -> None:
        self.table_id = table.id
        self.head = scalar(1, table.id)
        self.key = tuple(_field(field, 2, 1, 2, 1) for field in table.key)
        bound = table.actions[action]
        self.half = Half(table.id, table.key, bound.id, bound.params, inward=inward)
        self.action_head = scalar(1, bound.id)
        self.params = tuple(_field(param, 4, 2, 3, 0) for param in bound.params)

    def form(self, update: Callable[[int], bytes]) -> Form:
        """How entries are written, ``update`` being what is in front of one of so many bytes."""
        return Form(self.head, self.key, partial(_action_front, self.action_head), self.params, update)


class _Pair:
    """Both halves, and how new ones are written."""

    def __init__(self, inward: _Half, outward: _Half, update_heads: Mapping[Op, bytes]) -> None:
        self.inward = inward
        self.outward = outward
        self.templates = {
            op: SessionTemplates(*(half.form(partial(_update_front, head)) for half in (inward, outward)))
            for op, head in update_heads.items()
            if op is not Op.DELETE
        }


def _field(field: Field, parent: int, id_field: int, value_field: int, inner_field: int) -> BytesField[Any]:
    made = AddressField if field.name in KEY_ADDRESSES else IntField
    return made(parent, id_field, field.id, value_field, inner_field, field.bits)


def _tables(binder: Binder, sides: Iterable[Side]) -> dict[str, Table]:
    """By their names, each with all its actions."""
    actions: dict[str, dict[str, Sequence[str]]] = {}
    keys = {}
    for side in sides:
        keys[side.table] = side.key
        actions.setdefault(side.table, {})[side.action.name] = side.action.params
    return {name: binder.table(name, keys[name], actions[name], per_session=True) for name in keys}


class SessionTables:
    """Codec of both entries of a session, whatever the families."""

    def __init__(self, binder: Binder) -> None:
        pairs = {
            (*sizes, spliced): pair
            for spliced, sides in ((False, SIDES), (True, SPLICED if binder.has_cookies else {}))
            for sizes, pair in sides.items()
            if binder.has_ipv6 or sizes == (V4_BYTES, V4_BYTES)
        }
        tables = _tables(binder, [side for pair in pairs.values() for side in pair])
        if binder.differences:
            return
        self.ids = tuple(table.id for table in tables.values())
        self._counts_bytes = all(binder.counts_bytes(table) for table in tables.values())
        self._timeouts: dict[float, bytes] = {}
        self._update_heads = {op: scalar(1, kind) + tag(2, 2) for op, kind in UPDATE_TYPES.items()}
        self._pairs = {
            sizes: _Pair(
                _Half(tables[inward.table], inward.action.name, inward=True),
                _Half(tables[outward.table], outward.action.name, inward=False),
                self._update_heads,
            )
            for sizes, (inward, outward) in pairs.items()
        }
        """By the bytes of the client's and of the local address, and whether it is spliced."""
        self._halves = Halves(half.half for pair in self._pairs.values() for half in (pair.inward, pair.outward))

    def keys(self, entry: SessionEntry) -> tuple[bytes, bytes]:
        """The serialised table id and match fields of both directions."""
        # Fields of few values are looked up, the others made.
        _, _, proto, client, client_port, vip, vport, local, local_port, server, server_port, _, _, _, _ = entry
        pair = self._pairs[len(client), len(local), False]
        half = pair.inward
        key = half.key
        inward = (
            half.head + key[0][proto] + key[1].encode(client) + key[2].encode(client_port) + key[3][vip] + key[4][vport]
        )
        half = pair.outward
        key = half.key
        outward = (
            half.head + key[0][proto] + key[1][server] + key[2][server_port] + key[3][local] + key[4].encode(local_port)
        )
        return inward, outward

    def encode(self, op: Op, entry: SessionEntry) -> tuple[bytes, bytes]:
        """The serialised p4.v1.Update of both directions. Raises IndexError for a value too wide for its field, and
        KeyError for families that the program does not have."""
        head = self._update_heads[op]
        if op is Op.DELETE:
            inward, outward = self.keys(entry)
            return _update(head, inward), _update(head, outward)
        tail = self._tail(entry)
        pair = self._pairs[len(entry[3]), len(entry[7]), entry.splice is not None]
        made = pair.templates[op].encode(entry, tail) if entry.splice is None else None
        if made is not None:
            return made
        inward, outward = self.keys(entry)
        return (
            _update(head, inward + _in_action(pair.inward, entry) + tail),
            _update(head, outward + _out_action(pair.outward, entry) + tail),
        )

    def _tail(self, entry: SessionEntry) -> bytes:
        """controller_metadata and idle_timeout_ns."""
        timeout = self._timeouts.get(entry.idle_timeout)
        if timeout is None:
            timeout = self._timeouts[entry.idle_timeout] = scalar(9, round(entry.idle_timeout * _NANOSECONDS))
        cookie = entry.client_isn << 32 | entry.session_id
        return _METADATA + varint(cookie) + timeout if cookie else timeout

    def halves(self) -> HalfSessions:
        """To join what is read of the two tables."""
        return HalfSessions(self._halves)

    def probe_entities(self, sessions: Iterable[SessionEntry]) -> list[bytes]:
        """Serialised p4.v1.Entity for reads of both directions' counters and time since last hit."""
        entities = []
        for session in sessions:
            for key in self.keys(session):
                body = key + _TABLE_ENTRY_COUNTER_DATA + _TABLE_ENTRY_SINCE_HIT
                entities.append(_ENTITY_TABLE_ENTRY + varint(len(body)) + body)
        return entities

    def hits(self, sessions: Iterable[SessionEntry], responses: Iterable[bytes]) -> list[Hit | None]:
        """What serialised ReadResponses to :meth:`probe_entities` say of each entry, in the order in which they were
        asked for; None for one that is gone."""
        inward, outward = self._halves.hits(responses)
        numbers = [session.session_id for session in sessions]
        return [of.get(number) for number in numbers for of in (inward, outward)]

    def probe_results(
        self, sessions: Iterable[SessionEntry], hits: Sequence[Hit | None]
    ) -> list[tuple[int, ProbeResult | None]]:
        """What the hits of both entries of each session say; None: an entry of the two is gone."""
        counts_bytes = self._counts_bytes
        results: list[tuple[int, ProbeResult | None]] = []
        for session, inward, outward in zip(sessions, hits[::2], hits[1::2], strict=True):
            result = None
            if inward is not None and outward is not None:
                since_in, packets_in, bytes_in = inward
                since_out, packets_out, bytes_out = outward
                idle = idle_in = None
                if since_in is not None and since_out is not None:
                    idle, idle_in = min(since_in, since_out) / _NANOSECONDS, since_in / _NANOSECONDS
                octets = (bytes_in, bytes_out) if counts_bytes else (None, None)
                result = ProbeResult(idle, packets_in, octets[0], packets_out, octets[1], idle_in)
            results.append((session.session_id, result))
        return results

    def delete_half(self, session: SessionEntry, *, inward: bool) -> bytes:
        """The serialised p4.v1.Update that removes one direction."""
        keys = self.keys(session)
        return _update(self._update_heads[Op.DELETE], keys[0] if inward else keys[1])


def _in_action(half: _Half, entry: SessionEntry) -> bytes:
    params = half.params
    return _action(
        half.action_head
        + params[0].encode(entry.session_id)
        + params[1][entry.server_id]
        + params[2][entry.local]
        + params[3].encode(entry.local_port)
        + params[4].encode(entry.delta)
        + b"".join(param.encode(value) for param, value in zip(params[5:], entry.splice or (), strict=False))
    )


def _out_action(half: _Half, entry: SessionEntry) -> bytes:
    params = half.params
    return _action(
        half.action_head
        + params[0].encode(entry.session_id)
        + params[1][entry.server_id]
        + params[2].encode(entry.client)
        + params[3].encode(entry.client_port)
        + params[4].encode(entry.delta)
        + b"".join(param.encode(value) for param, value in zip(params[5:], entry.splice or (), strict=True))
    )


def _action(action: bytes) -> bytes:
    """TableEntry.action.action."""
    inner = _ACTION + varint(len(action)) + action
    return _TABLE_ACTION + varint(len(inner)) + inner


def _action_front(head: bytes, params: int) -> bytes:
    """What :func:`_action` puts in front of ``params`` bytes of parameters."""
    size = len(head) + params
    inner = _ACTION + varint(size)
    return _TABLE_ACTION + varint(len(inner) + size) + inner + head


def _update(head: bytes, table_entry: bytes) -> bytes:
    return _update_front(head, len(table_entry)) + table_entry


def _update_front(head: bytes, size: int) -> bytes:
    """``head`` of the Update, and what is in front of a TableEntry of ``size`` bytes in there."""
    return head + varint(size + len(varint(size)) + 1) + _ENTITY_TABLE_ENTRY + varint(size)
