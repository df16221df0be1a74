"""Server, engine and packets together: in-process ports, the kinds program, both transports."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from finsy.proto import p4r
from p4kit import CPU_PORT, DELETE, DEVICE, IDS, INSERT, MODIFY, Client, acl, action, exact, optional, session, table_id
from p4soft.embedded import Switch
from p4switch import NATIVE, client_of

pytestmark = pytest.mark.skipif(not NATIVE, reason="no native engine")

SECOND = 1_000_000_000


@pytest.fixture
async def native_switch() -> AsyncIterator[Switch]:
    async with Switch(DEVICE, CPU_PORT, "127.0.0.1:0", {1: None, 2: None, 3: None}) as running:
        yield running


@pytest.fixture(params=["grpc", "inprocess"])
async def controller(request: pytest.FixtureRequest, native_switch: Switch) -> AsyncIterator[Client]:
    async for client in client_of(native_switch, request.param):
        client.primary_stream, _ = await client.open(1)
        await client.push()
        yield client


def frame(source: int = 0x0A000001, target: int = 0xC0A80101, protocol: int = 6, ident: int = 0) -> bytes:
    ipv4 = struct.pack(">BBHHHBBHII", 0x45, 0, 40, ident, 0, 64, protocol, 0, source, target)
    return bytes.fromhex("020000000001020000000002 0800") + ipv4 + bytes(20)


async def out(switch: Switch, *packets: bytes, port: int = 1) -> list[tuple[int, bytes]]:
    """What leaves by the ports after these packets came in."""
    for packet in packets:
        switch.engine.inject(port, packet)
    assert await asyncio.to_thread(switch.engine.drain, 5.0)
    return switch.engine.collect()


async def test_an_entry_forwards_once_write_returns(native_switch: Switch, controller: Client) -> None:
    assert await out(native_switch, frame()) == []
    await controller.write((INSERT, session(1)))
    expected = b"\0\0\0\0\xaa\xbb" + frame()[6:]
    assert await out(native_switch, frame(), frame()) == [(2, expected)] * 2
    (found,) = await controller.read(session(1, action=None, counter_data=p4r.CounterData()))
    assert found.counter_data == p4r.CounterData(packet_count=2, byte_count=2 * len(frame()))
    await controller.write((DELETE, session(1)))
    assert await out(native_switch, frame()) == []


async def test_misses_count_on_the_default_entry(native_switch: Switch, controller: Client) -> None:
    default = p4r.TableEntry(table_id=table_id("session"), is_default_action=True)
    query = p4r.TableEntry(table_id=default.table_id, is_default_action=True, counter_data=p4r.CounterData())
    await out(native_switch, frame(), frame())
    counted = p4r.CounterData(packet_count=2, byte_count=2 * len(frame()))
    (found,) = await controller.read(query)
    assert (found.action, found.counter_data) == (action("miss"), counted)
    entry = p4r.DirectCounterEntry(table_entry=default, data=p4r.CounterData(packet_count=40, byte_count=7))
    await controller.write((MODIFY, entry), (INSERT, session(1)))
    await out(native_switch, frame(), frame(source=1))
    entry.data.packet_count, entry.data.byte_count = 41, 7 + len(frame())
    assert await controller.read(p4r.DirectCounterEntry(table_entry=default)) == [entry]
    # A write of the action alone leaves the count, a reset of the entry does not.
    await controller.write((MODIFY, p4r.TableEntry(action=action("miss"), **fields_of(default))))
    assert await controller.read(p4r.DirectCounterEntry(table_entry=default)) == [entry]
    await controller.write((MODIFY, default))
    (found,) = await controller.read(query)
    assert (found.action, found.counter_data) == (action("miss"), p4r.CounterData())


def fields_of(default: p4r.TableEntry) -> dict[str, Any]:
    return {"table_id": default.table_id, "is_default_action": True}


async def test_the_meter_of_a_default_entry(native_switch: Switch, controller: Client) -> None:
    default = p4r.TableEntry(table_id=table_id("route"), is_default_action=True)
    rates = p4r.MeterConfig(cir=1, cburst=1, pir=1, pburst=2)
    await controller.write((MODIFY, p4r.DirectMeterEntry(table_entry=default, config=rates)))
    query = p4r.TableEntry(meter_config=p4r.MeterConfig(), **fields_of(default))
    (found,) = await controller.read(query)
    assert found == p4r.TableEntry(action=action("route_miss"), meter_config=rates, **fields_of(default))
    assert await controller.read(p4r.DirectMeterEntry(table_entry=default)) == [
        p4r.DirectMeterEntry(table_entry=default, config=rates)
    ]
    await out(native_switch, frame())
    await controller.write((MODIFY, p4r.TableEntry(action=action("route_miss"), **fields_of(default))))
    (found,) = await controller.read(query)
    assert not found.HasField("meter_config")


async def test_packet_in_and_packet_out(native_switch: Switch, controller: Client) -> None:
    await controller.write((INSERT, acl(1, b"\x08\0", optional(4, b"\x11"), action=action("to_cpu", b"\x12\x34"))))
    native_switch.engine.inject(3, frame(protocol=17))
    message = await controller.next(controller.primary_stream)
    assert message.packet.payload == frame(protocol=17)
    assert {m.metadata_id: m.value for m in message.packet.metadata} == {1: b"\x03", 2: b"\0", 3: b"\x12\x34"}

    request = p4r.StreamMessageRequest()
    request.packet.payload = frame(protocol=17)
    for number, value in ((1, b"\x02"), (2, b"\0"), (3, b"\0")):
        request.packet.metadata.add(metadata_id=number, value=value)
    await controller.primary_stream.write(request)
    collected: list[tuple[int, bytes]] = []
    async with asyncio.timeout(5):
        while not collected:
            await asyncio.sleep(0.001)
            collected = native_switch.engine.collect()
    assert collected == [(2, frame(protocol=17))]


async def test_entries_first_then_the_held_packet(native_switch: Switch, controller: Client) -> None:
    """The life of a first packet: punted, two entries written, sent back to run the pipeline."""
    default = p4r.TableEntry(table_id=table_id("last"), is_default_action=True, action=action("to_cpu", b"\x01"))
    await controller.write((MODIFY, default))
    native_switch.engine.inject(1, frame())
    message = await controller.next(controller.primary_stream)
    entry = session(1)
    entry.match[3].exact.value = CPU_PORT.to_bytes(1, "big")
    await controller.write((INSERT, session(1)), (INSERT, entry))
    request = p4r.StreamMessageRequest()
    request.packet.payload = message.packet.payload
    for number, value in ((1, b"\0"), (2, b"\x01"), (3, b"\0")):
        request.packet.metadata.add(metadata_id=number, value=value)
    await controller.primary_stream.write(request)
    collected: list[tuple[int, bytes]] = []
    async with asyncio.timeout(5):
        while not collected:
            await asyncio.sleep(0.001)
            collected = native_switch.engine.collect()
    assert collected == [(2, b"\0\0\0\0\xaa\xbb" + frame()[6:])]


async def test_digests_come_from_the_data_plane(native_switch: Switch, controller: Client) -> None:
    entry = p4r.DigestEntry(digest_id=IDS["digests.seen_t"])
    entry.config.max_list_size = 2
    entry.config.max_timeout_ns = 10 * SECOND
    entry.config.ack_timeout_ns = 10 * SECOND
    await controller.write((INSERT, entry), (INSERT, acl(1, action=action("learn"))))
    packets = [frame(source=1), frame(source=1), frame(source=2, ident=5), frame(source=2, ident=5)]
    await out(native_switch, *packets)
    message = await controller.next(controller.primary_stream)
    values = [
        (data.struct.members[0].bitstring, data.struct.members[1].bitstring, data.struct.members[2].bool)
        for data in message.digest.data
    ]
    assert values == [(b"\x01", b"\x01", True), (b"\x02", b"\x01", False)]


async def test_idle_entries_are_reported(native_switch: Switch, controller: Client) -> None:
    await controller.write((INSERT, session(1, idle_timeout_ns=SECOND // 20, controller_metadata=42, metadata=b"m")))
    message = await controller.next(controller.primary_stream)
    (entry,) = message.idle_timeout_notification.table_entry
    expected = session(1, idle_timeout_ns=SECOND // 20, controller_metadata=42, metadata=b"m")
    expected.ClearField("action")
    assert entry == expected
    again = await controller.next(controller.primary_stream)
    assert again.idle_timeout_notification.timestamp > message.idle_timeout_notification.timestamp
    asked = p4r.TableEntry.IdleTimeout()
    (found,) = await controller.read(session(1, action=None, time_since_last_hit=asked))
    before = found.time_since_last_hit.elapsed_ns
    assert before >= SECOND // 20
    await out(native_switch, frame())
    (found,) = await controller.read(session(1, action=None, time_since_last_hit=asked))
    assert found.time_since_last_hit.elapsed_ns < before


async def test_registers_counters_and_meters_are_the_data_planes(native_switch: Switch, controller: Client) -> None:
    await out(native_switch, frame(ident=0x1234), port=2)
    register = p4r.RegisterEntry(register_id=IDS["registers.last_id"])
    register.index.index = 2
    (found,) = await controller.read(register)
    assert found.data.bitstring == b"\x12\x34"
    counter = p4r.CounterEntry(counter_id=IDS["counters.port_counter"])
    counter.index.index = 2
    (count,) = await controller.read(counter)
    assert count.data == p4r.CounterData(packet_count=1, byte_count=len(frame()))
    await controller.write((INSERT, session(1)))
    meter = p4r.MeterEntry(meter_id=IDS["meters.port_meter"])
    meter.index.index = 1
    meter.config.cir = meter.config.pir = 1
    meter.config.cburst = meter.config.pburst = 2
    await controller.write((MODIFY, meter))
    assert 1 <= len(await out(native_switch, *[frame()] * 50)) <= 3
    meter.ClearField("config")
    await controller.write((MODIFY, meter))
    assert len(await out(native_switch, *[frame()] * 50)) == 50


async def test_multicast_groups_and_clone_sessions_replicate(native_switch: Switch, controller: Client) -> None:
    group = p4r.MulticastGroupEntry(multicast_group_id=9)
    for port in (2, 3):
        group.replicas.add(port=bytes([port]), instance=port)
    clone = p4r.CloneSessionEntry(session_id=4, replicas=[p4r.Replica(port=b"\x03")], packet_length_bytes=20)
    await controller.write(
        (INSERT, group),
        (INSERT, clone),
        (INSERT, acl(1, b"\x08\0", optional(4, b"\x01"), action=action("flood", b"\x09"))),
        (INSERT, acl(1, b"\x08\0", optional(4, b"\x06"), action=action("mirror", b"\x04"))),
        (INSERT, session(1)),
    )
    assert sorted(await out(native_switch, frame(protocol=1))) == [(2, frame(protocol=1)), (3, frame(protocol=1))]
    assert sorted(await out(native_switch, frame())) == [(2, b"\0\0\0\0\xaa\xbb" + frame()[6:]), (3, frame()[:20])]
    await controller.write((DELETE, group), (DELETE, clone))
    assert await out(native_switch, frame(protocol=1)) == []
    assert len(await out(native_switch, frame())) == 1


async def test_a_new_pipeline_starts_empty(native_switch: Switch, controller: Client) -> None:
    await controller.write((INSERT, session(1)))
    await controller.push()
    assert await out(native_switch, frame()) == []
    everything: list[Any] = await controller.read(p4r.TableEntry())
    assert [entry.match[0] for entry in everything] == [exact(1, b"\x88\xb5")]
