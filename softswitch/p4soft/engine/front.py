"""The transport of the gRPC server: the Python side of native/p4rt/front.c."""

from __future__ import annotations

import base64
import socket
import urllib.parse
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from p4soft.api import EngineError
from p4soft.api_write import Failures
from p4soft.engine.binding import ffi, runtime
from p4soft.engine.writer import NativeWriter

UNLIMITED = 0xFFFFFFFF
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
"""What a grpc-message may hold as it is."""


class CallEvent(IntEnum):
    """What happens to a call, enum p4s_call_event. The data are: its path; one message; nothing for the others, but for
    FAILED."""

    OPENED = 0
    MESSAGE = 1
    FINISHED = 2
    """The client has sent everything."""
    RESET = 3
    """The call is over; nobody waits for an answer."""
    DRAINED = 4
    """No messages wait for the client to read any more, after some did."""
    FAILED = 5
    """A Write was applied, but for some updates: see :meth:`NativeFront.failures`."""


class NativeFront:
    """Connections of HTTP/2 and the gRPC calls on them. Ordinary Writes are answered natively, if there is a writer.

    To be used from one thread. Nothing is sent before :meth:`flush` or :meth:`run`.
    """

    def __init__(self, writer: NativeWriter | None) -> None:
        self._c = runtime()
        self._writer = writer
        front = self._c.p4s_front_new(writer.native if writer is not None else ffi.NULL)
        if front == ffi.NULL:
            raise EngineError("cannot start the gRPC server: out of memory or of file descriptors")
        self._front: Any = ffi.gc(front, self._c.p4s_front_free)
        self._event: Any = ffi.new("struct p4s_rpc_event *")

    def listen(self, listener: socket.socket) -> None:
        """Serve what connects to ``listener``, which must not block and stays the caller's."""
        if self._c.p4s_front_listen(self._front, listener.fileno()) != 0:
            raise EngineError("cannot start the gRPC server: out of file descriptors")

    def adopt(self, connected: socket.socket) -> None:
        """Serve one connection; the socket is the front's from now on. Raises EngineError."""
        if self._c.p4s_front_adopt(self._front, connected.detach()) != 0:
            raise EngineError("cannot serve a connection: out of memory")

    def fileno(self) -> int:
        """Readable when :meth:`run` has something to do."""
        return int(self._c.p4s_front_fd(self._front))

    def run(self) -> Iterator[tuple[int, CallEvent, bytes]]:
        """Do what can be done now; then (call, what, data) of each event."""
        return self._events() if self._c.p4s_front_run(self._front) else iter(())

    def tick(self) -> Iterator[tuple[int, CallEvent, bytes]]:
        """To be called every few seconds, to notice clients that are gone. As :meth:`run`."""
        return self._events() if self._c.p4s_front_tick(self._front) else iter(())

    def _events(self) -> Iterator[tuple[int, CallEvent, bytes]]:
        event = self._event
        while self._c.p4s_front_next(self._front, event):
            yield event.stream, CallEvent(event.kind), bytes(ffi.buffer(event.data, event.len))

    def send(self, call: int, message: bytes, limit: int = UNLIMITED) -> int:
        """Messages that wait for the client to read, this one included; negative if the call is over or ``limit``
        messages wait already."""
        if self._front is None:
            return -1
        return int(self._c.p4s_front_send(self._front, call, message, len(message), limit))

    def finish(self, call: int, status: int, message: str = "", details: bytes = b"") -> None:
        """End a call. ``details`` are left out if the client does not accept trailers of that size."""
        if self._front is None:
            return
        text = urllib.parse.quote(message, safe=_PRINTABLE).encode()
        encoded = base64.b64encode(details)
        self._c.p4s_front_finish(self._front, call, status, text, len(text), encoded, len(encoded))

    def flush(self) -> None:
        if self._front is None:
            return
        self._c.p4s_front_flush(self._front)

    def failures(self, data: bytes) -> Failures:
        """The results that come with FAILED."""
        assert self._writer is not None
        count = len(data) // 12
        numbers = ffi.from_buffer("uint32_t[]", data)
        results = ffi.cast("int32_t *", numbers)
        return self._writer.failures(count, results, numbers + count, numbers + 2 * count)

    def close(self) -> None:
        """Close every connection. Idempotent; what is sent afterwards goes nowhere, :meth:`run` may not be called."""
        front, self._front = self._front, None
        if front is not None:
            ffi.release(front)
