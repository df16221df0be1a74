"""Arbitration and packet I/O on the StreamChannel."""

from __future__ import annotations

import grpc.aio
import pytest
from fake_engine import FakeEngine
from finsy.proto import p4r
from p4kit import CODE, DEVICE, INSERT, Client, arbitration, config, session, until, write_request
from p4soft.api import PacketIn
from p4soft.embedded import Switch
from p4soft.server import arbitration as rules
from p4soft.server.errors import Code
from p4soft.server.outgoing import Outgoing
from p4soft.server.packetio import Punted

OK, ALREADY_EXISTS, NOT_FOUND = Code.OK, Code.ALREADY_EXISTS, Code.NOT_FOUND


def told(message: p4r.StreamMessageResponse) -> tuple[int, int]:
    """(status code, election id) of an arbitration message."""
    assert message.WhichOneof("update") == "arbitration"
    assert message.arbitration.device_id == DEVICE
    assert message.arbitration.election_id.high == 0
    return message.arbitration.status.code, message.arbitration.election_id.low


async def write_code(client: Client, election: int | None, role: str = "") -> grpc.StatusCode:
    try:
        await client.stub.Write(write_request(election=election, role=role))
    except grpc.aio.AioRpcError as error:
        return error.code()
    return CODE.OK


async def test_the_first_controller_becomes_primary(client: Client) -> None:
    _, answer = await client.open(1)
    assert told(answer) == (OK, 1)
    assert not answer.arbitration.HasField("role")


async def test_the_highest_election_id_is_primary_and_all_are_told(client: Client) -> None:
    first, _ = await client.open(5)
    second, answer = await client.open(3)
    assert told(answer) == (ALREADY_EXISTS, 5)
    third, answer = await client.open(7)
    assert told(answer) == (OK, 7)
    assert told(await client.next(first)) == (ALREADY_EXISTS, 7)
    assert told(await client.next(second)) == (ALREADY_EXISTS, 7)
    assert await write_code(client, 5) == CODE.PERMISSION_DENIED
    assert await write_code(client, 7) == CODE.FAILED_PRECONDITION
    third.cancel()


async def test_nobody_follows_a_primary_that_is_gone(client: Client) -> None:
    primary, _ = await client.open(5)
    backup, _ = await client.open(4)
    primary.cancel()
    assert told(await client.next(backup)) == (NOT_FOUND, 5)
    assert await write_code(client, 5) == CODE.PERMISSION_DENIED
    assert await write_code(client, 4) == CODE.PERMISSION_DENIED
    _, answer = await client.open(3)
    assert told(answer) == (NOT_FOUND, 5)
    await backup.write(arbitration(5))
    assert told(await client.next(backup)) == (OK, 5)
    assert await write_code(client, 5) == CODE.FAILED_PRECONDITION


async def test_a_primary_may_step_down_and_up(client: Client) -> None:
    stream, _ = await client.open(5)
    backup, _ = await client.open(4)
    await stream.write(arbitration(3))
    assert told(await client.next(stream)) == (NOT_FOUND, 5)
    assert told(await client.next(backup)) == (NOT_FOUND, 5)
    await stream.write(arbitration(6))
    assert told(await client.next(stream)) == (OK, 6)
    assert told(await client.next(backup)) == (ALREADY_EXISTS, 6)


async def test_repeating_an_election_id_is_answered_to_the_sender_only(client: Client) -> None:
    stream, _ = await client.open(5)
    backup, _ = await client.open(4)
    await stream.write(arbitration(5))
    assert told(await client.next(stream)) == (OK, 5)
    await backup.write(arbitration(4))
    assert told(await client.next(backup)) == (ALREADY_EXISTS, 5)
    await backup.write(arbitration(6))
    assert told(await client.next(backup)) == (OK, 6)


