"""Tables: the key of a packet, and the entry that it matches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from p4soft.api import Entry
from p4soft.codegen import model as m
from p4soft.codegen.tables import packed_params
from p4soft.interpreter.expressions import Expressions, Number
from p4soft.interpreter.frame import Frame


class Found(NamedTuple):
    """An action and its parameters, those of an entry or the default ones."""

    action: m.ActionDef
    params: tuple[int, ...]


class Candidate(NamedTuple):
    """An entry that is not exact: for each field what it masks and what must then be between two values."""

    tests: tuple[tuple[int, int, int], ...]
    entry: Entry


def pack_exact(table: m.TableDef, key: Sequence[int]) -> bytes:
    return b"".join(v.to_bytes((f.bits + 7) // 8, "big") for v, f in zip(key, table.key, strict=True))


def unpack_params(action: m.ActionDef, params: bytes) -> tuple[int, ...]:
    values, at = [], 0
    for bits in action.params:
        size = (bits + 7) // 8
        values.append(int.from_bytes(params[at : at + size], "big"))
        at += size
    return tuple(values)


def own_entries(table: m.TableDef) -> list[Entry]:
    """Those that the program begins with."""
    return [
        Entry(e.key, e.action, packed_params(table.actions[e.action].params, e.params), e.priority)
        for e in table.entries
    ]


def candidates(table: m.TableDef, entries: Iterable[Entry]) -> list[Candidate]:
    """In the order in which they are to be tried."""
    found = []
    for entry in entries:
        tests, prefix, at = [], 0, 0
        for field in table.key:
            size, ones = (field.bits + 7) // 8, (1 << field.bits) - 1
            first, at = int.from_bytes(entry.key[at : at + size], "big"), at + size
            low, high, mask = first, first, ones
            if field.kind == "lpm":
                prefix, at = int.from_bytes(entry.key[at : at + 2], "big"), at + 2
                mask = ones ^ ones >> prefix
            elif field.kind != "exact":
                second, at = int.from_bytes(entry.key[at : at + size], "big"), at + size
                if field.kind == "range":
                    high = second
                else:
                    mask = second
            tests.append((mask, low, high))
        found.append((prefix, entry.priority, Candidate(tuple(tests), entry)))
    found.sort(key=lambda item: (-item[0], -item[1]))
    return [candidate for _, _, candidate in found]


class Lookup:
    """One table."""

    def __init__(self, table: m.TableDef, ex: Expressions) -> None:
        self.table = table
        self._key = [self._part(field, ex) for field in table.key]
        self._fixed: list[Candidate] | None = None
        self._tried: tuple[Sequence[Entry], list[Candidate]] = (), []
        """What a state has told last, and what was made of it."""
        if table.entries and all(entry.const for entry in table.entries):
            self._fixed = candidates(table, own_entries(table))

    @staticmethod
    def _part(field: m.KeyField, ex: Expressions) -> Number:
        number, mask = ex.number(field.target), (1 << field.bits) - 1
        if field.mask is not None:
            mask &= field.mask
        return lambda frame: number(frame) & mask

    def key(self, frame: Frame) -> tuple[int, ...]:
        return tuple(part(frame) for part in self._key)

    def entry(self, frame: Frame, key: tuple[int, ...]) -> Entry | None:
        state = frame.overlay.state
        if not key:
            return None
        if self._fixed is None and self.table.match_type == "exact":
            return state.entry(self.table, pack_exact(self.table, key))
        tried = self._fixed if self._fixed is not None else self._candidates(state.entries(self.table))
        return next((c.entry for c in tried if _matches(c, key)), None)

    def _candidates(self, entries: Sequence[Entry]) -> list[Candidate]:
        """Made once for all packets that a state has the same entries for."""
        if self._tried[0] is not entries:
            self._tried = entries, candidates(self.table, entries)
        return self._tried[1]


def _matches(candidate: Candidate, key: tuple[int, ...]) -> bool:
    return all(low <= part & mask <= high for part, (mask, low, high) in zip(key, candidate.tests, strict=True))
