"""The server's end of a connection, made by hand."""

from __future__ import annotations

import asyncio

from fullnat.p4rt.http2.call import Call
from fullnat.p4rt.http2.connection import Connection
from fullnat.p4rt.http2.frames import HEAD, HEAD_BYTES, PREFACE, Flag, Kind, Setting, frame
from fullnat.p4rt.http2.headers import literal

Frame = tuple[int, int, int, bytes]
"""Kind, flags, stream, body."""
REQUEST = literal(b":method", b"POST")
RESPONSE = b"\x88"
"""A block of ":status: 200" alone."""


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def message(data: bytes, compressed: int = 0) -> bytes:
    return bytes([compressed]) + u32(len(data)) + data


def data(stream: int, body: bytes, flags: int = 0) -> bytes:
    return frame(Kind.DATA, flags, stream, body)


def headers(stream: int, block: bytes, flags: int = Flag.END_HEADERS) -> bytes:
    return frame(Kind.HEADERS, flags, stream, block)


def trailers(stream: int, status: bytes = b"0", *more: tuple[bytes, bytes]) -> bytes:
    block = b"".join([literal(*field) for field in ((b"grpc-status", status), *more)])
    return headers(stream, block, Flag.END_HEADERS | Flag.END_STREAM)


def setting(number: Setting, value: int) -> bytes:
    return number.to_bytes(2, "big") + u32(value)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


class Peer:
    """A connection of ours that has been made, and greeted unless ``greeting`` says something else."""

    def __init__(self, greeting: bytes = frame(Kind.SETTINGS, 0, 0)) -> None:
        self.wire = Wire()
        self.connection = Connection()
        self.connection.connection_made(self.wire)
        self.feed(greeting)

    def feed(self, *pieces: bytes) -> None:
        """Have it receive this, each piece by itself if it has room for it."""
        for piece in pieces:
            buffer = self.connection.get_buffer(-1)
            for at in range(0, len(piece), len(buffer)):
                part = piece[at : at + len(buffer)]
                buffer[: len(part)] = part
                self.connection.buffer_updated(len(part))

    def call(self, ahead: int = 100) -> Call:
        return self.connection.open(REQUEST, ahead)

    async def frames(self, *kinds: Kind) -> list[Frame]:
        """What it has sent since it was last asked, of these kinds or of all."""
        await asyncio.sleep(0)  # its turn ends, and with it the frames leave
        sent, self.wire.written = self.wire.written.removeprefix(PREFACE), b""
        found: list[Frame] = []
        while sent:
            high, low, kind, flags, stream = HEAD.unpack_from(sent)
            end = HEAD_BYTES + (high << 16 | low)
            found.append((kind, flags, stream, sent[HEAD_BYTES:end]))
            sent = sent[end:]
        return [each for each in found if not kinds or each[0] in kinds]