async def test_an_unset_election_id_is_never_primary_and_zero_may_be(client: Client) -> None:
    watcher, answer = await client.open(None)
    assert answer.arbitration.status.code == NOT_FOUND
    assert not answer.arbitration.HasField("election_id")
    other, answer = await client.open(None)
    assert answer.arbitration.status.code == NOT_FOUND
    _, answer = await client.open(0)
    assert told(answer) == (OK, 0)
    assert answer.arbitration.HasField("election_id")
    assert told(await client.next(watcher)) == (ALREADY_EXISTS, 0)
    assert told(await client.next(other)) == (ALREADY_EXISTS, 0)
    assert await write_code(client, None) == CODE.PERMISSION_DENIED
    assert await write_code(client, 0) == CODE.FAILED_PRECONDITION


async def test_128_bit_election_ids(client: Client) -> None:
    low, _ = await client.open(2**64 - 1)
    high = client.stream()
    await high.write(arbitration(0, high=1))
    answer = await client.next(high)
    assert answer.arbitration.status.code == OK
    assert (answer.arbitration.election_id.high, answer.arbitration.election_id.low) == (1, 0)
    assert (await client.next(low)).arbitration.status.code == ALREADY_EXISTS


async def test_a_live_election_id_cannot_be_taken(client: Client) -> None:
    await client.open(5)
    rival = client.stream()
    await rival.write(arbitration(5))
    assert await client.ended(rival) == CODE.INVALID_ARGUMENT
    backup, _ = await client.open(4)
    await backup.write(arbitration(5))
    assert await client.ended(backup) == CODE.INVALID_ARGUMENT
    assert await write_code(client, 5) == CODE.FAILED_PRECONDITION


async def test_a_stream_keeps_its_device_and_role(client: Client) -> None:
    for wrong in (arbitration(1, device=DEVICE + 1), arbitration(1, role="other")):
        stream, _ = await client.open(1)
        await stream.write(wrong)
        assert await client.ended(stream) == CODE.FAILED_PRECONDITION


async def test_an_unknown_device_is_not_found(client: Client) -> None:
    stream = client.stream()
    await stream.write(arbitration(1, device=DEVICE + 1))
    assert await client.ended(stream) == CODE.NOT_FOUND


async def test_roles_have_their_own_primaries(client: Client) -> None:
    _, answer = await client.open(5)
    assert told(answer) == (OK, 5)
    _, answer = await client.open(5, role="second")
    assert told(answer) == (OK, 5)
    assert answer.arbitration.role.name == "second"
    assert await write_code(client, 5, role="second") == CODE.FAILED_PRECONDITION
    assert await write_code(client, 6, role="second") == CODE.PERMISSION_DENIED
    assert await write_code(client, 5, role="third") == CODE.NOT_FOUND


async def test_the_role_config_is_kept_and_told(client: Client) -> None:
    watcher, _ = await client.open(None, role="r")
    stream = client.stream()
    request = arbitration(1, role="r")
    request.arbitration.role.config.type_url = "example.org/any"
    request.arbitration.role.config.value = b"opaque"
    await stream.write(request)
    for end in (stream, watcher):
        answer = await client.next(end)
        assert answer.arbitration.role == request.arbitration.role


