"""What a call may fail with, as both protocols tell it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from fullnat.core.declared.commands import Command, CommandError, Reason


class Kind(Enum):
    """By the number that HTTP has for it, and the name of gRPC's status code."""

    INVALID = 400, "INVALID_ARGUMENT"
    DENIED = 403, "PERMISSION_DENIED"
    UNKNOWN = 404, "NOT_FOUND"
    EXISTS = 409, "ALREADY_EXISTS"
    CONFLICT = 422, "FAILED_PRECONDITION"
    FAILED = 500, "INTERNAL"
    REFUSED = 502, "ABORTED"
    """The switch has refused it, and everything is as before."""
    UNAVAILABLE = 503, "UNAVAILABLE"

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.value[0]

    @property
    def code(self) -> str:
        """Of gRPC."""
        return self.value[1]


_OF_REASON = {
    Reason.UNKNOWN: Kind.UNKNOWN,
    Reason.EXISTS: Kind.EXISTS,
    Reason.INVALID: Kind.INVALID,
    Reason.CONFLICT: Kind.CONFLICT,
    Reason.UNREACHABLE: Kind.CONFLICT,
}


class Problem(NamedTuple):
    message: str
    command: int | None = None
    """The number of the command in its batch, from 0; None when it is the outcome of all of them that is wrong."""


class CallError(Exception):
    """A call that was refused: nothing has changed."""

    def __init__(self, kind: Kind, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.problems = tuple(problems) or (Problem(message),)


def refused(error: CommandError, commands: Sequence[tuple[int, Command]]) -> CallError:
    """The core's refusal of ``commands``, each with the number of the one in the batch that it comes of."""
    numbers = {id(command): number for number, command in commands}
    problems = [Problem(each.message, numbers.get(id(each.command))) for each in error.problems]
    kind = _OF_REASON[error.problems[0].reason]
    return CallError(kind, "; ".join(each.message for each in problems), problems)
