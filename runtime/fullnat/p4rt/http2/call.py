"""One call: gRPC's messages on one stream of HTTP/2, and flow control both ways."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from fullnat.p4rt.errors import Code
from fullnat.p4rt.http2.frames import ErrorCode, Http2Error
from fullnat.p4rt.http2.status import Status

WINDOW = 1 << 20
"""Bytes that may come on a stream before the peer hears from us."""
_PREFIX = 5
"""Bytes in front of a message: a flag of compression, and the length."""


class Carrier(Protocol):
    """What a call is carried by."""

    def send(self, call: Call, data: bytes, end: bool) -> None:
        """Send ``data``, which is in ``call.waiting`` until it is on its way; ``end``: nothing follows."""
        ...

    def grant(self, call: Call, size: int) -> None:
        """Let the peer send so many bytes more."""
        ...

    def cancel(self, call: Call) -> None:
        """Have the peer forget the call."""
        ...


class Call:
    """``ahead``: messages that may be received before they are taken; more are held back. ``window``: bytes that the
    peer takes at first."""

    def __init__(self, carrier: Carrier, number: int, ahead: int, window: int) -> None:
        self.number = number
        self.messages: deque[bytes] = deque()
        self.end: Status | None = None
        """How it ended; what came before is in ``messages`` still."""
        self.http_status = b"200"
        self.waiting: deque[bytes | memoryview] = deque()
        """Messages on their way, with what is left of the first one."""
        self.closed = False
        """Nothing more is to be sent."""
        self.window = window
        """Bytes that may be sent."""
        self.drained = asyncio.Event()
        """Set when one of the ``waiting`` has been sent."""
        self._carrier = carrier
        self._ahead = ahead
        self._changed = asyncio.Event()
        self._rest = bytearray()
        """The beginning of a message,"""
        self._wanted = _PREFIX
        """whose end is so many bytes from its beginning, or farther."""
        self._unreported = 0
        """Bytes that the peer does not know to be taken."""

    # our side

    def send(self, message: bytes, *, end: bool = False) -> None:
        self._carrier.send(self, b"\0" + len(message).to_bytes(4, "big") + message, end)

    async def changed(self) -> None:
        """Until there is a message, or the end."""
        if not self.messages and self.end is None:
            self._changed.clear()
            await self._changed.wait()

    async def ended(self) -> None:
        """Until the end."""
        while self.end is None:
            self._changed.clear()
            await self._changed.wait()

    def take(self) -> list[bytes]:
        """All messages that are there."""
        messages = list(self.messages)
        self.messages.clear()
        self._report()
        return messages

    def cancel(self, reason: str = "cancelled") -> None:
        """Idempotent."""
        if self.end is None:
            self._carrier.cancel(self)
            self.finish(Status(Code.CANCELLED, reason))

    # the connection's side

    def received(self, body: bytes, size: int) -> None:
        """``size``: bytes of the frame, padding included. Raises Http2Error."""
        self._unreported += size
        if self._unreported > WINDOW:
            raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "more than was allowed on a stream")
        rest = self._rest
        if rest:
            rest += body
            if len(rest) < self._wanted:
                self._report()
                return
            body = bytes(rest)
            rest.clear()
        self._split(body)
        self._report()

    def _split(self, body: bytes) -> None:
        at, end = 0, len(body)
        self._wanted = _PREFIX
        while end - at >= _PREFIX:
            if body[at]:
                raise Http2Error(ErrorCode.INTERNAL_ERROR, "a compressed message, which nobody asked for")
            start = at + _PREFIX
            stop = start + int.from_bytes(body[at + 1 : start], "big")
            if stop > end:
                self._wanted = stop - at
                break
            self.messages.append(body[start:stop])
            at = stop
        if at < end:
            self._rest += body[at:] if at else body
        if at:
            self._changed.set()

    def finish(self, status: Status) -> None:
        self.end = status
        self.waiting.clear()
        self._changed.set()
        self.drained.set()

    def _report(self) -> None:
        if self._unreported >= WINDOW // 2 and len(self.messages) < self._ahead and self.end is None:
            self._carrier.grant(self, self._unreported)
            self._unreported = 0
