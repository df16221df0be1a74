"""Answers of any size, written a little at a time: whoever else waits for the controller has a turn in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

ENCODE = json.JSONEncoder(separators=(",", ":")).encode
OCTETS_PER_TURN = 1 << 16
"""Of JSON: about 1 ms."""
MESSAGES_PER_TURN = 128
"""About 2 ms."""
_DEPTH = 4
"""Lists and objects in one another that are taken apart: down to the real servers of services."""


async def encoded(answer: dict[str, Any]) -> bytes:
    """A line of JSON."""
    pieces: list[str] = []
    size = 0
    for piece in _pieces(answer, _DEPTH):
        pieces.append(piece)
        size += len(piece)
        if size >= OCTETS_PER_TURN:
            size = 0
            await asyncio.sleep(0)
    return f"{''.join(pieces)}\n".encode()


def _pieces(value: Any, depth: int) -> Iterator[str]:
    if depth and isinstance(value, dict):
        yield "{"
        for number, (name, inner) in enumerate(value.items()):
            yield f"{',' * (number > 0)}{ENCODE(name)}:"
            yield from _pieces(inner, depth - 1)
        yield "}"
    elif depth and isinstance(value, list):
        yield "["
        for number, inner in enumerate(value):
            yield "," * (number > 0)
            yield from _pieces(inner, depth - 1)
        yield "]"
    else:
        yield ENCODE(value)


async def message(kind: Callable[..., Any], answer: dict[str, Any]) -> Any:
    """A message of protobuf, which ``kind`` makes of its fields."""
    found = None
    for number, step in enumerate(_steps(kind, answer), 1):
        found = step
        if number % MESSAGES_PER_TURN == 0:
            await asyncio.sleep(0)
    return found


def _steps(make: Callable[..., Any], answer: dict[str, Any]) -> Iterator[Any]:
    """Every message in it, the whole one last."""
    parts = {name: value for name, value in answer.items() if isinstance(value, list) and value}
    parts = {name: value for name, value in parts.items() if isinstance(value[0], dict)}
    found = make(**{name: value for name, value in answer.items() if name not in parts})
    for name, values in parts.items():
        add = getattr(found, name).add
        for each in values:
            yield from _steps(add, each)
    yield found
