"""A document as the text of a TOML file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fullnat.config.written.document import Section


def text(document: Section) -> str:
    """Read again, it is the same document."""
    return "\n".join(_lines(document, "")) + "\n"


def _lines(section: Section, name: str) -> Iterator[str]:
    """Values before sections, as TOML wants it."""
    for key, value in section.items():
        if not _is_section(value):
            yield f"{key} = {_value(value)}"
    for key, value in section.items():
        if isinstance(value, dict):
            yield f"\n[{name}{key}]"
            yield from _lines(value, f"{name}{key}.")
        elif _is_section(value):
            for item in value:
                yield f"\n[[{name}{key}]]"
                yield from _lines(item, f"{name}{key}.")


def _is_section(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
