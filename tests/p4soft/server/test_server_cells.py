"""Counters, meters, registers, direct resources and replication entries."""

from __future__ import annotations

from typing import Any

import pytest
from finsy.proto import p4r
from p4kit import DELETE, IDS, INSERT, MODIFY, Client, route, session, table_id
from p4soft.server.errors import Code

COUNTER = IDS["counters.port_counter"]
METER = IDS["meters.port_meter"]
LAST_ID = IDS["registers.last_id"]
LAST_MAC = IDS["registers.last_mac"]
RATES = p4r.MeterConfig(cir=10, cburst=20, pir=30, pburst=40)


def counter(index: int | None, packets: int | None = None, bytes_: int = 0) -> p4r.CounterEntry:
    message = p4r.CounterEntry(counter_id=COUNTER)
    if index is not None:
        message.index.index = index
    if packets is not None:
        message.data.packet_count = packets
        message.data.byte_count = bytes_
    return message


def meter(index: int | None, config: p4r.MeterConfig | None = None) -> p4r.MeterEntry:
    message = p4r.MeterEntry(meter_id=METER, config=config)
    if index is not None:
        message.index.index = index
    return message


def register(index: int | None, value: bytes | None = None, number: int = LAST_ID) -> p4r.RegisterEntry:
    message = p4r.RegisterEntry(register_id=number)
    if index is not None:
        message.index.index = index
    if value is not None:
        message.data.bitstring = value
    return message


async def test_counters(primary: Client) -> None:
    await primary.write((MODIFY, counter(3, 5, 600)))
    assert await primary.read(counter(3)) == [counter(3, 5, 600)]
    assert await primary.read(counter(None)) == [counter(i, *((5, 600) if i == 3 else (0, 0))) for i in range(8)]
    assert await primary.read(p4r.CounterEntry()) == await primary.read(counter(None))
    await primary.write((MODIFY, counter(3)))
    assert await primary.read(counter(3)) == [counter(3, 5, 600)]
    await primary.write((MODIFY, counter(None, 1, 2)))
    assert await primary.read(counter(None)) == [counter(i, 1, 2) for i in range(8)]


async def test_meters(primary: Client) -> None:
    assert await primary.read(meter(2)) == [meter(2)]
    await primary.write((MODIFY, meter(2, RATES)))
    assert await primary.read(meter(2)) == [meter(2, RATES)]
    assert await primary.read(p4r.MeterEntry()) == [meter(i, RATES if i == 2 else None) for i in range(8)]
    await primary.write((MODIFY, meter(2)))
    assert await primary.read(meter(2)) == [meter(2)]
    await primary.write((MODIFY, meter(None, RATES)))
    assert await primary.read(meter(None)) == [meter(i, RATES) for i in range(8)]


