"""What can go wrong between the controller and a switch."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Code(IntEnum):
    """Canonical gRPC codes (google.rpc.Code)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


def code_name(code: int) -> str:
    """``ALREADY_EXISTS`` for 6; the number itself for one that gRPC does not have."""
    try:
        return Code(code).name
    except ValueError:
        return str(code)


class P4RuntimeError(Exception):
    """Base of everything this package raises on purpose."""


class ProgramError(P4RuntimeError):
    """The compiled P4 program on disk is missing or damaged."""


class ChannelError(P4RuntimeError):
    """No connection can be made with what was given: the message says which file is to blame."""


class SchemaError(P4RuntimeError):
    """The P4Info is not that of the program this controller was written for; ``differences`` lists how."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("the pipeline is not the one this controller knows: " + "; ".join(differences))
        self.differences = tuple(differences)


class ConnectionLost(P4RuntimeError):
    """The switch cannot be reached, or the stream to it ended; connecting again may help."""


class NotPrimary(ConnectionLost):
    """Another controller is primary for the switch."""


class RpcError(P4RuntimeError):
    """The switch refused a request.

    ``updates`` has one (code, message) per update of a Write or entity of a Read when the switch said which of them
    failed (P4Runtime: google.rpc.Status with p4.v1.Error details), and is empty when the request failed as a whole.
    """

    def __init__(self, code: int, message: str, updates: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__(f"{code_name(code)}: {message}" if message else code_name(code))
        self.code = code
        self.message = message
        self.updates = tuple(updates)
