"""HTTP/2 and gRPC by hand, for tests of the server's own."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from p4soft.embedded import Switch

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
ACK, END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
PROTOCOL_ERROR, FLOW_CONTROL, FRAME_SIZE, COMPRESSION, CALM = 1, 3, 6, 9, 11

Frame = tuple[int, int, int, bytes]


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def block(method: str = "Capabilities") -> bytes:
    path = f"/p4.v1.P4Runtime/{method}".encode()
    return b"\x83\x86" + literal(b":path", path) + literal(b"content-type", b"application/grpc")


def message(data: bytes = b"", compressed: int = 0) -> bytes:
    return struct.pack("!BI", compressed, len(data)) + data


def call(stream: int = 1, method: str = "Capabilities", data: bytes = b"") -> bytes:
    request = frame(HEADERS, END_HEADERS, stream, block(method))
    return request + frame(DATA, END_STREAM, stream, message(data))


def grpc_status(trailers: bytes) -> int:
    at = trailers.index(b"grpc-status") + len(b"grpc-status")
    return int(trailers[at + 1 : at + 1 + trailers[at]])


class Raw:
    """A connection whose frames are made by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def frame(self) -> Frame | None:
        """The next frame; None at the end."""
        try:
            head = await asyncio.wait_for(self._reader.readexactly(9), 10)
            body = await asyncio.wait_for(self._reader.readexactly(int.from_bytes(head[:3], "big")), 10)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return head[3], head[4], int.from_bytes(head[5:], "big"), body

    async def until(self, kind: int) -> Frame:
        while (found := await self.frame()) is not None:
            if found[0] == kind:
                return found
        raise AssertionError(f"no frame of kind {kind} came")

    async def status(self, stream: int = 1) -> tuple[int, bytes]:
        """grpc-status of a call, and what came as its data."""
        data = b""
        while True:
            found = await self.frame()
            assert found is not None, "the connection was closed"
            kind, flags, number, body = found
            if number == stream and kind == DATA:
                data += body
            if number == stream and kind == HEADERS and flags & END_STREAM:
                return grpc_status(body), data

    async def error(self) -> int:
        """The code that the server ends the connection with."""
        _, _, _, body = await self.until(GOAWAY)
        assert await self.frame() is None
        return int.from_bytes(body[4:8], "big")


@asynccontextmanager
async def raw(switch: Switch, preface: bytes = PREFACE, settings: bytes = b"") -> AsyncIterator[Raw]:
    assert switch.address is not None
    host, _, port = switch.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    made = Raw(reader, writer)
    made.send(preface, frame(SETTINGS, 0, 0, settings))
    try:
        yield made
    finally:
        writer.close()
