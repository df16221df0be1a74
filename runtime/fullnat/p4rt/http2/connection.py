"""One connection of HTTP/2: frames that come in, and what they mean for the calls on it."""

from __future__ import annotations

import asyncio
from struct import Struct

from fullnat.p4rt.errors import Code, ConnectionLost
from fullnat.p4rt.http2 import status
from fullnat.p4rt.http2.call import WINDOW, Call
from fullnat.p4rt.http2.frames import (
    DEFAULT_WINDOW,
    FRAME_BYTES,
    HEAD,
    HEAD_BYTES,
    LARGEST_WINDOW,
    NUMBER,
    PREFACE,
    ErrorCode,
    Flag,
    Http2Error,
    Kind,
    Setting,
    frame,
    unpadded,
)
from fullnat.p4rt.http2.headers import Decoder, Header, HeadersError
from fullnat.p4rt.http2.sending import Sender
from fullnat.p4rt.http2.status import Status

ALL_WINDOW = 16 << 20
"""Bytes that may come on all streams; what one that nobody reads holds is little of it."""
HEADER_BYTES = 16 << 20
"""Of the largest header block: the details of a failed batch travel in one."""
_READ_BYTES = 1 << 17
_U32 = Struct("!I")
_SETTING = Struct("!HI")
_ALERT = b"\x15\x03"
"""What a record of TLS begins with that says what is wrong."""


