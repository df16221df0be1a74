"""keepalived.conf as a configuration: read into the document that the TOML file has, and checked as that is.

``source`` has the words of the lines (comments, quotes, includes, conditions, definitions), ``tree`` the blocks that
they make, ``keywords`` the table of what there is and what it means here, ``document`` what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fullnat.config.errors import Problems
from fullnat.config.keepalived import source
from fullnat.config.keepalived.document import Document
from fullnat.config.keepalived.tree import grow

Read = tuple[dict[str, Any], Problems, tuple[str, ...]]
"""The document, what is wrong so far, and what the file says in vain."""


def load(path: Path) -> Read:
    """Read a file and those that it includes. Raises ConfigError for what cannot be read as blocks of keywords."""
    return _read(source.read(path), str(path))


def parse(text: str, name: str = "<config>") -> Read:
    """As :func:`load`, of a text."""
    return _read(source.lines(text, name), name)


def _read(lines: Iterable[source.Line], name: str) -> Read:
    found = Document(grow(lines), name)
    problems = Problems(found)
    for place, message in found.problems:
        problems.tell(place, message)
    return found.values, problems, tuple(f"{place}: {message}" for place, message in found.vain())
