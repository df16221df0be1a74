"""Sections of a TOML document: each option converted, and what is unknown or missing told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fullnat.config import hints
from fullnat.config.errors import Problems, Where
from fullnat.config.scalars import REQUIRED, Convert

_BARE = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that need no quotes. Others may have anything in them."""
Options = Mapping[str, tuple[Convert, Any]]
PLACES: dict[str, Options] = {}
"""Where each option belongs."""


def tables(
    table: Mapping[str, Any], name: str, problems: Problems, where: Where
) -> list[tuple[Where, Mapping[str, Any]]]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        section = ".".join([part for part, _ in where] + [name])
        what = (
            f"is one of several: [[{section}]]"
            if isinstance(value, dict)
            else f"is not a list of sections [[{section}]]"
        )
        problems.add(where, name, what)
        return []
    return [((*where, (name, number)), item) for number, item in enumerate(value, 1)]


def section(
    table: Mapping[str, Any],
    options: Options,
    problems: Problems,
    where: Where,
    sections: tuple[str, ...] = (),
) -> dict[str, Any] | None:
    """The converted values, defaults filled in; None after reporting what is wrong."""
    is_right = True
    values: dict[str, Any] = {}
    known = [*options, *sections]
    for key in table:
        if key not in known:
            shown = key if _BARE.fullmatch(key) else repr(key)
            is_right = False
            problems.add(where, shown, f"unknown option{hints.option(key, known, PLACES)}")
    for key, (convert, default) in options.items():
        if key not in table:
            if default is REQUIRED:
                is_right = False
                problems.add(where, key, "is missing")
            else:
                values[key] = default
            continue
        try:
            values[key] = convert(table[key])
        except ValueError as error:
            is_right = False
            problems.add(where, key, str(error))
    return values if is_right else None