class Connection(asyncio.BufferedProtocol):
    """Not more calls at a time than any server takes; so what it says of their number is not looked at."""

    def __init__(self) -> None:
        self.heard = 0
        """Frames of calls that have come."""
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the server has said its settings; its exception is why it has not."""
        self._sender = Sender()
        self._calls: dict[int, Call] = {}
        self._next = 1
        self._headers = Decoder()
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._rest = b""
        self._block = bytearray()
        self._block_of: tuple[int, int] | None = None
        """Stream and flags of the HEADERS that CONTINUATION continues."""
        self._unreported = 0
        self._end: str | None = None
        """Why there are no more calls."""
        self._transport: asyncio.Transport | None = None

    # calls

    def open(self, block: bytes, ahead: int) -> Call:
        """Begin a call with these headers. ``ahead``: messages that may come before they are taken. Raises
        ConnectionLost."""
        if self._end is not None:
            raise ConnectionLost(self._end)
        call = Call(self, self._next, ahead, self._sender.initial_window)
        self._next += 2
        self._calls[call.number] = call
        self._sender.frame(Kind.HEADERS, Flag.END_HEADERS, call.number, block)
        return call

    def send(self, call: Call, data: bytes, end: bool) -> None:
        if call.end is None:
            self._sender.data(call, data, end)

    def grant(self, call: Call, size: int) -> None:
        self._sender.frame(Kind.WINDOW_UPDATE, 0, call.number, _U32.pack(size))

    def cancel(self, call: Call) -> None:
        self._reset(call, ErrorCode.CANCEL)

    def _reset(self, call: Call, code: ErrorCode) -> None:
        self._forget(call)
        self._sender.frame(Kind.RST_STREAM, 0, call.number, _U32.pack(code))

    def _forget(self, call: Call) -> None:
        self._calls.pop(call.number, None)
        self._sender.forget(call)

    def _finish(self, call: Call, how: Status) -> None:
        if call.closed and not call.waiting:
            self._forget(call)
        else:
            self._reset(call, ErrorCode.NO_ERROR)
        call.finish(how)

    def close(self, reason: str = "the connection was closed") -> None:
        """End every call. Idempotent."""
        self._sender.flush()
        self._leave(ErrorCode.NO_ERROR, reason)

    def _leave(self, code: ErrorCode, reason: str) -> None:
        transport = self._transport
        self._fail(reason)
        if transport is None:
            return
        transport.write(frame(Kind.GOAWAY, 0, 0, _U32.pack(0) + _U32.pack(code)))
        if transport.get_write_buffer_size():
            transport.abort()  # the peer does not take what is under way to it
        else:
            transport.close()

    def _fail(self, reason: str) -> None:
        """There is no connection any more."""
        self._end = self._end or reason
        self._transport = None
        self._sender.stop()
        self._refuse(ConnectionLost(reason))
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.finish(Status(Code.UNAVAILABLE, reason))

    def _refuse(self, why: Exception) -> None:
        """There will be no greeting."""
        if not self.greeted.done():
            self.greeted.set_exception(why)
            self.greeted.exception()  # looked at, should nobody wait for it

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = (
            (Setting.ENABLE_PUSH, 0),
            (Setting.INITIAL_WINDOW_SIZE, WINDOW),
            (Setting.MAX_HEADER_LIST_SIZE, HEADER_BYTES),
        )
        body = b"".join([_SETTING.pack(*setting) for setting in settings])
        transport.write(PREFACE + frame(Kind.SETTINGS, 0, 0, body))
        self._sender.frame(Kind.WINDOW_UPDATE, 0, 0, _U32.pack(ALL_WINDOW - DEFAULT_WINDOW))
        self._sender.start(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._refuse(error)
        self._fail(str(error) if error is not None else "the switch closed the connection")

    def pause_writing(self) -> None:
        self._sender.pause()

    def resume_writing(self) -> None:
        self._sender.resume()

    def get_buffer(self, _size: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        try:
            self._received(self._rest + self._buffer[:size])
        except Http2Error as error:
            self._refuse(error)
            self._leave(error.code, f"the switch does not speak HTTP/2 as it should: {error}")

    # frames

    def _received(self, data: bytes) -> None:
        at, end = 0, len(data)
        while end - at >= HEAD_BYTES and self._transport is not None:
            high, low, kind, flags, stream = HEAD.unpack_from(data, at)
            size = high << 16 | low
            if not self.greeted.done() and data.startswith(_ALERT):
                self._leave(ErrorCode.PROTOCOL_ERROR, "the switch ends the connection with an alert of TLS")
                return
            if not self.greeted.done() and (kind != Kind.SETTINGS or size > FRAME_BYTES):
                raise Http2Error(ErrorCode.PROTOCOL_ERROR, "it does not begin with its settings")
            if size > FRAME_BYTES:
                raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            start = at + HEAD_BYTES
            if start + size > end:
                break
            at = start + size
            self._frame(kind, flags, stream & NUMBER, data[start:at])
        self._rest = data[at:]

    def _frame(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if self._block_of is not None and (kind != Kind.CONTINUATION or stream != self._block_of[0]):
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "headers that are not continued")
        if kind == Kind.DATA:
            self._data(flags, stream, body)
        elif kind == Kind.HEADERS:
            body = unpadded(flags, body)
            self._block_of = stream, flags
            self._block += body[5:] if flags & Flag.PRIORITY else body
            if flags & Flag.END_HEADERS:
                self._end_of_headers()
        elif kind == Kind.CONTINUATION:
            self._continuation(flags, body)
        elif kind == Kind.WINDOW_UPDATE:
            self._window_update(stream, body)
        elif kind == Kind.SETTINGS:
            self._settings(flags, stream, body)
        elif kind == Kind.PING:
            if not flags & Flag.ACK:
                self._sender.frame(Kind.PING, Flag.ACK, 0, body)
        elif kind == Kind.RST_STREAM:
            call, error = self._call(stream), _number(body)
            if call is not None:
                self._forget(call)
                call.finish(status.of_reset(error))
        elif kind == Kind.GOAWAY:
            self._goaway(body)
        elif kind == Kind.PUSH_PROMISE:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a push, which is not allowed")

    def _call(self, stream: int) -> Call | None:
        """None for one that has ended here, which the peer may not know yet. Raises Http2Error."""
        call = self._calls.get(stream)
        if call is None and (stream % 2 == 0 or stream >= self._next):
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, f"a frame of stream {stream}, which is not open")
        return call

    def _data(self, flags: int, stream: int, body: bytes) -> None:
        size = len(body)
        self._unreported += size
        if self._unreported >= ALL_WINDOW // 2:
            self._sender.frame(Kind.WINDOW_UPDATE, 0, 0, _U32.pack(self._unreported))
            self._unreported = 0
        call = self._call(stream)
        if call is None:
            return
        self.heard += 1
        call.received(unpadded(flags, body), size)
        if flags & Flag.END_STREAM:
            self._finish(call, Status(Code.INTERNAL, "the switch ended the call without a status"))

    def _continuation(self, flags: int, body: bytes) -> None:
        if self._block_of is None:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a continuation of nothing")
        self._block += body
        if len(self._block) > HEADER_BYTES:
            raise Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "headers without end")
        if flags & Flag.END_HEADERS:
            self._end_of_headers()

    def _end_of_headers(self) -> None:
        assert self._block_of is not None
        (stream, flags), self._block_of = self._block_of, None
        block = bytes(self._block)
        self._block.clear()
        try:
            fields: tuple[Header, ...] = self._headers.decode(block)
        except HeadersError as error:
            raise Http2Error(ErrorCode.COMPRESSION_ERROR, str(error)) from None
        call = self._call(stream)
        if call is None:
            return
        self.heard += 1
        found = dict(fields)
        call.http_status = found.get(b":status", call.http_status)
        if flags & Flag.END_STREAM:
            self._finish(call, status.of_trailers(found, call.http_status))

    def _window_update(self, stream: int, body: bytes) -> None:
        more = _number(body) & NUMBER
        if stream == 0:
            self._sender.widen(None, more)
        elif (call := self._call(stream)) is not None:
            self._sender.widen(call, more)

    def _settings(self, flags: int, stream: int, body: bytes) -> None:
        if stream or len(body) % 6:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "settings that are none")
        if flags & Flag.ACK:
            return
        for setting, value in _SETTING.iter_unpack(body):
            if setting == Setting.INITIAL_WINDOW_SIZE:
                if value > LARGEST_WINDOW:
                    raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
                self._sender.set_initial_window(value, list(self._calls.values()))
            elif setting == Setting.MAX_FRAME_SIZE and value < FRAME_BYTES:
                # Larger ones than everybody takes would gain nothing.
                raise Http2Error(ErrorCode.PROTOCOL_ERROR, "frames that are too small")
        self._sender.frame(Kind.SETTINGS, Flag.ACK, 0)
        if not self.greeted.done():
            self.greeted.set_result(None)

    def _goaway(self, body: bytes) -> None:
        """The server takes no more calls; those that it has taken go on."""
        if len(body) < 8:
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "a farewell that is too short")
        last, code = _number(body[:4]) & NUMBER, _number(body[4:8])
        said = status.said(body[8:].decode("latin-1"))
        self._end = said or ("the switch ends the connection" + (f": error {code}" if code else ""))
        for call in [call for call in self._calls.values() if call.number > last]:
            self._forget(call)
            call.finish(Status(Code.UNAVAILABLE, self._end))


def _number(body: bytes) -> int:
    """Raises Http2Error."""
    if len(body) != 4:
        raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, f"{len(body)} bytes instead of a number")
    return int.from_bytes(body, "big")
