"""Checked access to untrusted JSON: every mistake becomes a PipelineError that names the place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from p4soft.api import PipelineError

_MAX_HEX_DIGITS = 4096
_NO_PROGRAM = "p4_device_config is not a BMv2 JSON file"


class Node:
    """A JSON value with the path that leads to it."""

    __slots__ = ("path", "raw")

    def __init__(self, raw: Any, path: str) -> None:
        self.raw = raw
        self.path = path

    def fail(self, message: str) -> PipelineError:
        where = ""
        if isinstance(self.raw, dict) and isinstance(self.raw.get("source_info"), dict):
            info = self.raw["source_info"]
            where = f" ({info.get('filename', '?')}:{info.get('line', '?')})"
        return PipelineError(f"BMv2 JSON, {self.path}{where}: {message}")

    def has(self, key: str) -> bool:
        """True if the member exists and is not null."""
        return isinstance(self.raw, dict) and self.raw.get(key) is not None

    def __getitem__(self, key: str | int) -> Node:
        if isinstance(key, str):
            if not isinstance(self.raw, dict):
                raise self.fail("an object was expected")
            if key not in self.raw:
                raise self.fail(f'member "{key}" is missing')
            return Node(self.raw[key], f"{self.path}.{key}")
        if not isinstance(self.raw, list):
            raise self.fail("an array was expected")
        if key >= len(self.raw):
            raise self.fail(f"an array of more than {key} items was expected")
        return Node(self.raw[key], f"{self.path}[{key}]")

    def items(self) -> Iterator[Node]:
        if not isinstance(self.raw, list):
            raise self.fail("an array was expected")
        for i, item in enumerate(self.raw):
            label = f"{self.path}[{i}]"
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                label = f"{self.path}[{i}] {item['name']!r}"
            yield Node(item, label)

    def list_of(self, key: str) -> Iterator[Node]:
        """The items of member ``key``; an absent or null member has none."""
        return self[key].items() if self.has(key) else iter(())

    def pairs(self) -> Iterator[tuple[str, Node]]:
        if not isinstance(self.raw, dict):
            raise self.fail("an object was expected")
        for key, value in self.raw.items():
            yield key, Node(value, f"{self.path}.{key}")

    def text(self) -> str:
        if not isinstance(self.raw, str):
            raise self.fail("a string was expected")
        return self.raw

    def optional_text(self) -> str | None:
        return None if self.raw is None else self.text()

    def integer(self, low: int = 0, high: int = 1 << 32) -> int:
        if not isinstance(self.raw, int) or isinstance(self.raw, bool):
            raise self.fail("an integer was expected")
        if not low <= self.raw <= high:
            raise self.fail(f"{self.raw} is outside {low}..{high}")
        return self.raw

    def boolean(self) -> bool:
        if not isinstance(self.raw, bool):
            raise self.fail("true or false was expected")
        return self.raw

    def flag(self, key: str, default: bool = False) -> bool:
        return self[key].boolean() if self.has(key) else default

    def hex(self) -> int:
        text = self.text()
        digits = text[1:] if text.startswith("-") else text
        digits = digits[2:] if digits[:2].lower() == "0x" else digits
        if not digits or len(digits) > _MAX_HEX_DIGITS or any(c not in "0123456789abcdefABCDEF" for c in digits):
            raise self.fail(f"{text[:40]!r} is not a hexadecimal number")
        value = int(digits, 16)
        return -value if text.startswith("-") else value


def parse(config: bytes) -> Node:
    """The root of a BMv2 JSON document."""
    try:
        raw = json.loads(config)
    except (ValueError, RecursionError) as e:
        raise PipelineError(f"{_NO_PROGRAM}: it is not JSON ({e}); p4c-bm2-ss writes one with -o") from None
    root = Node(raw, "$")
    if not isinstance(raw, dict):
        raise root.fail("an object was expected")
    if not root.has("pipelines") or not root.has("header_types"):
        raise PipelineError(f"{_NO_PROGRAM}: it is JSON, but not what p4c-bm2-ss writes (no 'pipelines')")
    return root
