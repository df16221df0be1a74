"""What is wrong with a configuration file."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.config.locate import Locator
from fullnat.config.locate import Path as Where

__all__ = ["ConfigError", "Problems", "Where"]


class ConfigError(Exception):
    """``problems`` has one line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Problems:
    """Collects problems with the place of each."""

    def __init__(self, name: str, locator: Locator) -> None:
        self.lines: list[tuple[int, str]] = []
        self._name = name
        self._locator = locator

    def add(self, where: Where, key: str, message: str) -> None:
        line = self.line(where, key)
        place = f"{self.section(where)} " if where else ""
        self.lines.append((line, f"{self._name}:{line}: {place}{key}{': ' if key else ''}{message}"))

    def line(self, where: Where, key: str) -> int:
        """The line of ``key``."""
        return self._locator.line(where, key)

    @staticmethod
    def section(where: Where) -> str:
        """What messages call a section: ``[virtual_server 2.real_server 1]``."""
        return "[" + ".".join(f"{name} {number}" if name != "timeouts" else name for name, number in where) + "]"

    def sorted(self) -> list[str]:
        """The messages in the order of the file."""
        return [message for _, message in sorted(self.lines, key=lambda item: item[0])]
