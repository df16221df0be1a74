"""Inputs to begin with for transport.c: connections as gRPC's clients make them, and ways to misbehave."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from finsy.proto import p4r
from p4soft.api import MatchKind, Program, Table

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
RAW, AGAIN, CONNECT, READ, ANSWER, TICK = range(10, 16)
COMMANDS = 16
"""Commands are taken modulo this."""
ACK, END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
NEXT_STREAM = COMMANDS
"""Added to AGAIN: every time on the next stream."""
SEND, LIMITED, FINISH = 1, 2, 4
"""What ANSWER does."""
ROLE = "r"
"""Its primary is the client, too, as of the role without a name."""
_HUFFMAN = bytes.fromhex("62b697ee15f5b5b6da926a4ac5e1d638cd419262a3")  # /p4.v1.P4Runtime/Capabilities


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBBH", kind, flags, stream, len(body)) + body


def raw(data: bytes) -> bytes:
    return struct.pack("!BH", RAW, len(data)) + data


def again(times: int, on: int = 0) -> bytes:
    """Send the last frame ``times`` times eight."""
    return bytes([AGAIN | on, times])


def connect(client: int, *, greet: bool = True) -> bytes:
    return bytes([CONNECT, client | 0x40 | (0 if greet else 0x80)])


def read(count: int) -> bytes:
    """Read ``count`` times 16 bytes."""
    return struct.pack("!BH", READ, count)


def answer(how: int, length: int = 10, call: int = 0) -> bytes:
    """The server answers the last call but ``call``, with ``length`` times two bytes."""
    return struct.pack("!BBH", ANSWER, how | call << 3, length)


def literal(name: bytes, value: bytes, kind: int = 0) -> bytes:
    return bytes([kind, len(name)]) + name + bytes([len(value)]) + value


def path(method: str) -> bytes:
    return literal(b":path", f"/p4.v1.P4Runtime/{method}".encode())


def message(data: bytes = b"") -> bytes:
    return struct.pack("!BI", 0, len(data)) + data


def call(stream: int, method: str, data: bytes = b"") -> bytes:
    opened = frame(HEADERS, END_HEADERS, stream, b"\x83\x86" + path(method))
    return opened + frame(DATA, END_STREAM, stream, message(data))


def seeds(program: Program) -> Iterator[bytes]:
    settings = frame(SETTINGS, 0, 0, struct.pack("!HIHIHI", 2, 0, 4, 1 << 22, 6, 16384))
    reads = answer(SEND | FINISH, 400) + read(100)
    yield settings + call(1, "Capabilities") + reads + frame(SETTINGS, ACK, 0)
    yield settings + b"".join(call(1 + 2 * i, "Write", data) for i, data in enumerate(requests(program))) + reads
    yield b"".join(call(1 + 2 * i, "Write", data) for i, data in enumerate(single_updates(program))) + read(100)
    inserts, *_ = requests(program)
    found = b"".join(call(3 + 2 * i, "Read", data) for i, data in enumerate(readings(program)))
    yield settings + call(1, "Write", inserts) + found + answer(SEND | FINISH, 9) + reads
    # What the header compression has: Huffman, remembered headers, another size of the table, blocks in pieces.
    pieces = literal(b"n" * 60, b"v" * 100, 0x40) + b"\xbe\x7e\x01x\x0f\x2f\x01y\x10\x01a\x01b"
    coded = b"\x83\x86\x44" + bytes([0x80 | len(_HUFFMAN)]) + _HUFFMAN + literal(b"user-agent", b"grpc", 0x40)
    yield (
        frame(HEADERS, END_HEADERS, 1, coded)
        + frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x83\x86\xbf\xbe\x3f\x21\x83\x20\x3f\xe1\x1f")
        + frame(HEADERS, END_HEADERS, 5, pieces)
        + again(10, NEXT_STREAM)
    )
    yield (
        frame(HEADERS, PADDED | WITH_PRIORITY, 1, b"\x02" + bytes(5) + b"\x83\x86\0\0")
        + frame(CONTINUATION, 0, 1, path("StreamChannel")[:9])
        + frame(CONTINUATION, END_HEADERS, 1, path("StreamChannel")[9:])
        + frame(DATA, PADDED, 1, b"\x01" + message(b"abc")[:6] + b"\0")
        + frame(DATA, 0, 1, message(b"abc")[6:] + message())
        + answer(SEND, 60000) * 3
        + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b"trailer", b"x"))
        + frame(PRIORITY, 0, 1, bytes(5))
    )
    # Windows: too large, too small, growing and shrinking.
    stream = frame(HEADERS, END_HEADERS, 1, path("StreamChannel"))
    large = struct.pack("!I", 0x7FFFFFFF)
    shrink = frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 3))
    grow = frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 0x7FFFFFFF))
    yield shrink + stream + answer(SEND, 500) * 4 + frame(WINDOW, 0, 1, struct.pack("!I", 5)) + read(9) + grow + reads
    yield stream + answer(SEND, 65535) * 6 + frame(WINDOW, 0, 0, struct.pack("!I", 1 << 20)) + grow + read(60000) * 2
    yield stream + frame(WINDOW, 0, 1, large) + again(1) + stream + frame(WINDOW, 0, 0, large) + again(1)
    yield stream + answer(SEND | LIMITED, 65535) * 6 + answer(FINISH, 40000) + frame(DATA, 0, 1, message(b"late"))
    # Floods.
    yield stream + frame(RST, 0, 1, bytes(4)) + again(255) + frame(PING, 0, 0, b"12345678") + again(255)
    yield frame(HEADERS, END_HEADERS, 1, path("Write")) + again(200, NEXT_STREAM) + frame(RST, 0, 1, bytes(4))
    yield frame(HEADERS, 0, 1, path("Write")) + frame(CONTINUATION, 0, 1, bytes(1000)) + again(9)
    yield frame(SETTINGS, 0, 0) + again(255) + call(1, "Capabilities") + answer(SEND | FINISH, 9)
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, path("Read")) + again(60, NEXT_STREAM) + reads * 4
    yield frame(HEADERS, END_HEADERS, 1, path("Write")) + frame(DATA, 0, 1, message(b"x" * 90)) + again(20)
    long = frame(DATA, 0, 1, struct.pack("!BI", 0, 1 << 20) + bytes(3000))
    yield frame(HEADERS, END_HEADERS, 1, path("StreamChannel")) + long + again(40) + read(100)
    # Several clients, silent ones, ones without a preface, bytes that are no frames.
    tick = bytes([TICK])
    two = call(1, "Capabilities") + connect(1) + call(1, "Write") + tick + reads
    yield two + frame(PING, ACK, 0, b"p4soft\0\0") + tick * 2 + connect(0) + call(1, "Read") + reads
    yield connect(2, greet=False) + raw(b"GET / HTTP/1.1\r\n\r\n")
    yield connect(3, greet=False) + raw(b"PRI * HTTP/2.0\r\n") + raw(b"\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
    unknown = b"\0\0\2\x77\0" + bytes(4) + b"??"
    yield raw(unknown) + frame(GOAWAY, 0, 0, bytes(8)) + call(1, "Capabilities") + raw(b"\0\x40\x01" + bytes(6))
    yield frame(PUSH, END_HEADERS, 1, bytes(4) + path("Read"))


def requests(program: Program) -> Iterator[bytes]:
    """Writes of the tables, with the ids that transport.c gives them."""
    tables = [table for table in program.tables.values() if table.fields]
    for kind in (p4r.Update.INSERT, p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE):
        request = p4r.WriteRequest(device_id=1, election_id=p4r.Uint128(low=1))
        for number, table in enumerate(tables):
            for action in range(len(table.actions)):
                request.updates.add(type=kind).entity.table_entry.CopyFrom(_entry(table, number + 3 * action, action))
        yield request.SerializeToString()


def single_updates(program: Program) -> Iterator[bytes]:
    """Writes that succeed, one as the primary of a role."""
    tables = [table for table in program.tables.values() if table.fields and not table.initial]
    for kind in (p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE):
        for number, table in enumerate(tables):
            request = p4r.WriteRequest(device_id=1, election_id=p4r.Uint128(low=1), role=ROLE if number else "")
            request.updates.add(type=kind).entity.table_entry.CopyFrom(_entry(table, number, 0))
            yield request.SerializeToString()


def readings(program: Program) -> Iterator[bytes]:
    """Reads of the tables as a whole and of their entries, with all that goes with these."""
    tables = [table for table in program.tables.values() if table.fields]
    for whole in (True, False):
        request = p4r.ReadRequest(device_id=1)
        for number, table in enumerate(tables):
            query = request.entities.add().table_entry
            query.table_id = table.index + 1
            if not whole:
                query.match.MergeFrom(_entry(table, number, 0).match)
            query.counter_data.SetInParent()
            if table.support_timeout:
                query.time_since_last_hit.SetInParent()
            yield p4r.ReadRequest(device_id=1, entities=request.entities[-1:]).SerializeToString()
        yield request.SerializeToString()


def _entry(table: Table, value: int, action: int) -> p4r.TableEntry:
    entry = p4r.TableEntry(table_id=table.index + 1, controller_metadata=value)
    for number, field in enumerate(table.fields, 1):
        data = bytes([1 + value % (2 ** min(field.bits, 7) - 1)])  # not 0, which would be a mask that is left out
        match = entry.match.add(field_id=number)
        if field.kind is MatchKind.EXACT:
            match.exact.value = data
        elif field.kind is MatchKind.LPM:
            match.lpm.value, match.lpm.prefix_len = b"\x0a" + bytes(field.bits // 8 - 1), 8
        elif field.kind is MatchKind.RANGE:
            match.range.low, match.range.high = data, b"\x7f"
        else:
            match.ternary.value = match.ternary.mask = data
            entry.priority = 1 + value
    entry.action.action.action_id = action + 1
    for number, bits in enumerate(table.actions[action].param_bits, 1):
        entry.action.action.params.add(param_id=number, value=bytes([value % 2 ** min(bits, 7)]))
    if table.support_timeout:
        entry.idle_timeout_ns = 10**9
    return entry
