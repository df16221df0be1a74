"""Frames of HTTP/2 (RFC 9113, section 6): their names and their heads."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = Struct("!BHBBI")
"""Length, its upper eight bits first; kind; flags; stream."""
HEAD_BYTES = HEAD.size
FRAME_BYTES = 16384
"""The largest body that everybody takes."""
DEFAULT_WINDOW = 65535
LARGEST_WINDOW = (1 << 31) - 1
NUMBER = (1 << 31) - 1
"""The bits of a stream's number, and of a window."""


class Kind(IntEnum):
    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntFlag):
    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 0x20


class Setting(IntEnum):
    ENABLE_PUSH = 2
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(IntEnum):
    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Http2Error(Exception):
    """The peer does not speak HTTP/2 as it should: the connection is over."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def frame(kind: Kind, flags: int, stream: int, body: bytes = b"") -> bytes:
    size = len(body)
    return HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + body


def unpadded(flags: int, body: bytes) -> bytes:
    """The body of DATA or HEADERS without padding. Raises Http2Error."""
    if not flags & Flag.PADDED:
        return body
    if not body or body[0] >= len(body):
        raise Http2Error(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
    return body[1 : len(body) - body[0]]
