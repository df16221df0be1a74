"""finsy, an independent P4Runtime client, works against the server unchanged."""

from __future__ import annotations

import asyncio
from typing import Any

import finsy as fy
import pytest
from fake_engine import FakeEngine
from p4kit import DEVICE, PROGRAMS
from p4soft.api import PacketIn
from p4soft.embedded import Switch


def options(force: bool = False) -> fy.SwitchOptions:
    return fy.SwitchOptions(
        p4info=PROGRAMS / "kinds.p4info.txtpb",
        p4blob=PROGRAMS / "kinds.json",
        device_id=DEVICE,
        p4force=force,
        channel_credentials=None,
    )


SOURCE, TARGET = 0x0A000001, 0xC0A80101


def entry() -> fy.P4TableEntry:
    return fy.P4TableEntry(
        "session",
        match=fy.Match(src=SOURCE, dst=TARGET, protocol=6, port=1),
        action=fy.Action("set_session", session=7, port=2, dst=0xAABB),
        idle_timeout_ns=10**12,
        controller_metadata=11,
    )


def address(switch: Switch) -> str:
    assert switch.address is not None
    return switch.address


async def all_of(found: Any) -> list[Any]:
    """Everything that finsy's read yields; its overloads hide that it is an asynchronous generator."""
    return [entity async for entity in found]


async def test_finsy_loads_writes_and_reads(switch: Switch) -> None:
    async with fy.Switch("sw", address(switch), options()) as client:
        assert client.is_primary
        await client.write([+entry()])
        (found,) = await all_of(client.read(fy.P4TableEntry("session", match=entry().match)))
        assert found == entry()
        everything = await all_of(client.read(fy.P4TableEntry("session")))
        assert len(everything) == 1
        await client.write([+fy.P4MulticastGroupEntry(3, replicas=[1, 2])])
        await client.write([~fy.P4CounterEntry("port_counter", index=1, data=fy.P4CounterData(packet_count=4))])
        counters = await all_of(client.read(fy.P4CounterEntry("port_counter")))
        assert [counter.data.packet_count for counter in counters] == [0, 4, 0, 0, 0, 0, 0, 0]
        await client.write([~fy.P4RegisterEntry("last_id", index=2, data=99)])
        (register,) = await all_of(client.read(fy.P4RegisterEntry("last_id", index=2)))
        assert register.data == 99
        with pytest.raises(fy.P4ClientError) as caught:
            await client.write([+entry()])
        assert caught.value.details[0].canonical_code == fy.GRPCStatusCode.ALREADY_EXISTS
        await client.delete_all()
        assert await all_of(client.read(fy.P4TableEntry("session"))) == []


async def test_finsy_keeps_a_running_pipeline(switch: Switch) -> None:
    async with fy.Switch("first", address(switch), options()) as client:
        await client.write([+entry()])
    async with fy.Switch("second", address(switch), options()) as client:
        assert len(await all_of(client.read(fy.P4TableEntry("session")))) == 1


async def test_finsy_takes_turns_as_primary(switch: Switch) -> None:
    async with (
        fy.Switch("first", address(switch), options()) as first,
        fy.Switch("second", address(switch), options()) as second,
    ):
        assert first.is_primary
        assert not second.is_primary


async def test_finsy_exchanges_packets(fake_switch: Switch) -> None:
    engine = fake_switch.engine
    assert isinstance(engine, FakeEngine)
    async with fy.Switch("sw", address(fake_switch), options()) as client:
        packets = client.read_packets()
        engine.emit(PacketIn(b"\x00\x80\x12\x34frame"))
        async with asyncio.timeout(10):
            packet = await anext(packets)
        assert (packet.payload, packet["ingress_port"], packet["reason"]) == (b"frame", 1, 0x1234)
        await client.write([fy.P4PacketOut(b"frame", egress_port=2, run=1, padding=0)])
        async with asyncio.timeout(10):
            while not engine.sent:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert engine.sent == [b"\x01\x40frame"]
