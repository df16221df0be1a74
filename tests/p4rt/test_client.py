"""The client against a P4Runtime server over gRPC."""

from __future__ import annotations

import grpc
import pytest
from finsy.proto import p4r
from fullnat.core.interface import Inject, Op, ProbeResult
from fullnat.p4constants import PuntReason
from fullnat.p4rt.client import Arbitration, Client, Mastership
from fullnat.p4rt.errors import Code, ConnectionLost, NotPrimary, P4RuntimeError
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.p4rt.program import Program
from fullnat.tables.session import SessionEntry

from p4rt.conftest import Connect
from p4rt.entries import session
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until


async def primary(connect: Connect, election_id: int = 10) -> Client:
    client = await connect(election_id)
    assert await client.receive() == [Arbitration(Mastership.PRIMARY, election_id)]
    return client


def wires(client: Client, op: Op, *entries: SessionEntry) -> list[bytes]:
    return [wire for entry in entries for wire in client.schema.encode(op, entry)]


async def test_the_pipeline_is_pushed_once(connect: Connect, switch: FakeSwitch, compiled: Program) -> None:
    client = await primary(connect)
    assert await client.ensure_pipeline()
    assert not await client.ensure_pipeline()
    assert switch.pushes == 1
    assert switch.config is not None
    assert switch.config.p4_device_config == compiled.device_config
    assert switch.config.p4info == compiled.p4info
    assert switch.config.cookie.cookie == compiled.cookie


