"""How a call ended: gRPC's status, from trailers or from what HTTP/2 says instead (gRPC over HTTP2, "Responses")."""

from __future__ import annotations

import base64
import binascii
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

from fullnat.p4rt.errors import Code
from fullnat.p4rt.http2.frames import ErrorCode

_DIGITS = 9
"""Of a status; gRPC's own have two."""
_LETTERS = 1000
"""Of a message."""

_HTTP = {
    b"400": Code.INTERNAL,
    b"401": Code.UNAUTHENTICATED,
    b"403": Code.PERMISSION_DENIED,
    b"404": Code.UNIMPLEMENTED,
    b"429": Code.UNAVAILABLE,
    b"502": Code.UNAVAILABLE,
    b"503": Code.UNAVAILABLE,
    b"504": Code.UNAVAILABLE,
}
_RESETS = {
    ErrorCode.REFUSED_STREAM: Code.UNAVAILABLE,
    ErrorCode.CANCEL: Code.CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}


class Status(NamedTuple):
    code: int
    message: str = ""
    details: bytes = b""
    """grpc-status-details-bin: a serialised google.rpc.Status, or nothing."""


DONE = Status(Code.OK)


def said(text: str) -> str:
    """What a server says, for a log: one line, of what can be printed, of a length that can be read."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.split())[:_LETTERS]


def of_trailers(fields: Mapping[bytes, bytes], http: bytes) -> Status:
    """``http``: the :status that the response began with."""
    number = fields.get(b"grpc-status", b"")
    if number == b"0":
        return DONE
    if not number.isdigit() or len(number) > _DIGITS:
        code = _HTTP.get(http, Code.UNKNOWN)
        return Status(code, f"the answer is not gRPC's: HTTP status {http.decode('latin-1')}")
    message = said(urllib.parse.unquote(fields.get(b"grpc-message", b"").decode("latin-1")))
    return Status(int(number), message, _binary(fields.get(b"grpc-status-details-bin", b"")))


def of_reset(number: int) -> Status:
    """Of a stream that the server has reset."""
    try:
        error = ErrorCode(number)
    except ValueError:
        return Status(Code.INTERNAL, f"the switch has reset the stream: error {number}")
    return Status(_RESETS.get(error, Code.INTERNAL), f"the switch has reset the stream: {error.name}")


def _binary(value: bytes) -> bytes:
    """Nothing for what is no base64, whose padding may be missing."""
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        return b""
