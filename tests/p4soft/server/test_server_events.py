"""Digest lists and idle-timeout notifications, and a client that does not read."""

from __future__ import annotations

import time
from typing import Any

from fake_engine import FakeEngine
from finsy.proto import p4d, p4r
from p4kit import (
    CPU_PORT,
    DELETE,
    DEVICE,
    IDS,
    INSERT,
    MODIFY,
    Client,
    acl,
    arbitration,
    config,
    session,
    until,
    write_request,
)
from p4soft.api import Digest, Entry, Idle, PacketIn
from p4soft.embedded import Switch
from p4soft.server.arbitration import Arbitration
from p4soft.server.calls import PACKET_QUEUE, STREAM_QUEUE, StreamCall
from p4soft.server.errors import Code, RpcError
from p4soft.server.service import P4RuntimeService
from p4soft.server.streams import Stream

SEEN = IDS["digests.seen_t"]


def digest_entry(timeout: int = 0, size: int = 1, ack: int = 0) -> p4r.DigestEntry:
    config = p4r.DigestEntry.Config(max_timeout_ns=timeout, max_list_size=size, ack_timeout_ns=ack)
    return p4r.DigestEntry(digest_id=SEEN, config=config)


def seen(number: int) -> Digest:
    """What the data plane packs for source 10.0.0.``number``, port 258, first."""
    return Digest("seen_t", b"\x0a\0\0" + bytes([number]) + b"\x01\x02\x01")


def sources(message: Any) -> list[int]:
    assert message.WhichOneof("update") == "digest"
    assert message.digest.digest_id == SEEN
    return [data.struct.members[0].bitstring[3] for data in message.digest.data]


def ack(list_id: int, digest: int = SEEN) -> p4r.StreamMessageRequest:
    return p4r.StreamMessageRequest(digest_ack=p4r.DigestListAck(digest_id=digest, list_id=list_id))


class Bench:
    """The service on a fake engine and a clock of its own, without transport or loop."""

    def __init__(self) -> None:
        self.now = 0
        self.engine = FakeEngine(DEVICE, CPU_PORT)
        self.service = P4RuntimeService(
            self.engine, DEVICE, CPU_PORT, monotonic=lambda: self.now, epoch=lambda: 1_000_000 + self.now
        )
        self.got: list[p4r.StreamMessageResponse] = []
        self.stream = self.service.open_stream(self.got.extend)
        self.stream.handle(arbitration(1))
        self.service.load(config())
        self.got.clear()

    def write(self, kind: Any, message: Any) -> None:
        self.service.write(write_request((kind, message)))

    def emit(self, *events: Any) -> list[p4r.StreamMessageResponse]:
        """What the client gets for these events (and the time passed)."""
        self.engine.emit(*events)
        self.service.events.drain()
        got = list(self.got)
        self.got.clear()
        return got


async def test_a_digest_arrives_as_the_program_declares_it(fake_primary: Client, fake_switch: Switch) -> None:
    await fake_primary.write((INSERT, digest_entry()))
    before = time.time_ns()
    assert isinstance(fake_switch.engine, FakeEngine)
    fake_switch.engine.emit(seen(1))
    message = await fake_primary.next(fake_primary.primary_stream)
    assert before <= message.digest.timestamp <= time.time_ns()
    members = [
        p4d.P4Data(bitstring=b"\x0a\0\0\x01"),
        p4d.P4Data(bitstring=b"\x01\x02"),
        p4d.P4Data(bool=True),
    ]
    assert list(message.digest.data) == [p4d.P4Data(struct=p4d.P4StructLike(members=members))]


async def test_a_buffered_digest_arrives_after_its_timeout(fake_primary: Client, fake_switch: Switch) -> None:
    await fake_primary.write((INSERT, digest_entry(timeout=20_000_000, size=100)))
    assert isinstance(fake_switch.engine, FakeEngine)
    start = time.monotonic_ns()
    fake_switch.engine.emit(seen(1), seen(2))
    assert sources(await fake_primary.next(fake_primary.primary_stream)) == [1, 2]
    assert time.monotonic_ns() - start >= 20_000_000


