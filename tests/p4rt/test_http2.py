"""Connections of HTTP/2 against a server made by hand."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from fullnat.p4rt.errors import Code, ConnectionLost
from fullnat.p4rt.http2.call import WINDOW
from fullnat.p4rt.http2.connection import ALL_WINDOW
from fullnat.p4rt.http2.frames import DEFAULT_WINDOW, FRAME_BYTES, ErrorCode, Flag, Http2Error, Kind, Setting, frame
from fullnat.p4rt.http2.headers import literal
from fullnat.p4rt.http2.status import DONE, Status
from hypothesis import given, settings
from hypothesis import strategies as st

from p4rt.http2kit import REQUEST, RESPONSE, Frame, Peer, data, headers, message, setting, trailers, u32

MESSAGES = [b"", b"one", bytes(70_000), b"two"]
CUTS = (1, 7, 100, FRAME_BYTES)


async def test_it_begins_as_http2_does() -> None:
    peer = Peer()
    kind, flags, stream, body = (await peer.frames())[0]
    assert (kind, flags, stream) == (Kind.SETTINGS, 0, 0)
    wanted = [setting(Setting.ENABLE_PUSH, 0), setting(Setting.INITIAL_WINDOW_SIZE, WINDOW)]
    assert [body[at : at + 6] for at in (0, 6)] == wanted


async def test_settings_and_pings_are_acknowledged() -> None:
    peer = Peer()
    assert peer.connection.greeted.done()
    await peer.frames()
    peer.feed(
        frame(Kind.SETTINGS, 0, 0), frame(Kind.PING, 0, 0, b"12345678"), frame(Kind.PING, Flag.ACK, 0, b"87654321")
    )
    assert await peer.frames() == [(Kind.SETTINGS, Flag.ACK, 0, b""), (Kind.PING, Flag.ACK, 0, b"12345678")]


@pytest.mark.parametrize("cut", CUTS)
async def test_messages_are_whole_however_they_are_cut(cut: int) -> None:
    peer = Peer()
    call = peer.call()
    whole = b"".join(map(message, MESSAGES))
    peer.feed(headers(1, RESPONSE))
    peer.feed(*[data(1, whole[at : at + cut]) for at in range(0, len(whole), cut)])
    assert call.take() == MESSAGES
    assert call.end is None


@pytest.mark.parametrize("cut", CUTS)
async def test_frames_are_whole_however_they_are_cut(cut: int) -> None:
    peer = Peer()
    call = peer.call()
    sent = headers(1, RESPONSE) + b"".join([data(1, message(b"%d" % number)) for number in range(300)]) + trailers(1)
    peer.feed(*[sent[at : at + cut] for at in range(0, len(sent), cut)])
    assert call.take() == [b"%d" % number for number in range(300)]
    assert call.end == DONE


async def test_padding_priority_and_unknown_frames_change_nothing() -> None:
    peer = Peer()
    call = peer.call()
    padded = bytes([3]) + message(b"padded") + bytes(3)
    urgent = bytes([1]) + bytes(5) + RESPONSE + bytes(1)
    peer.feed(
        headers(1, urgent, Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY),
        frame(Kind.PRIORITY, 0, 1, bytes(5)),
        data(1, padded, Flag.PADDED),
        frame(200, 255, 1, b"from the future"),  # type: ignore[arg-type]
        trailers(1),
    )
    assert (call.take(), call.end) == ([b"padded"], DONE)


async def test_headers_that_are_continued() -> None:
    peer = Peer()
    call = peer.call()
    block = literal(b"grpc-status", b"5") + literal(b"grpc-message", b"a" + b" " * 40_000 + b"z")
    peer.feed(headers(1, RESPONSE), headers(1, block[:FRAME_BYTES], Flag.END_STREAM))
    peer.feed(frame(Kind.CONTINUATION, 0, 1, block[FRAME_BYTES : 2 * FRAME_BYTES]))
    peer.feed(frame(Kind.CONTINUATION, Flag.END_HEADERS, 1, block[2 * FRAME_BYTES :]))
    assert call.end == Status(Code.NOT_FOUND, "a z")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (
            [(b"grpc-status", b"7"), (b"grpc-message", b"not%20primary%21")],
            Status(Code.PERMISSION_DENIED, "not primary!"),
        ),
        (
            [(b"grpc-status", b"2"), (b"grpc-status-details-bin", base64.b64encode(b"1234").rstrip(b"="))],
            Status(Code.UNKNOWN, "", b"1234"),
        ),
        ([(b"grpc-status", b"2"), (b"grpc-status-details-bin", b"1")], Status(Code.UNKNOWN)),
        ([(b":status", b"404")], Status(Code.UNIMPLEMENTED, "the answer is not gRPC's: HTTP status 404")),
        ([(b":status", b"502")], Status(Code.UNAVAILABLE, "the answer is not gRPC's: HTTP status 502")),
        ([(b":status", b"999")], Status(Code.UNKNOWN, "the answer is not gRPC's: HTTP status 999")),
    ],
)
async def test_how_calls_end(fields: list[tuple[bytes, bytes]], status: Status) -> None:
    peer = Peer()
    call = peer.call()
    call.send(b"", end=True)
    peer.feed(headers(1, b"".join([literal(*field) for field in fields]), Flag.END_HEADERS | Flag.END_STREAM))
    assert call.end == status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (8, Code.CANCELLED),
        (7, Code.UNAVAILABLE),
        (11, Code.RESOURCE_EXHAUSTED),
        (2, Code.INTERNAL),
        (99, Code.INTERNAL),
    ],
)
async def test_streams_that_are_reset(code: int, status: Code) -> None:
    peer = Peer()
    call, other = peer.call(), peer.call()
    peer.feed(frame(Kind.RST_STREAM, 0, 1, u32(code)))
    assert call.end is not None
    assert call.end.code == status
    assert other.end is None
    peer.feed(data(1, message(b"late")), trailers(1), data(3, message(b"x")))
    assert (call.take(), other.take()) == ([], [b"x"])


async def test_a_call_that_ends_before_we_have_said_everything_is_reset() -> None:
    peer = Peer()
    call = peer.call()
    await peer.frames()
    peer.feed(trailers(1))
    assert call.end == DONE
    call.send(b"too late")
    assert await peer.frames() == [(Kind.RST_STREAM, 0, 1, u32(ErrorCode.NO_ERROR))]


async def test_a_call_that_is_given_up_is_reset() -> None:
    peer = Peer()
    call = peer.call()
    await peer.frames()
    call.send(b"on its way")
    call.cancel()
    call.cancel()
    assert call.end is not None
    assert call.end.code == Code.CANCELLED
    assert await peer.frames() == [(Kind.RST_STREAM, 0, 1, u32(ErrorCode.CANCEL))]


async def test_a_farewell_ends_what_was_not_taken() -> None:
    peer = Peer()
    taken, not_taken = peer.call(), peer.call()
    peer.feed(frame(Kind.GOAWAY, 0, 0, u32(1) + u32(0) + b"the switch is stopping"))
    assert not_taken.end == Status(Code.UNAVAILABLE, "the switch is stopping")
    with pytest.raises(ConnectionLost, match="the switch is stopping"):
        peer.call()
    peer.feed(headers(1, RESPONSE), data(1, message(b"done")), trailers(1))
    assert (taken.take(), taken.end) == ([b"done"], DONE)


async def test_what_the_switch_says_is_one_line_of_a_log() -> None:
    """It forges no lines, and moves no terminal's cursor."""
    peer = Peer()
    refused, strange, farewell = peer.call(), peer.call(), peer.call()
    forged = b"down\n2026 ERROR\x1b[2J " + b"x" * 5000
    encoded = forged.replace(b"\n", b"%0A").replace(b"\x1b", b"%1B")
    peer.feed(headers(1, RESPONSE), trailers(1, b"14", (b"grpc-message", encoded)))
    peer.feed(headers(3, RESPONSE), trailers(3, b"9" * 5000))
    peer.feed(frame(Kind.GOAWAY, 0, 0, u32(3) + u32(0) + forged))
    told = ("down 2026 ERROR [2J " + "x" * 5000)[:1000]
    assert refused.end == farewell.end == Status(Code.UNAVAILABLE, told)
    assert strange.end is not None
    assert strange.end.code == Code.UNKNOWN


