"""How many of what, for people."""

from __future__ import annotations

NAMED = 40
"""Characters of a name that nobody has."""


def quoted(name: str) -> str:
    """A name that somebody gave, which may be anything, on one line: ``x``, ``'x\\n'`` or ``'xxx...'``."""
    short = name if len(name) <= NAMED else f"{name[:NAMED]}..."
    return short if short == name and name.isprintable() and name else repr(short)


def counted(number: int, noun: str) -> str:
    """``1 change``, ``2 changes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