async def test_the_number_of_streams_is_limited(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_STREAMS", 2)
    await client.open(1)
    await client.open(2)
    stream = client.stream()
    await stream.write(arbitration(3))
    assert await client.ended(stream) == CODE.RESOURCE_EXHAUSTED


async def test_half_closing_a_stream_ends_it(client: Client) -> None:
    stream, _ = await client.open(1)
    await stream.done_writing()
    assert await client.ended(stream) == CODE.OK
    assert await write_code(client, 1) == CODE.PERMISSION_DENIED


# Packets


def packet_out(port: bytes = b"\x02", run: bytes = b"\0", payload: bytes = b"payload") -> p4r.StreamMessageRequest:
    request = p4r.StreamMessageRequest()
    request.packet.payload = payload
    for number, value in enumerate((port, run, b"\0"), 1):
        request.packet.metadata.add(metadata_id=number, value=value)
    return request


def engine_of(switch: Switch) -> FakeEngine:
    assert isinstance(switch.engine, FakeEngine)
    return switch.engine


async def test_packet_ins_carry_the_header_as_metadata(fake_primary: Client, fake_switch: Switch) -> None:
    header = (300 << 23 | 0x5 << 16 | 0x1234).to_bytes(4, "big")
    engine_of(fake_switch).emit(PacketIn(header + b"frame"), PacketIn(bytes(4)), PacketIn(b"abc"), PacketIn(header))
    messages = [await fake_primary.next(fake_primary.primary_stream) for _ in range(3)]
    assert messages[0] == p4r.StreamMessageResponse(
        packet=p4r.PacketIn(
            payload=b"frame",
            metadata=[
                p4r.PacketMetadata(metadata_id=1, value=b"\x01\x2c"),
                p4r.PacketMetadata(metadata_id=2, value=b"\x05"),
                p4r.PacketMetadata(metadata_id=3, value=b"\x12\x34"),
            ],
        )
    )
    assert [item.value for item in messages[1].packet.metadata] == [b"\0", b"\0", b"\0"]
    assert messages[2].packet.payload == b""
    assert fake_switch.service.events.stats.short_packets == 1


async def test_packets_may_be_handed_over_as_the_data_plane_has_them(fake_primary: Client, fake_switch: Switch) -> None:
    """Out: only by a primary, under a header that has the fields that P4Info tells, and nothing else."""
    got: list[Outgoing] = []
    stream = fake_switch.service.open_stream(got.extend, packed=True)
    fields = ((1, 9), (2, 7), (3, 16))
    assert not stream.packet_out(b"\1\0\0\0payload", fields), "not primary"
    stream.handle(arbitration(1000))
    engine = engine_of(fake_switch)
    header = (300 << 23 | 0x5 << 16 | 0x1234).to_bytes(4, "big")
    engine.emit(PacketIn(header + b"frame"), PacketIn(b"abc"))
    await until(lambda: len(got) == 2)
    _, packet = got
    assert isinstance(packet, Punted)
    assert packet.header.fields == fields
    assert packet.data == header + b"frame"
    assert packet.message().packet.payload == b"frame"
    assert packet.message() is packet.message()
    running = fake_switch.service.pipelines.running
    assert running is not None
    assert running.packet_out.fields is not None
    assert not stream.packet_out(b"\1\0\0\0payload", running.packet_out.fields[:2]), "another header"
    assert stream.packet_out(b"\1\0\0\0payload", running.packet_out.fields)
    assert engine.sent == [b"\1\0\0\0payload"]


async def test_packet_ins_go_to_the_primary_only(fake_primary: Client, fake_switch: Switch) -> None:
    backup, _ = await fake_primary.open(0)
    engine_of(fake_switch).emit(PacketIn(bytes(4) + b"x"))
    assert (await fake_primary.next(fake_primary.primary_stream)).packet.payload == b"x"
    await backup.write(arbitration(0))
    assert (await fake_primary.next(backup)).WhichOneof("update") == "arbitration"


async def test_a_packet_out_reaches_the_engine_with_its_header(fake_primary: Client, fake_switch: Switch) -> None:
    stream = fake_primary.primary_stream
    await stream.write(packet_out(b"\x01\xfe", b"\x01"))
    await stream.write(arbitration(1))
    await fake_primary.next(stream)
    assert engine_of(fake_switch).sent == [b"\xff\x40payload"]


def broken_packets() -> list[tuple[p4r.StreamMessageRequest, Code]]:
    missing = packet_out()
    del missing.packet.metadata[1]
    twice = packet_out()
    twice.packet.metadata[1].metadata_id = 1
    unknown = packet_out()
    unknown.packet.metadata.add(metadata_id=9, value=b"\x01")
    return [
        (missing, Code.INVALID_ARGUMENT),
        (twice, Code.INVALID_ARGUMENT),
        (unknown, Code.INVALID_ARGUMENT),
        (packet_out(port=b"\x02\0"), Code.OUT_OF_RANGE),
        (packet_out(port=b""), Code.OUT_OF_RANGE),
    ]


@pytest.mark.parametrize(("request_", "code"), broken_packets())
async def test_a_wrong_packet_out_is_dropped_and_reported(
    fake_primary: Client, fake_switch: Switch, request_: p4r.StreamMessageRequest, code: Code
) -> None:
    stream = fake_primary.primary_stream
    await stream.write(request_)
    answer = await fake_primary.next(stream)
    assert answer.error.canonical_code == code
    assert answer.error.message
    assert answer.error.packet_out.packet_out == request_.packet
    assert engine_of(fake_switch).sent == []
    await stream.write(packet_out())
    await stream.write(arbitration(1))
    assert (await fake_primary.next(stream)).WhichOneof("update") == "arbitration"
    assert len(engine_of(fake_switch).sent) == 1


async def test_a_backup_may_not_send_packets(fake_primary: Client, fake_switch: Switch) -> None:
    backup, _ = await fake_primary.open(0)
    await backup.write(packet_out())
    assert (await fake_primary.next(backup)).error.canonical_code == Code.PERMISSION_DENIED
    assert engine_of(fake_switch).sent == []


async def test_a_packet_out_needs_a_pipeline(fake_client: Client) -> None:
    stream, _ = await fake_client.open(1)
    await stream.write(packet_out())
    assert (await fake_client.next(stream)).error.canonical_code == Code.FAILED_PRECONDITION


async def test_other_stream_messages_are_refused(fake_primary: Client) -> None:
    request = p4r.StreamMessageRequest()
    request.other.type_url = "example.org/any"
    await fake_primary.primary_stream.write(request)
    answer = await fake_primary.next(fake_primary.primary_stream)
    assert answer.error.canonical_code == Code.UNIMPLEMENTED
    assert answer.error.other.other == request.other


async def test_a_switch_without_cpu_port_refuses_packet_outs() -> None:
    async with Switch(DEVICE, None, engine_factory=FakeEngine) as switch:
        client = Client(switch.stub())
        stream, _ = await client.open(1)
        await client.push()
        await stream.write(packet_out())
        answer = await client.next(stream)
        assert answer.error.canonical_code == Code.FAILED_PRECONDITION
        assert "--cpu-port" in answer.error.message


async def test_events_without_a_controller_are_dropped(fake_primary: Client, fake_switch: Switch) -> None:
    fake_primary.primary_stream.cancel()
    await until(lambda: not fake_switch.service.arbitration.primaries)
    engine_of(fake_switch).emit(PacketIn(bytes(8)))
    await until(lambda: fake_switch.service.events.stats.unheard == 1)
    stream, _ = await fake_primary.open(1)
    await fake_primary.write((INSERT, session(1)))
    engine_of(fake_switch).emit(PacketIn(bytes(4) + b"later"))
    assert (await fake_primary.next(stream)).packet.payload == b"later"


async def test_stopping_the_switch_ends_the_streams() -> None:
    async with Switch(DEVICE, None, engine_factory=FakeEngine) as switch:
        client = Client(switch.stub())
        stream, _ = await client.open(1)
        silent = client.stream()
    assert await client.ended(stream) == CODE.UNAVAILABLE
    assert await client.ended(silent) == CODE.UNAVAILABLE
    assert switch.service.arbitration.primaries == ()


async def test_a_new_pipeline_forgets_old_events(fake_primary: Client, fake_switch: Switch) -> None:
    await fake_primary.stub.Capabilities(p4r.CapabilitiesRequest())
    engine_of(fake_switch).emit(PacketIn(bytes(4) + b"old"))
    fake_switch.service.load(config())
    engine_of(fake_switch).emit(PacketIn(bytes(4) + b"new"))
    assert (await fake_primary.next(fake_primary.primary_stream)).packet.payload == b"new"