async def test_digest_entries_are_configured_and_read(primary: Client) -> None:
    assert await primary.read(p4r.DigestEntry()) == []
    assert await primary.refused(MODIFY, digest_entry()) == Code.NOT_FOUND
    assert await primary.refused(DELETE, digest_entry()) == Code.NOT_FOUND
    await primary.write((INSERT, digest_entry(1, 2, 3)))
    assert await primary.refused(INSERT, digest_entry()) == Code.ALREADY_EXISTS
    assert await primary.read(p4r.DigestEntry(digest_id=SEEN)) == [digest_entry(1, 2, 3)]
    assert await primary.refused(MODIFY, digest_entry(-1)) == Code.INVALID_ARGUMENT
    await primary.write((MODIFY, digest_entry(4, 5, 6)))
    assert await primary.read(p4r.DigestEntry()) == [digest_entry(4, 5, 6)]
    await primary.write((DELETE, digest_entry()))
    assert await primary.read(p4r.DigestEntry(digest_id=SEEN)) == []
    assert await primary.refused(INSERT, p4r.DigestEntry(digest_id=1)) == Code.INVALID_ARGUMENT


def test_nothing_is_sent_until_enabled_and_after_disabling() -> None:
    bench = Bench()
    assert bench.emit(seen(1)) == []
    bench.write(INSERT, digest_entry())
    assert [sources(m) for m in bench.emit(seen(1))] == [[1]]
    bench.write(DELETE, digest_entry())
    assert bench.emit(seen(1)) == []


def test_lists_are_cut_at_their_size_and_timeout() -> None:
    bench = Bench()
    bench.write(INSERT, digest_entry(timeout=100, size=3))
    assert [sources(m) for m in bench.emit(seen(1), seen(2), seen(3), seen(4))] == [[1, 2, 3]]
    assert bench.service.events.deadline() == 100
    bench.now = 99
    assert bench.emit(seen(5)) == []
    bench.now = 100
    messages = bench.emit()
    assert [sources(m) for m in messages] == [[4, 5]]
    assert messages[0].digest.list_id == 2
    assert messages[0].digest.timestamp == 1_000_100
    assert bench.service.events.deadline() is None


def test_duplicates_are_sent_once_until_acknowledged_or_timed_out() -> None:
    bench = Bench()
    bench.write(INSERT, digest_entry(size=0, ack=1000))
    (first,) = bench.emit(seen(1), seen(1), seen(2))
    assert sources(first) == [1, 2]
    assert bench.emit(seen(1), seen(2)) == []
    bench.stream.handle(ack(first.digest.list_id))
    assert [sources(m) for m in bench.emit(seen(1))] == [[1]]
    bench.now = 999
    assert bench.emit(seen(1)) == []
    bench.now = 1000
    assert [sources(m) for m in bench.emit(seen(1))] == [[1]]
    bench.stream.handle(ack(12345))
    assert bench.emit() == []


def test_without_ack_timeout_nothing_is_held_back() -> None:
    bench = Bench()
    bench.write(INSERT, digest_entry(size=1))
    assert [sources(m) for m in bench.emit(seen(1), seen(1))] == [[1], [1]]


def test_a_new_primary_sees_unacknowledged_digests_again() -> None:
    bench = Bench()
    bench.write(INSERT, digest_entry(ack=1000))
    assert len(bench.emit(seen(1))) == 1
    other: list[p4r.StreamMessageResponse] = []
    stream = bench.service.open_stream(other.extend)
    stream.handle(arbitration(2))
    bench.got.clear()
    other.clear()
    assert bench.emit(seen(1)) == []
    assert [sources(m) for m in other] == [[1]]


def test_a_controller_that_comes_back_sees_unacknowledged_digests_again() -> None:
    bench = Bench()
    bench.write(INSERT, digest_entry(ack=1000))
    assert len(bench.emit(seen(1))) == 1
    bench.stream.close()
    bench.stream = bench.service.open_stream(bench.got.extend)
    bench.stream.handle(arbitration(1))
    bench.got.clear()
    assert [sources(m) for m in bench.emit(seen(1))] == [[1]]


def test_wrong_acknowledgements_are_reported() -> None:
    bench = Bench()
    bench.stream.handle(ack(1, digest=99))
    backup: list[p4r.StreamMessageResponse] = []
    stream = bench.service.open_stream(backup.extend)
    stream.handle(arbitration(0))
    stream.handle(ack(1))
    assert bench.got[0].error.canonical_code == Code.INVALID_ARGUMENT
    assert bench.got[0].error.digest_list_ack.digest_list_ack == ack(1, digest=99).digest_ack
    assert backup[-1].error.canonical_code == Code.PERMISSION_DENIED


