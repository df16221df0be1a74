"""What is wrong with a configuration file, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

Where = tuple[tuple[str, int], ...]
"""Section names from the outside in, each with its number among its siblings, from 1: ``(("virtual_server", 2),)``."""


class Place(NamedTuple):
    """Where something stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Places(Protocol):
    """Where the values of a configuration stand."""

    def place(self, where: Where, key: str = "") -> Place:
        """That of ``key``, or else of its section, or else of the section around it, or the beginning."""

    def word(self, where: Where, key: str) -> str:
        """What the file calls ``key``; "" if the section's own words say it."""

    def section(self, where: Where) -> str:
        """What it calls a section that is not the whole file."""


class ConfigError(Exception):
    """``problems`` has one line for each thing that is wrong, ``warnings`` for what is only hardly meant.
    ``holds_back`` says that the options were not looked at together, because one by itself is wrong; ``no_interface``,
    that there is no word of what ports the switch has."""

    def __init__(
        self,
        problems: Sequence[str],
        warnings: Iterable[str] = (),
        holds_back: bool = False,
        no_interface: bool = False,
    ) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        self.holds_back = holds_back
        self.no_interface = no_interface


class Problems:
    """Collects problems with the place of each."""

    def __init__(self, places: Places) -> None:
        self.lines: list[tuple[Place, str]] = []
        self.no_interface = False
        """As of :class:`ConfigError`."""
        self._places = places

    def add(self, where: Where, key: str, message: str) -> None:
        words = (self.section(where) if where else "", self._places.word(where, key) if key else "")
        place = " ".join(word for word in words if word)
        self.tell(self.place(where, key), f"{place}: {message}" if words[1] else f"{place} {message}".lstrip())

    def tell(self, place: Place, message: str) -> None:
        """What is wrong with the text itself. The same at the same place is told once: a keyword may say what several
        sections have."""
        if (told := (place, f"{place}: {message}")) not in self.lines:
            self.lines.append(told)

    def place(self, where: Where, key: str = "") -> Place:
        """Where ``key`` stands."""
        return self._places.place(where, key)

    def at(self, where: Where, key: str, seen_from: Place) -> str:
        """The place of ``key`` in words, for a message about ``seen_from``."""
        place = self.place(where, key)
        return f"line {place.line}" if place.file == seen_from.file else str(place)

    def section(self, where: Where) -> str:
        """What messages call a section."""
        return self._places.section(where)

    def sorted(self) -> list[str]:
        """The messages in the order of the file; those of files that it includes come last."""
        first = self._places.place(()).file
        return [message for _, message in sorted(self.lines, key=lambda item: (item[0].file != first, *item[0]))]
