"""What goes out on a connection: frames, as far as windows and the socket let them."""

from __future__ import annotations

import asyncio

from fullnat.p4rt.http2.call import Call
from fullnat.p4rt.http2.frames import (
    DEFAULT_WINDOW,
    FRAME_BYTES,
    HEAD,
    LARGEST_WINDOW,
    ErrorCode,
    Flag,
    Http2Error,
    Kind,
    frame,
)


class Sender:
    """What is sent within one turn of the loop leaves together."""

    def __init__(self) -> None:
        self.initial_window = DEFAULT_WINDOW
        """Of new streams."""
        self._window = DEFAULT_WINDOW
        """Bytes that may be sent on all streams."""
        self._frames: list[bytes | memoryview] = []
        self._behind: dict[int, Call] = {}
        """Those that have something waiting."""
        self._paused = False
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._scheduled = False

    def start(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self.flush()

    def stop(self) -> None:
        """The connection is gone."""
        self._transport = None
        self._frames.clear()
        self._behind.clear()

    def frame(self, kind: Kind, flags: int, stream: int, body: bytes = b"") -> None:
        self._frames.append(frame(kind, flags, stream, body))
        self._schedule()

    def data(self, call: Call, data: bytes, end: bool) -> None:
        """On a call that is not ``closed``."""
        call.closed = end
        call.waiting.append(data)
        self._behind[call.number] = call
        self._schedule()

    def forget(self, call: Call) -> None:
        self._behind.pop(call.number, None)

    def _pump(self, call: Call) -> None:
        waiting = call.waiting
        while waiting and not self._paused:
            data = waiting[0]
            size = min(len(data), call.window, self._window, FRAME_BYTES)
            if size <= 0:
                return
            call.window -= size
            self._window -= size
            if size < len(data):
                data, waiting[0] = memoryview(data)[:size], memoryview(data)[size:]
            else:
                waiting.popleft()
                call.drained.set()
            end = Flag.END_STREAM if call.closed and not waiting else 0
            self._frames.append(HEAD.pack(size >> 16, size & 0xFFFF, Kind.DATA, end, call.number))
            self._frames.append(data)
        if not waiting:
            del self._behind[call.number]

    # what the peer and the socket let us

    def widen(self, call: Call | None, more: int) -> None:
        """The peer takes so many bytes more: on one stream, or on all. Raises Http2Error."""
        if call is not None:
            call.window = _sum(call.window, more)
        else:
            self._window = _sum(self._window, more)
        self._schedule()

    def set_initial_window(self, size: int, calls: list[Call]) -> None:
        """It counts for streams that there are as well (RFC 9113 6.9.2). Raises Http2Error."""
        change, self.initial_window = size - self.initial_window, size
        for call in calls:
            call.window = _sum(call.window, change)
        self._schedule()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._schedule()

    # the socket

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        self._scheduled = False
        for call in list(self._behind.values()):
            self._pump(call)
        if self._frames and self._transport is not None:
            data = b"".join(self._frames)
            self._frames.clear()
            self._transport.write(data)


def _sum(window: int, more: int) -> int:
    if window + more > LARGEST_WINDOW:
        raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
    return window + more