async def test_a_lost_connection_ends_every_call() -> None:
    peer = Peer()
    calls = [peer.call(), peer.call()]
    peer.connection.connection_lost(None)
    assert [call.end for call in calls] == [Status(Code.UNAVAILABLE, "the switch closed the connection")] * 2
    calls[0].send(b"too late")
    with pytest.raises(ConnectionLost):
        peer.call()


# ---- flow control


def payload(frames: list[Frame], stream: int) -> bytes:
    return b"".join([body for kind, _, number, body in frames if kind == Kind.DATA and number == stream])


async def test_sending_keeps_to_the_windows() -> None:
    peer = Peer()
    call, other = peer.call(), peer.call()
    content = bytes(range(256)) * 1024
    call.send(content, end=True)
    other.send(b"waits too")
    sent = await peer.frames(Kind.DATA)
    assert all(len(body) <= FRAME_BYTES for *_, body in sent)
    assert len(payload(sent, 1)) == DEFAULT_WINDOW
    assert payload(sent, 3) == b""
    peer.feed(frame(Kind.WINDOW_UPDATE, 0, 1, u32(1000)))
    assert await peer.frames(Kind.DATA) == []
    peer.feed(frame(Kind.WINDOW_UPDATE, 0, 0, u32(1 << 20)))
    more = await peer.frames(Kind.DATA)
    assert (len(payload(more, 1)), payload(more, 3)) == (1000, message(b"waits too"))
    assert not any(flags & Flag.END_STREAM for _, flags, *_ in [*sent, *more])
    peer.feed(frame(Kind.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 1 << 20)))
    rest = await peer.frames(Kind.DATA)
    assert payload(sent + more + rest, 1) == message(content)
    assert [flags for _, flags, *_ in rest][-1] == Flag.END_STREAM


