"""Health checks between messages and the configuration: the options of [[virtual_server.check]], by the same table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fullnat.config import file
from fullnat.config.errors import Place, Problems, Where
from fullnat.config.model import Check
from fullnat.config.written.document import checks as written

OWNERS = frozenset({"script", "file"})
"""Types of checks that run with the controller's rights what they name: for those alone who could write its file."""
_NOWHERE = Place("", 0)


class _Places:
    """Of a message, which has no lines."""

    def place(self, where: Where, key: str = "") -> Place:
        return _NOWHERE

    def word(self, where: Where, key: str) -> str:
        return key

    def section(self, where: Where) -> str:
        return " ".join(f"{name} {number}" for name, number in where)


def made(message: Any) -> tuple[Check, ...]:
    """Of a message Checks. Raises ValueError with all that is wrong."""
    problems = Problems(_Places())
    tables = [{field.name: value for field, value in each.ListFields()} for each in message.check]
    found = file.checks({"check": tables}, problems, ())
    if problems.lines:
        raise ValueError("; ".join(told.removeprefix(f"{_NOWHERE}: ") for _, told in problems.lines))
    return found


def shown(checks: tuple[Check, ...]) -> dict[str, Any] | None:
    """As a message Checks: what is not as by default."""
    return {"check": written(checks)} if checks else None


def owners(commands: Iterable[Any]) -> Iterator[tuple[int, str]]:
    """The numbers of those of ``commands`` that only the owner of the controller may give, and the type of check which
    is why."""
    for number, command in enumerate(commands):
        said = getattr(command, command.WhichOneof("command") or "", None)
        checks = getattr(getattr(said, "settings", None), "checks", None)
        for check in checks.check if checks is not None else ():
            if check.type in OWNERS:
                yield number, check.type
