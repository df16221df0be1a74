"""Which numbers of a string type are in use: the others can be given to new strings when all have been given out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p4soft.server.actions import ActionCodec
from p4soft.server.bytestrings import width
from p4soft.server.pipeline import Pipeline
from p4soft.server.tables import State
from p4soft.server.translation import Strings, Translation

_Slices = tuple[tuple[Translation | None, int, int], ...]
"""The type of each packed field, and where it starts and ends."""


def reclaim(pipeline: Pipeline, engine: State) -> bool:
    """Take the numbers that nothing in ``pipeline`` has any more from the strings; whether there were any."""
    freed = False
    for strings in pipeline.translations.strings():
        freed |= strings.keep_only(set(_numbers(pipeline, engine, strings)))
    return freed


def _numbers(pipeline: Pipeline, engine: State, strings: Strings) -> Iterator[int]:
    for table in pipeline.tables.values():
        keys = _slices((field.translation, field.size, width(field.bits)) for field in table.keys.fields)
        params = _action_slices(table.actions.by_index.items()) if table.direct else {}
        if any(kind is strings for slices in (keys, *params.values()) for kind, _, _ in slices):
            for state in engine.entries(table.index):
                yield from _parts(state.entry.key, keys, strings)
                yield from _parts(state.entry.params, params.get(state.entry.action, ()), strings)
            action, data = engine.default(table.index) or (-1, b"")
            yield from _parts(data, params.get(action, ()), strings)
    for profile in pipeline.profiles.values():
        params = _action_slices(profile.actions.by_index.items())
        for state in engine.entries(profile.index):
            yield from _parts(state.entry.params, params.get(state.entry.action, ()), strings)
    for register in pipeline.registers.values():
        if register.translation is strings:
            yield from (value for _, value in engine.register_values(register.name))


def _action_slices(actions: Iterable[tuple[int, ActionCodec]]) -> dict[int, _Slices]:
    return {
        index: _slices((param.translation, width(param.bits), width(param.bits)) for param in codec.params)
        for index, codec in actions
    }


def _slices(fields: Iterable[tuple[Translation | None, int, int]]) -> _Slices:
    """Of (type, bytes in all, bytes of the value) of each field."""
    found, start = [], 0
    for kind, size, value in fields:
        found.append((kind, start, start + value))
        start += size
    return tuple(found)


def _parts(packed: bytes, slices: _Slices, strings: Strings) -> Iterator[int]:
    for kind, start, end in slices:
        if kind is strings:
            yield int.from_bytes(packed[start:end], "big")
