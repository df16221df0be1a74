"""The client side of HTTP/2 (RFC 9113), as far as gRPC needs it, as an asyncio protocol.

A session costs the controller several short messages, and the gRPC library takes some hundred microseconds for each,
most of them to pass it between threads. Here messages that arrive together are handled in one go, and those that are
sent in one turn of the event loop leave in one system call.

Flow control: what a call has received and not yet handed out counts against its window, so a switch that sends faster
than its messages are taken is held back.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import cast

from hpack import Decoder, HPACKError

from fullnat.p4rt.errors import ConnectionLost

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
MAX_FRAME_SIZE_SETTING, INITIAL_WINDOW_SETTING, MAX_HEADER_LIST_SETTING = 0x5, 0x4, 0x6
ENABLE_PUSH_SETTING, GRPC_TRUE_BINARY_SETTING = 0x2, 0xFE03
CANCEL = 0x8

CALL_WINDOW = 4 << 20
"""Bytes a call may receive before they are taken."""
HEADER_LIMIT = 16 << 20
"""Bytes of headers accepted: the details of a failed batch travel in a trailer."""
_WINDOW_MAX = (1 << 31) - 1
_DEFAULT_WINDOW = 65535
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Headers = list[tuple[bytes, bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal_header(name: bytes, value: bytes) -> bytes:
    """A header field without indexing and Huffman coding (RFC 7541 6.2.2); name and value below 127 bytes."""
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


class Call:
    """One stream: messages (gRPC's length-prefixed ones) both ways, then the trailers."""

    def __init__(self, connection: Connection, number: int, send_window: int) -> None:
        self.number = number
        self.messages: deque[bytes] = deque()
        self.headers: Headers = []
        """All header fields received, trailers last."""
        self.error: ConnectionLost | None = None
        self.ended = False
        self.send_window = send_window
        self.outgoing: deque[bytes] = deque()
        self.half_closed = False
        self._connection = connection
        self._partial = bytearray()
        self._unacknowledged = 0
        self._changed = asyncio.Event()

    def send(self, message: bytes, *, last: bool = False) -> None:
        """Queue a message. Raises ConnectionLost when the call is over."""
        if self.error is not None:
            raise self.error
        if self.ended:
            raise ConnectionLost("the call is over")
        self.outgoing.append(b"\0" + len(message).to_bytes(4, "big") + message)
        self.half_closed = self.half_closed or last
        self._connection.flush_call(self)

    def cancel(self) -> None:
        """End the call without waiting for the other side."""
        if not self.ended:
            self._connection.reset(self)
            self.fail(ConnectionLost("the call was cancelled"))

    async def wait(self) -> None:
        """Until there are messages or the call has ended."""
        while not self.messages and not self.ended:
            self._changed.clear()
            await self._changed.wait()

    async def wait_end(self) -> None:
        """Until the call has ended; its messages do not count against its window meanwhile."""
        while not self.ended:
            self._changed.clear()
            await self._changed.wait()
            self.acknowledge()

    def take(self) -> list[bytes]:
        """Every message that has arrived."""
        messages = list(self.messages)
        self.messages.clear()
        self.acknowledge()
        return messages

    def acknowledge(self) -> None:
        """Let the other side send as much as has been taken."""
        if self._unacknowledged > CALL_WINDOW // 4 and not self.ended:
            self._connection.open_window(self.number, self._unacknowledged)
            self._unacknowledged = 0

    def received(self, data: bytes, flow: int) -> None:
        """Data of this call: pieces of length-prefixed messages. ``flow``: bytes that count for flow control."""
        self._unacknowledged += flow
        if not self._partial and len(data) >= 5 and int.from_bytes(data[1:5], "big") == len(data) - 5 and not data[0]:
            self.messages.append(data[5:])
        else:
            self._reassemble(data)
        self._changed.set()

    def _reassemble(self, data: bytes) -> None:
        partial = self._partial
        partial += data
        start = 0
        while len(partial) - start >= 5:
            if partial[start]:
                self.fail(ConnectionLost("the server compresses its messages, which was not asked for"))
                return
            end = start + 5 + int.from_bytes(partial[start + 1 : start + 5], "big")
            if end > len(partial):
                break
            self.messages.append(bytes(partial[start + 5 : end]))
            start = end
        del partial[:start]

    def end(self) -> None:
        self.ended = True
        self._changed.set()

    def fail(self, error: ConnectionLost) -> None:
        if not self.ended:
            self.error = error
            self.end()


class Connection(asyncio.Protocol):
    """One connection with any number of calls. Use :meth:`connect`."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._transport: asyncio.Transport | None = None
        self._lost: ConnectionLost | None = None
        self._rest = b""
        self._out: list[bytes] = []
        self._flushing = False
        self._next = 1
        self._decoder = Decoder(max_header_list_size=HEADER_LIMIT)
        self._block: bytearray = bytearray()
        self._block_of = (0, False)
        self._send_window = _DEFAULT_WINDOW
        self._initial_window = _DEFAULT_WINDOW
        self._max_frame = 16384
        self._unacknowledged = 0
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, host: str, port: int) -> Connection:
        """Connect and wait for the server's settings. Raises OSError, or ConnectionLost if it is no HTTP/2 server."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(cls, host, port)
        try:
            await made._settled
        except BaseException:
            await made.close()
            raise
        return made

    def call(self, headers: bytes) -> Call:
        """Start a call with a block of encoded header fields. Raises ConnectionLost."""
        if self._lost is not None:
            raise self._lost
        call = Call(self, self._next, self._initial_window)
        self._calls[self._next] = call
        self._next += 2
        self._write(frame(HEADERS, END_HEADERS, call.number, headers))
        return call

    async def close(self) -> None:
        self._lose(ConnectionLost("the connection was closed"))
        if self._transport is not None:
            self._transport.close()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        _keep_alive(transport.get_extra_info("socket"))
        settings = (
            (ENABLE_PUSH_SETTING, 0),
            (INITIAL_WINDOW_SETTING, CALL_WINDOW),
            (MAX_HEADER_LIST_SETTING, HEADER_LIMIT),
            (GRPC_TRUE_BINARY_SETTING, 1),
        )
        payload = b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in settings)
        self._write(_PREFACE + frame(SETTINGS, 0, 0, payload))
        self.open_window(0, _WINDOW_MAX - _DEFAULT_WINDOW)

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(ConnectionLost(str(error) if error else "the switch closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        start, size = 0, len(data)
        while size - start >= 9:
            length = int.from_bytes(data[start : start + 3], "big")
            end = start + 9 + length
            if end > size:
                break
            number = int.from_bytes(data[start + 5 : start + 9], "big") & 0x7FFFFFFF
            self._frame(data[start + 3], data[start + 4], number, data[start + 9 : end])
            start = end
        self._rest = data[start:]

    # receiving

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == DATA:
            self._data(flags, number, payload)
        elif kind == HEADERS:
            content = _unpadded(flags, payload)
            self._block = bytearray(content[5:] if flags & PRIORITY else content)
            self._block_of = (number, bool(flags & END_STREAM))
            if flags & END_HEADERS:
                self._headers()
        elif kind == CONTINUATION:
            self._block += payload
            if len(self._block) > HEADER_LIMIT:
                self._protocol_error("too many headers")
            elif flags & END_HEADERS:
                self._headers()
        elif kind == WINDOW_UPDATE:
            self._window_update(number, int.from_bytes(payload, "big") & 0x7FFFFFFF)
        elif kind == SETTINGS and not flags & ACK:
            self._settings(payload)
        elif kind == PING and not flags & ACK:
            self._write(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            call = self._calls.pop(number, None)
            if call is not None:
                call.fail(ConnectionLost(f"the switch reset the call (HTTP/2 error {int.from_bytes(payload, 'big')})"))
        elif kind == GOAWAY:
            reason = payload[8:].decode("utf-8", "replace") or f"HTTP/2 error {int.from_bytes(payload[4:8], 'big')}"
            self._lose(ConnectionLost(f"the switch ends the connection: {reason}"))
            if self._transport is not None:
                self._transport.close()

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self._unacknowledged += len(payload)
        if self._unacknowledged > _WINDOW_MAX // 2:
            self.open_window(0, self._unacknowledged)
            self._unacknowledged = 0
        call = self._calls.get(number)
        if call is None:
            return
        call.received(_unpadded(flags, payload) if flags & PADDED else payload, len(payload))
        if flags & END_STREAM:
            del self._calls[number]
            call.end()

    def _headers(self) -> None:
        number, last = self._block_of
        try:
            headers = cast(Headers, self._decoder.decode(bytes(self._block), raw=True))
        except HPACKError as error:
            self._protocol_error(f"headers that cannot be read: {error}")
            return
        call = self._calls.get(number)
        if call is not None:
            call.headers.extend(headers)
            if last:
                del self._calls[number]
                call.end()

    def _settings(self, payload: bytes) -> None:
        for start in range(0, len(payload) - 5, 6):
            name = int.from_bytes(payload[start : start + 2], "big")
            value = int.from_bytes(payload[start + 2 : start + 6], "big")
            if name == INITIAL_WINDOW_SETTING:
                for call in self._calls.values():
                    call.send_window += value - self._initial_window
                self._initial_window = value
            elif name == MAX_FRAME_SIZE_SETTING:
                self._max_frame = value
        self._write(frame(SETTINGS, ACK, 0, b""))
        if not self._settled.done():
            self._settled.set_result(None)
        self._flush_calls()

    def _window_update(self, number: int, increment: int) -> None:
        if number == 0:
            self._send_window += increment
            self._flush_calls()
        elif (call := self._calls.get(number)) is not None:
            call.send_window += increment
            self.flush_call(call)

    def _protocol_error(self, reason: str) -> None:
        self._lose(ConnectionLost(f"the switch does not speak HTTP/2 properly: {reason}"))
        if self._transport is not None:
            self._transport.close()

    def _lose(self, error: ConnectionLost) -> None:
        if self._lost is None:
            self._lost = error
            if not self._settled.done():
                self._settled.set_exception(error)
                self._settled.exception()  # marked as seen: connect may have been cancelled
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.fail(error)

    # sending

    def open_window(self, number: int, increment: int) -> None:
        self._write(frame(WINDOW_UPDATE, 0, number, increment.to_bytes(4, "big")))

    def reset(self, call: Call) -> None:
        if self._calls.pop(call.number, None) is not None:
            self._write(frame(RST_STREAM, 0, call.number, CANCEL.to_bytes(4, "big")))

    def _flush_calls(self) -> None:
        for call in list(self._calls.values()):
            if call.outgoing:
                self.flush_call(call)

    def flush_call(self, call: Call) -> None:
        """Send as much of what ``call`` has queued as the windows allow."""
        outgoing = call.outgoing
        while outgoing:
            data = outgoing[0]
            room = min(self._send_window, call.send_window, self._max_frame)
            if room <= 0:
                return
            if len(data) <= room:
                outgoing.popleft()
            else:
                outgoing[0] = data[room:]
                data = data[:room]
            self._send_window -= len(data)
            call.send_window -= len(data)
            last = call.half_closed and not outgoing
            self._write(frame(DATA, END_STREAM if last else 0, call.number, data))

    def _write(self, data: bytes) -> None:
        """Everything written in one turn of the event loop leaves in one system call."""
        self._out.append(data)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = b"".join(self._out)
        self._out.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _unpadded(flags: int, payload: bytes) -> bytes:
    return payload[1 : len(payload) - payload[0]] if flags & PADDED else payload


def _keep_alive(sock: socket.socket | None) -> None:
    """Notice within half a minute that the other machine is gone."""
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