async def test_registers(primary: Client) -> None:
    await primary.write((MODIFY, register(1, b"\x0f\xff\xff")), (MODIFY, register(3, b"\xff" * 6, LAST_MAC)))
    assert await primary.read(register(1)) == [register(1, b"\x0f\xff\xff")]
    assert await primary.read(register(3, number=LAST_MAC)) == [register(3, b"\xff" * 6, LAST_MAC)]
    assert await primary.read(register(0)) == [register(0, b"\0")]
    assert len(await primary.read(p4r.RegisterEntry())) == 12
    await primary.write((MODIFY, register(None, b"\0\0\0\0\x2a")))
    assert await primary.read(register(None)) == [register(i, b"\x2a") for i in range(8)]


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        (INSERT, counter(0, 1), Code.INVALID_ARGUMENT),
        (DELETE, counter(0, 1), Code.INVALID_ARGUMENT),
        (MODIFY, counter(-1, 1), Code.INVALID_ARGUMENT),
        (MODIFY, counter(8, 1), Code.OUT_OF_RANGE),
        (MODIFY, counter(0, -1), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.CounterEntry(counter_id=1), Code.INVALID_ARGUMENT),
        (INSERT, meter(0, RATES), Code.INVALID_ARGUMENT),
        (MODIFY, meter(8, RATES), Code.OUT_OF_RANGE),
        (MODIFY, meter(0, p4r.MeterConfig(cir=2, pir=1)), Code.INVALID_ARGUMENT),
        (MODIFY, meter(0, p4r.MeterConfig(cir=-2)), Code.INVALID_ARGUMENT),
        (MODIFY, meter(0, p4r.MeterConfig(eburst=1)), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.MeterEntry(meter_id=METER, counter_data=p4r.MeterCounterData()), Code.UNIMPLEMENTED),
        (INSERT, register(0, b"\x01"), Code.INVALID_ARGUMENT),
        (MODIFY, register(-1, b"\x01"), Code.INVALID_ARGUMENT),
        (MODIFY, register(8, b"\x01"), Code.OUT_OF_RANGE),
        (MODIFY, register(0, b"\x10\0\0"), Code.OUT_OF_RANGE),
        (MODIFY, register(0, b""), Code.OUT_OF_RANGE),
        (MODIFY, register(0), Code.INVALID_ARGUMENT),
        (INSERT, p4r.DirectCounterEntry(table_entry=session(1)), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.DirectCounterEntry(table_entry=session(1)), Code.NOT_FOUND),
        (MODIFY, p4r.DirectCounterEntry(table_entry=route()), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.DirectMeterEntry(table_entry=session(1)), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.DirectMeterEntry(table_entry=route()), Code.NOT_FOUND),
        (INSERT, p4r.MulticastGroupEntry(), Code.INVALID_ARGUMENT),
        (INSERT, p4r.MulticastGroupEntry(multicast_group_id=65536), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.MulticastGroupEntry(multicast_group_id=1), Code.NOT_FOUND),
        (DELETE, p4r.MulticastGroupEntry(multicast_group_id=1), Code.NOT_FOUND),
        (INSERT, p4r.CloneSessionEntry(), Code.INVALID_ARGUMENT),
        (INSERT, p4r.CloneSessionEntry(session_id=32768), Code.INVALID_ARGUMENT),
        (INSERT, p4r.CloneSessionEntry(session_id=1, class_of_service=1), Code.INVALID_ARGUMENT),
        (INSERT, p4r.CloneSessionEntry(session_id=1, packet_length_bytes=-1), Code.INVALID_ARGUMENT),
        (DELETE, p4r.CloneSessionEntry(session_id=1), Code.NOT_FOUND),
        (INSERT, p4r.PacketReplicationEngineEntry(), Code.INVALID_ARGUMENT),
    ],
    ids=str,
)
async def test_wrong_writes_are_refused(primary: Client, kind: Any, message: Any, code: Code) -> None:
    assert await primary.refused(kind, message) == code


@pytest.mark.parametrize(
    ("replicas", "code"),
    [
        ([p4r.Replica(port=b"\x02\0")], Code.OUT_OF_RANGE),
        ([p4r.Replica(egress_port=512)], Code.INVALID_ARGUMENT),
        ([p4r.Replica(instance=1)], Code.INVALID_ARGUMENT),
        ([p4r.Replica(port=b"\x01", instance=65536)], Code.INVALID_ARGUMENT),
        ([p4r.Replica(port=b"\x01"), p4r.Replica(egress_port=1)], Code.INVALID_ARGUMENT),
        ([p4r.Replica(port=b"\x01", backup_replicas=[p4r.BackupReplica(port=b"\x02")])], Code.UNIMPLEMENTED),
    ],
    ids=str,
)
async def test_wrong_replicas_are_refused(primary: Client, replicas: list[p4r.Replica], code: Code) -> None:
    group = p4r.MulticastGroupEntry(multicast_group_id=1, replicas=replicas)
    assert await primary.refused(INSERT, group) == code
    clone = p4r.CloneSessionEntry(session_id=1, replicas=replicas)
    assert await primary.refused(INSERT, clone) == code
    assert await primary.read(p4r.PacketReplicationEngineEntry()) == []


