"""Numbers that a program's lookups and comparisons are likely to meet."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_SMALL = (0, 1, 2, 3, 4)
_CHOSEN = 0.6
"""How often a number is one of those, and not any number."""
_RANDOM = 4


class Pool:
    """Numbers by width, the same for entries and frames, so that these meet those."""

    def __init__(self, document: dict[str, Any], rng: random.Random) -> None:
        self._constants = sorted(set(constants(document)))
        self._seed = rng.getrandbits(64)
        self._by_width: dict[int, list[int]] = {}

    def of(self, bits: int) -> list[int]:
        """The numbers of ``bits`` bits that come up again and again."""
        if bits not in self._by_width:
            rng = random.Random(self._seed ^ bits)
            limit = (1 << bits) - 1
            own = [*_SMALL, limit, 1 << (bits - 1), *self._constants, *(rng.getrandbits(bits) for _ in range(_RANDOM))]
            self._by_width[bits] = sorted({value for value in own if 0 <= value <= limit})
        return self._by_width[bits]

    def draw(self, bits: int, rng: random.Random, chosen: float = _CHOSEN) -> int:
        if bits == 0:
            return 0
        return rng.choice(self.of(bits)) if rng.random() < chosen else rng.getrandbits(bits)


def constants(node: Any) -> Iterator[int]:
    """Every number that a BMv2 JSON has in an expression, a transition or an entry."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and key in ("value", "key") and value.startswith("0x"):
                yield int(value, 16)
            else:
                yield from constants(value)
    elif isinstance(node, list):
        for item in node:
            yield from constants(item)


def compared(node: Any) -> Iterator[tuple[tuple[str, str], int]]:
    """Every field that a BMv2 JSON compares with a number, and the number."""
    if isinstance(node, dict):
        if node.get("op") in _COMPARISONS:
            sides = [_bare(node.get(side)) for side in ("left", "right")]
            fields = [side["value"] for side in sides if side.get("type") == "field"]
            numbers = [int(side["value"], 16) for side in sides if side.get("type") == "hexstr"]
            if fields and numbers:
                yield (fields[0][0], fields[0][1]), numbers[0]
        for value in node.values():
            yield from compared(value)
    elif isinstance(node, list):
        for item in node:
            yield from compared(item)


def _bare(node: Any) -> dict[str, Any]:
    """An operand without the mask and the wrappers around it."""
    while isinstance(node, dict) and (node.get("type") == "expression" or node.get("op") == "&"):
        node = node["value"] if node.get("type") == "expression" else node["left"]
    return node if isinstance(node, dict) else {}
