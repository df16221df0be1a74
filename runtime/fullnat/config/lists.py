"""Lists of prefixes in a configuration file: said there, or in files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fullnat.config.model import Access
from fullnat.net.prefixes import Prefix, lines, ordered, parse

SAID_OF_A_FILE = 3
"""Lines that are complained of."""


def prefixes(value: Any) -> frozenset[Prefix]:
    """A list of prefixes, of addresses and of files by their absolute paths, or one of them. Raises ValueError."""
    items = value if isinstance(value, list) else [value]
    found: set[Prefix] = set()
    for item in items:
        if not isinstance(item, str):
            raise ValueError(f"{item!r} is neither a prefix in quotes nor the absolute path of a file of some")
        found.update(_of_file(Path(item)) if item.startswith("/") else (parse(item),))
    return frozenset(found)


def _of_file(path: Path) -> Iterator[Prefix]:
    try:
        # A pipe may have nobody who writes it, and a device no end: the controller would wait for ever.
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path}: is not a regular file")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {unreadable(error)}") from None
    wrong = []
    for number, line in lines(text):
        try:
            yield parse(line)
        except ValueError as error:
            wrong.append(f"{path} line {number}: {error}")
    if wrong:
        more = f"; and {len(wrong) - SAID_OF_A_FILE} more lines" if len(wrong) > SAID_OF_A_FILE else ""
        raise ValueError("; ".join(wrong[:SAID_OF_A_FILE]) + more)


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file of text cannot be read."""
    return str(error.strerror) if isinstance(error, OSError) else "is not UTF-8 text"


def shown(of: frozenset[Prefix]) -> list[str]:
    """As a file has them."""
    return [str(prefix) for prefix in ordered(of)]


def accessed(values: dict[str, Any]) -> dict[str, Any]:
    """Options of a section, with what they say of who may in one value."""
    rest = {key: value for key, value in values.items() if key not in ("deny", "allow", "refused")}
    return rest | {"access": Access(deny=values["deny"], allow=values["allow"], refused=values["refused"])}