async def test_groups_and_sessions(primary: Client) -> None:
    group = p4r.MulticastGroupEntry(
        multicast_group_id=5,
        replicas=[p4r.Replica(port=b"\x01", instance=1), p4r.Replica(egress_port=2)],
        metadata=b"m",
    )
    clone = p4r.CloneSessionEntry(session_id=5, replicas=[p4r.Replica(port=b"\x01")], packet_length_bytes=64)
    await primary.write((INSERT, group), (INSERT, clone))
    assert await primary.refused(INSERT, group) == Code.ALREADY_EXISTS
    assert await primary.refused(INSERT, clone) == Code.ALREADY_EXISTS
    assert await primary.read(p4r.MulticastGroupEntry()) == [group]
    assert await primary.read(p4r.MulticastGroupEntry(multicast_group_id=5)) == [group]
    assert await primary.read(p4r.MulticastGroupEntry(multicast_group_id=6)) == []
    assert await primary.read(p4r.CloneSessionEntry()) == [clone]
    del group.replicas[0]
    await primary.write((MODIFY, group), (DELETE, clone))
    assert await primary.read(p4r.MulticastGroupEntry(), p4r.CloneSessionEntry()) == [group]
    await primary.write((DELETE, p4r.MulticastGroupEntry(multicast_group_id=5)))
    assert await primary.read(p4r.PacketReplicationEngineEntry()) == []


async def test_direct_counters(primary: Client) -> None:
    await primary.write((INSERT, session(1)), (INSERT, session(2)))
    key = session(1, action=None)
    entry = p4r.DirectCounterEntry(table_entry=key, data=p4r.CounterData(packet_count=1, byte_count=2))
    entry.table_entry.ClearField("action")
    await primary.write((MODIFY, entry))
    assert await primary.read(p4r.DirectCounterEntry(table_entry=key)) == [entry]
    assert (
        len(await primary.read(p4r.DirectCounterEntry(table_entry=p4r.TableEntry(table_id=table_id("session"))))) == 2
    )
    assert len(await primary.read(p4r.DirectCounterEntry())) == 2
    assert await primary.read_code(p4r.DirectCounterEntry(table_entry=session(3, action=None))) == [Code.NOT_FOUND]
    default = p4r.TableEntry(table_id=table_id("session"), is_default_action=True)
    missed = p4r.DirectCounterEntry(table_entry=default, data=p4r.CounterData())
    assert await primary.read(p4r.DirectCounterEntry(table_entry=default)) == [missed]
    await primary.write((MODIFY, p4r.DirectCounterEntry(table_entry=key)))
    assert await primary.read(p4r.DirectCounterEntry(table_entry=key)) == [entry]


async def test_direct_meters(primary: Client) -> None:
    await primary.write((INSERT, route(meter_config=RATES)))
    asked = p4r.TableEntry(table_id=table_id("route"), meter_config=p4r.MeterConfig())
    assert await primary.read(asked) == [route(meter_config=RATES)]
    assert await primary.read(p4r.TableEntry(table_id=table_id("route"))) == [route()]
    query = p4r.DirectMeterEntry(table_entry=p4r.TableEntry(table_id=table_id("route")))
    (found,) = await primary.read(query)
    assert found.config == RATES
    await primary.write((MODIFY, route()))
    assert await primary.read(asked) == [route()]
    entry = p4r.DirectMeterEntry(table_entry=route(), config=RATES)
    await primary.write((MODIFY, entry))
    assert await primary.read(asked) == [route(meter_config=RATES)]
    await primary.write((MODIFY, p4r.DirectMeterEntry(table_entry=route())))
    assert await primary.read(asked) == [route()]
    (found,) = await primary.read(query)
    assert not found.HasField("config")


async def test_wildcards_of_what_the_program_lacks_are_empty(primary: Client) -> None:
    queries = (p4r.ActionProfileMember(), p4r.ActionProfileGroup(), p4r.ValueSetEntry(), p4r.ExternEntry())
    assert await primary.read(*queries) == []
    assert await primary.read_code(p4r.ActionProfileMember(action_profile_id=1)) == [Code.INVALID_ARGUMENT]
    assert await primary.read_code(p4r.ValueSetEntry(value_set_id=1)) == [Code.INVALID_ARGUMENT]
    assert await primary.read_code(p4r.CounterEntry(counter_id=1)) == [Code.INVALID_ARGUMENT]