async def test_sending_waits_for_the_socket() -> None:
    peer = Peer()
    call = peer.call()
    peer.connection.pause_writing()
    call.send(b"one")
    call.send(b"two")
    assert await peer.frames(Kind.DATA) == []
    assert len(call.waiting) == 2
    peer.connection.resume_writing()
    assert payload(await peer.frames(), 1) == message(b"one") + message(b"two")
    assert not call.waiting


async def test_who_sends_is_told_of_room_while_messages_are_taken() -> None:
    peer = Peer()
    call = peer.call(ahead=100)
    await peer.frames()
    half = [data(1, message(bytes(FRAME_BYTES - 5)))] * (WINDOW // 2 // FRAME_BYTES)
    peer.feed(*half)
    assert await peer.frames() == [(Kind.WINDOW_UPDATE, 0, 1, u32(WINDOW // 2))]
    peer.feed(*half)
    assert await peer.frames() == [(Kind.WINDOW_UPDATE, 0, 1, u32(WINDOW // 2))]
    assert len(call.take()) == 2 * len(half)


async def test_who_sends_is_held_back_while_nobody_takes() -> None:
    peer = Peer()
    call = peer.call(ahead=1)
    await peer.frames()
    half = [data(1, message(bytes(FRAME_BYTES - 5)))] * (WINDOW // 2 // FRAME_BYTES)
    peer.feed(*half, *half)
    assert await peer.frames() == []
    call.take()
    assert await peer.frames() == [(Kind.WINDOW_UPDATE, 0, 1, u32(WINDOW))]


async def test_a_message_larger_than_the_window_comes_in() -> None:
    peer = Peer()
    call = peer.call(ahead=1)
    whole = message(bytes(3 * WINDOW))
    granted, told = WINDOW, 0
    await peer.frames()
    for at in range(0, len(whole), FRAME_BYTES):
        part = whole[at : at + FRAME_BYTES]
        granted -= len(part)
        assert granted >= 0
        peer.feed(data(1, part))
        told += len(part)
        granted += sum(int.from_bytes(body, "big") for *_, body in await peer.frames(Kind.WINDOW_UPDATE))
    assert [len(found) for found in call.take()] == [3 * WINDOW]


async def test_all_streams_together_are_told_of_room() -> None:
    peer = Peer()
    await peer.frames()
    calls = ALL_WINDOW // 2 // WINDOW
    for number in range(calls):
        peer.call(ahead=1)
        body = message(bytes(FRAME_BYTES - 5))
        peer.feed(*[data(2 * number + 1, body)] * (WINDOW // FRAME_BYTES))
    updates = await peer.frames(Kind.WINDOW_UPDATE)
    assert updates == [(Kind.WINDOW_UPDATE, 0, 0, u32(ALL_WINDOW // 2))]


# ---- who does not speak it


def too_much(peer: Peer) -> bytes:
    peer.call(ahead=0)
    return data(3, bytes(FRAME_BYTES)) * (WINDOW // FRAME_BYTES + 1)


Bytes = Callable[[Peer], bytes]
WRONG: dict[str, tuple[Bytes, ErrorCode]] = {
    "a frame that is too large": (lambda _: data(1, bytes(FRAME_BYTES + 1)), ErrorCode.FRAME_SIZE_ERROR),
    "a stream that nobody opened": (lambda _: data(7, b""), ErrorCode.PROTOCOL_ERROR),
    "a stream of the server's": (lambda _: data(2, b""), ErrorCode.PROTOCOL_ERROR),
    "a push": (lambda _: frame(Kind.PUSH_PROMISE, Flag.END_HEADERS, 1, u32(2)), ErrorCode.PROTOCOL_ERROR),
    "more padding than frame": (lambda _: data(1, b"\5abc", Flag.PADDED), ErrorCode.PROTOCOL_ERROR),
    "headers that are not continued": (lambda _: headers(1, b"", 0) + data(1, b""), ErrorCode.PROTOCOL_ERROR),
    "a continuation of nothing": (lambda _: frame(Kind.CONTINUATION, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "headers that cannot be decoded": (lambda _: headers(1, b"\x80"), ErrorCode.COMPRESSION_ERROR),
    "a compressed message": (lambda _: data(1, message(b"x", compressed=1)), ErrorCode.INTERNAL_ERROR),
    "a window that is too large": (
        lambda _: frame(Kind.WINDOW_UPDATE, 0, 1, u32((1 << 31) - 1)),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "a first window that is too large": (
        lambda _: frame(Kind.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 1 << 31)),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "frames that are too small": (
        lambda _: frame(Kind.SETTINGS, 0, 0, setting(Setting.MAX_FRAME_SIZE, 100)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "settings that are none": (lambda _: frame(Kind.SETTINGS, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
    "a window of three bytes": (lambda _: frame(Kind.WINDOW_UPDATE, 0, 1, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "a reset of three bytes": (lambda _: frame(Kind.RST_STREAM, 0, 1, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "a farewell that is too short": (lambda _: frame(Kind.GOAWAY, 0, 0, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "more than was allowed": (too_much, ErrorCode.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_server_that_does_not_speak_it_is_left(what: str) -> None:
    peer = Peer()
    call = peer.call()
    make, code = WRONG[what]
    sent = make(peer)
    await peer.frames()
    peer.feed(sent)
    assert [body[4:8] for *_, body in await peer.frames(Kind.GOAWAY)] == [u32(code)]
    assert peer.wire.closed
    assert call.end is not None
    assert call.end.code == Code.UNAVAILABLE
    assert call.end.message.startswith("the switch does not speak HTTP/2 as it should: ")
    with pytest.raises(ConnectionLost, match="as it should"):
        peer.call()


async def test_a_server_of_something_else() -> None:
    peer = Peer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(Http2Error, match="does not begin with its settings"):
        peer.connection.greeted.result()
    assert peer.wire.closed


async def test_a_server_that_wants_tls() -> None:
    peer = Peer(b"\x15\x03\x01\x00\x02\x02\x16" + bytes(9))
    with pytest.raises(ConnectionLost, match="alert of TLS"):
        peer.connection.greeted.result()


FRAMES = st.builds(
    frame,
    st.integers(0, 12),
    st.integers(0, 255),
    st.sampled_from([0, 1, 1, 3, 5, 7, (1 << 32) - 1]),
    st.one_of(st.binary(max_size=40), st.sampled_from([message(b"whole"), RESPONSE, REQUEST, u32(1), u32(1 << 30)])),
)


@given(st.lists(st.one_of(FRAMES, FRAMES, st.binary(max_size=20)), max_size=20), st.integers(1, 50))
@settings(max_examples=300)
async def test_whatever_comes_is_taken_or_ends_the_connection(sent: list[bytes], cut: int) -> None:
    peer = Peer()
    calls = [peer.call(ahead=1) for _ in range(3)]
    calls[0].send(bytes(100_000), end=True)
    whole = b"".join(sent)
    for at in range(0, len(whole), cut):
        if not peer.wire.closed:
            peer.feed(whole[at : at + cut])
            for call in calls[1:]:
                call.take()
    if peer.wire.closed:
        assert all(call.end is not None for call in calls)