async def test_another_pipeline_is_replaced(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    switch.config = p4r.ForwardingPipelineConfig(cookie=p4r.ForwardingPipelineConfig.Cookie(cookie=5))
    assert await client.ensure_pipeline()


async def test_a_batch_names_every_failed_update(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    assert await client.write(wires(client, Op.INSERT, session(1), session(2))) == {}
    failed = await client.write(wires(client, Op.INSERT, session(3), session(2), session(4)))
    assert failed == {2: (Code.ALREADY_EXISTS, "duplicate"), 3: (Code.ALREADY_EXISTS, "duplicate")}
    assert len(switch.entries) == 8


async def test_a_request_refused_as_a_whole_fails_every_update(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    switch.refuse_request = (grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
    assert await client.write(wires(client, Op.INSERT, session(1))) == {
        0: (Code.RESOURCE_EXHAUSTED, "busy"),
        1: (Code.RESOURCE_EXHAUSTED, "busy"),
    }


async def test_a_write_after_losing_to_another_controller_says_so(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    switch.take_over(11)
    with pytest.raises(NotPrimary):
        await client.write(wires(client, Op.INSERT, session(1)))
    assert await client.receive() == [Arbitration(Mastership.BACKUP, 11)]
    switch.give_up()
    assert await client.receive() == [Arbitration(Mastership.PRIMARY, 10)]


async def test_reading_back_joins_sessions_and_removes_halves(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    halves = [wires(client, Op.INSERT, session(2))[0], wires(client, Op.INSERT, session(3))[1]]
    assert await client.write([*wires(client, Op.INSERT, session(1)), *halves]) == {}
    assert await client.read_all() == ((session(1),), 2)
    assert len(switch.entries) == 2


async def test_probes_answer_in_order_and_none_for_what_is_gone(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    await client.write([*wires(client, Op.INSERT, session(1), session(3)), wires(client, Op.INSERT, session(2))[0]])
    switch.since_hit_ns = 2_500_000_000
    asked = [session(number) for number in (3, 2, 9, 1)]
    result = ProbeResult(2.5, 3, 180, 3, 180, 2.5)
    assert await client.probe(asked) == ((3, result), (2, None), (9, None), (1, result))
    assert await client.probe([session(number) for number in range(1, 1200)]) == (
        (1, result),
        (2, None),
        (3, result),
        *((number, None) for number in range(4, 1200)),
    )


async def test_probes_of_a_switch_that_keeps_nothing_it_does_not_need(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    await client.write(wires(client, Op.INSERT, session(1), session(2)))
    switch.keeps_metadata, switch.since_hit_ns = False, None
    result = ProbeResult(None, 3, 180, 3, 180)
    assert await client.probe([session(1), session(2)]) == ((1, result), (2, result))


async def test_an_entry_taken_over_by_another_session_is_gone(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    await client.write(wires(client, Op.INSERT, session(1)._replace(session_id=99)))
    assert await client.probe([session(1)]) == ((1, None),)


async def test_set_up_enables_digests_and_limits_punts(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    await client.enable_digests()
    await client.enable_digests()
    both = [client.schema.packets.digest_id, *client.schema.packets.other_digest_ids]
    assert [entry.digest_id for entry in switch.digest_configs] == both * 2
    await client.limit_punts(1000, 200)
    assert sorted(switch.meters) == list(range(client.schema.punt_meter.size))
    config = p4r.MeterConfig(cir=1000, cburst=200, pir=1000, pburst=200)
    assert all(meter == config for meter in switch.meters.values())


@pytest.mark.parametrize(
    ("reason", "most"),
    [
        (PuntReason.NO_SESSION, 2000),
        (PuntReason.NO_NEIGHBOR, 3072),
        (PuntReason.TOO_BIG, 2000),
        (PuntReason.TTL_EXPIRED, 2000),
        (PuntReason.LATE_ANSWER, 2000),
        (PuntReason.ARP, 2000),
        (PuntReason.ND, 2000),
        (PuntReason.NEIGHBOR, 2000),
        (PuntReason.NEIGHBOR6, 2000),
        (PuntReason.ICMP_ERROR, 2000),
        (PuntReason.REFUSED, 2000),
    ],
)
async def test_of_what_is_answered_or_held_no_more_are_brought_than_are_worth_it(
    connect: Connect, switch: FakeSwitch, reason: PuntReason, most: int
) -> None:
    """Twice what is answered, and what may wait for as many neighbors as are looked for at a time; SYNs and others by
    the configuration alone."""
    client = await primary(connect)
    await client.limit_punts(20_000, 30_000)
    assert switch.meters[reason] == p4r.MeterConfig(cir=most, cburst=most, pir=most, pburst=most)
    for other in (PuntReason.SERVICE_SYN, PuntReason.SERVICE_DATAGRAM, PuntReason.SESSION_SYN):
        assert (switch.meters[other].cir, switch.meters[other].cburst) == (20_000, 30_000)
    await client.limit_punts(100, 50)
    assert (switch.meters[reason].cir, switch.meters[reason].cburst) == (100, 50)


async def test_counters_are_read_by_index(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    array = client.schema.server_in_counter
    switch.counters[array.id, 5] = (7, 700)
    assert await client.counters(array, [0, 5]) == {0: (0, 0), 5: (7, 700)}
    assert await client.counters(array, []) == {}


async def test_packet_outs_and_digests_share_the_stream(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    for number in range(50):
        assert client.packet_out(Inject(1, b"frame", number, True))
        message = p4r.StreamMessageResponse()
        message.digest.digest_id = client.schema.packets.digest_id
        message.digest.list_id = number
        switch.send(message)
    await until(lambda: len(switch.packet_outs) == 50)
    while client.digest_lists < 50:
        await client.receive()
    await until(lambda: len(switch.acks) == 50)
    assert [packet.payload for packet in switch.packet_outs] == [b"frame"] * 50
    assert [ack.list_id for ack in switch.acks] == list(range(50))


async def test_a_message_that_cannot_be_read_is_counted_and_told_once(
    connect: Connect, switch: FakeSwitch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await primary(connect)
    unreadable = p4r.StreamMessageResponse()
    unreadable.packet.payload = b"no metadata"
    refused = p4r.StreamMessageResponse()
    refused.error.canonical_code = 9
    refused.error.message = "the switch was started without a CPU port (--cpu-port)"
    for message in (unreadable, refused) * 20:
        switch.send(message)
    while client.stream_errors < 40:
        assert await client.receive() == []
    unread, told = [record.getMessage() for record in caplog.records]
    assert unread.startswith("the switch sent a message that cannot be read: packet-in with metadata []")
    assert told == (
        "the switch refused a stream message: the switch was started without a CPU port (--cpu-port) (further ones are "
        "only counted: stream_errors)"
    )


async def test_the_end_of_the_switch_is_a_lost_connection(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    await switch.stop()
    with pytest.raises(ConnectionLost):
        await client.receive()
    with pytest.raises(ConnectionLost):
        await client.write(wires(client, Op.INSERT, session(1)))
    with pytest.raises(P4RuntimeError):
        assert client.packet_out(Inject(1, b"frame", 1, True))


async def test_no_server_is_a_lost_connection(compiled: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fullnat.p4rt.grpc_transport.CONNECT_SECONDS", 0.2)
    client = Client(GrpcTransport("127.0.0.1:1"), compiled, device_id=1, election_id=lambda: 1)
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:1"):
        await client.open()
    await client.close()


async def test_nobody_is_primary_is_told(connect: Connect, switch: FakeSwitch) -> None:
    client = await primary(connect)
    message = p4r.StreamMessageResponse()
    message.arbitration.status.code = 5
    message.arbitration.election_id.low = 77
    switch.send(message)
    assert await client.receive() == [Arbitration(Mastership.NONE, 77)]
