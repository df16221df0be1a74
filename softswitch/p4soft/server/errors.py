"""The one exception every handler raises, and what it looks like on the wire.

An :class:`RpcError` carries a gRPC canonical code and a message for a developer. The error of a batch carries one
``p4.v1.Error`` per update or request, packed into a ``google.rpc.Status`` (P4Runtime specification, "Error Reporting
Messages"); transports send that as the trailer ``grpc-status-details-bin``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from finsy.proto import p4r, rpc_status

from p4soft import api

SPACE = "p4soft"
"""The error space of our ``p4.v1.Error`` messages."""


class Code(IntEnum):
    """gRPC canonical codes (google.rpc.Code)."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
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


class RpcError(Exception):
    """An RPC, update or stream that is refused.

    ``details`` is empty, or has one entry (``None`` = that one succeeded) for each update of the batch.
    """

    def __init__(self, code: Code, message: str, details: Sequence[RpcError | None] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    def status_details(self) -> bytes:
        """The serialized google.rpc.Status for ``grpc-status-details-bin``; empty when there are no details."""
        if not self.details:
            return b""
        status = rpc_status.Status(code=self.code, message=self.message)
        for detail in self.details:
            if detail is None:
                error = p4r.Error()
            else:
                error = p4r.Error(canonical_code=detail.code, message=detail.message, space=SPACE, code=detail.code)
            status.details.add().Pack(error)
        return status.SerializeToString()


def invalid(message: str) -> RpcError:
    return RpcError(Code.INVALID_ARGUMENT, message)


def out_of_range(message: str) -> RpcError:
    return RpcError(Code.OUT_OF_RANGE, message)


def not_found(message: str) -> RpcError:
    return RpcError(Code.NOT_FOUND, message)


def already_exists(message: str) -> RpcError:
    return RpcError(Code.ALREADY_EXISTS, message)


def denied(message: str) -> RpcError:
    return RpcError(Code.PERMISSION_DENIED, message)


def failed_precondition(message: str) -> RpcError:
    return RpcError(Code.FAILED_PRECONDITION, message)


def exhausted(message: str) -> RpcError:
    return RpcError(Code.RESOURCE_EXHAUSTED, message)


def unimplemented(message: str) -> RpcError:
    return RpcError(Code.UNIMPLEMENTED, message)


_ENGINE_CODES: tuple[tuple[type[api.EngineError], Code], ...] = (
    (api.EntryExists, Code.ALREADY_EXISTS),
    (api.EntryNotFound, Code.NOT_FOUND),
    (api.TableFull, Code.RESOURCE_EXHAUSTED),
    (api.InvalidValue, Code.INVALID_ARGUMENT),
    (api.PipelineError, Code.INVALID_ARGUMENT),
    (api.ToolchainError, Code.FAILED_PRECONDITION),
)


def from_engine(error: api.EngineError, what: str) -> RpcError:
    """The engine's refusal as the client sees it; ``what`` names the object (a table, a counter)."""
    for kind, code in _ENGINE_CODES:
        if isinstance(error, kind):
            return RpcError(
                code, f"{what}: {error}" if str(error) else f"{what}: {code.name.lower().replace('_', ' ')}"
            )
    return RpcError(Code.INTERNAL, f"{what}: {error}")


def from_unexpected(error: Exception, what: str) -> RpcError:
    """Any other exception: a defect of ours, reported instead of ending the RPC without a status."""
    return RpcError(Code.INTERNAL, f"{what}: {type(error).__name__}: {error}")
