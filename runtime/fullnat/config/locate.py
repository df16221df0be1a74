"""Line numbers for keys of a TOML document, which the standard parser does not keep."""

from __future__ import annotations

import re
from functools import cached_property

from fullnat.config import hints
from fullnat.config.errors import Place, Where

_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+)\s*=")
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
"""How the standard parser tells where it is."""


def syntax_error(name: str, text: str, message: str) -> str:
    """A message of the standard parser about ``text``, in the form of all others: ``name:line: ...``."""
    found = _PLACE.fullmatch(message)
    if found is None:
        return f"{name}: {message}"
    what, line, column = found.groups()
    what = what[:1].lower() + what[1:]
    if line is None:
        return f"{name}:{max(1, len(text.rstrip().splitlines()))}: {what} (the file ends here)"
    lines = text.split("\n")
    wrong = lines[int(line) - 1] if int(line) <= len(lines) else ""
    return f"{name}:{line}: {what} (column {column}){hints.quotes(wrong)}"


class Locator:
    """Finds lines of top-level keys, ``[section]`` and ``[[section]]`` headers, and keys below them."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    @cached_property
    def _lines(self) -> dict[tuple[Where, str], int]:
        """Looked for when somebody asks, because a file that is right is not asked about."""
        found: dict[tuple[Where, str], int] = {}
        counts: dict[tuple[Where, str], int] = {}
        path: Where = ()
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := _HEADER.match(line):
                path = ()
                names = header[1].split(".")
                for depth, name in enumerate(names, 1):
                    if depth == len(names):
                        counts[path, name] = counts.get((path, name), 0) + 1
                    path = (*path, (name, counts.get((path, name), 1)))
                found.setdefault((path, ""), number)
            elif key := _KEY.match(line):
                found.setdefault((path, key[1]), number)
        return found

    def place(self, where: Where, key: str = "") -> Place:
        """The line of ``key``, which may be a section, or else of its section, or else of the section around it, or
        1."""
        return Place(self._name, self._line(where, key))

    def word(self, where: Where, key: str) -> str:
        """Keys are the model's own names."""
        return key

    def section(self, where: Where) -> str:
        """Like ``[virtual_server 2.real_server 1]``."""
        return "[" + ".".join(f"{name} {number}" if name != "timeouts" else name for name, number in where) + "]"

    def _line(self, where: Where, key: str) -> int:
        for place in ((where, key), ((*where, (key, 1)), "")):
            if place in self._lines:
                return self._lines[place]
        while where:
            if (where, "") in self._lines:
                return self._lines[where, ""]
            where = where[:-1]
        return 1