def test_digests_without_a_primary_are_dropped() -> None:
    bench = Bench()
    bench.write(INSERT, digest_entry(timeout=100, size=10))
    assert bench.emit(seen(1)) == []
    bench.stream.close()
    bench.now = 100
    assert bench.emit() == []
    assert bench.service.events.deadline() is None


def test_an_idle_notification_identifies_its_entries() -> None:
    bench = Bench()
    written = [
        session(1, idle_timeout_ns=5, controller_metadata=77, metadata=b"m"),
        session(2, idle_timeout_ns=6),
    ]
    for entry in written:
        bench.write(INSERT, entry)
    bench.write(INSERT, acl(3))
    program = bench.engine.program
    assert program is not None
    index = program.tables["MyIngress.session"].index
    events = [Idle(index, state.entry) for state in bench.engine.entries(index)]
    bench.now = 9
    (message,) = bench.emit(*events)
    for entry in written:
        entry.ClearField("action")
    assert message.idle_timeout_notification == p4r.IdleTimeoutNotification(table_entry=written, timestamp=1_000_009)


def test_many_idle_entries_are_split() -> None:
    bench = Bench()
    program = bench.engine.program
    assert program is not None
    index = program.tables["MyIngress.session"].index
    entry = Entry(bytes(11), 0, bytes(12), idle_ns=1)
    messages = bench.emit(*(Idle(index, entry) for _ in range(1000)))
    assert [len(m.idle_timeout_notification.table_entry) for m in messages] == [512, 488]
    assert all(len(e.match) == 4 for m in messages for e in m.idle_timeout_notification.table_entry)


class SlowPeer:
    """A client that reads nothing."""

    def __init__(self) -> None:
        self.waiting: list[p4r.StreamMessageResponse] = []

    def send(self, message: bytes, limit: int = STREAM_QUEUE) -> int:
        if len(self.waiting) >= limit:
            return -1
        self.waiting.append(p4r.StreamMessageResponse.FromString(message))
        return len(self.waiting)

    def finish(self, error: RpcError | None = None) -> None:
        raise AssertionError("nobody ended the call")


def test_a_client_that_does_not_read_loses_packets_first() -> None:
    engine = FakeEngine(DEVICE, CPU_PORT)
    service = P4RuntimeService(engine, DEVICE, CPU_PORT)
    peer = SlowPeer()
    call = StreamCall(peer, service)
    call.message(arbitration(1).SerializeToString())
    (stream,) = service.arbitration.primaries
    assert isinstance(stream, Stream)
    packet = p4r.StreamMessageResponse()
    packet.packet.payload = b"x"
    digest = p4r.StreamMessageResponse()
    digest.digest.list_id = 1
    stream.send([packet] * 5000)
    assert call.dropped == 5001 - PACKET_QUEUE
    stream.send([digest, packet, digest])
    assert call.dropped == 5002 - PACKET_QUEUE
    stream.send([digest] * STREAM_QUEUE)
    dropped = call.dropped
    call.message(arbitration(2).SerializeToString())
    assert call.dropped == dropped > 900
    assert len(peer.waiting) == STREAM_QUEUE + 1
    assert peer.waiting[-1].arbitration.election_id.low == 2
    assert peer.waiting.count(packet) == PACKET_QUEUE - 1
    engine.close()


async def test_a_burst_of_packets_arrives_completely(fake_primary: Client, fake_switch: Switch) -> None:
    assert isinstance(fake_switch.engine, FakeEngine)
    fake_switch.engine.emit(*(PacketIn(number.to_bytes(8, "big")) for number in range(3000)))
    got = [await fake_primary.next(fake_primary.primary_stream) for _ in range(3000)]
    assert [int.from_bytes(m.packet.payload, "big") for m in got] == list(range(3000))
    await until(lambda: fake_switch.service.events.stats.packets_in == 3000)


def test_arbitration_of_an_unknown_stream_is_harmless() -> None:
    assert Arbitration(1).remove(object()) == []
