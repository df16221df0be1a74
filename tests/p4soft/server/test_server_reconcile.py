"""RECONCILE_AND_COMMIT with another program: what clients wrote stays, or nothing changes."""

from __future__ import annotations

import json
from typing import Any

import grpc.aio
import pytest
from finsy.proto import p4r
from p4kit import (
    CODE,
    CONFIG,
    IDS,
    INSERT,
    MODIFY,
    Client,
    acl,
    action,
    config,
    optional,
    route,
    session,
    table_id,
)
from profilekit import by_crc16, group, member, one_shot, selector_config, to_group, to_member
from test_server_value_sets import set_config, value_set

SET = p4r.SetForwardingPipelineConfigRequest


def changed(**sizes: int) -> p4r.ForwardingPipelineConfig:
    """The kinds program with other sizes of tables, registers and counters."""
    document: dict[str, Any] = json.loads(CONFIG)
    for pipeline in document["pipelines"]:
        for table in pipeline["tables"]:
            table["max_size"] = sizes.get(table["name"].split(".")[-1], table["max_size"])
    for kind in ("register_arrays", "counter_arrays"):
        for array in document[kind]:
            if "size" in array:
                array["size"] = sizes.get(array["name"].split(".")[-1], array["size"])
    return config(cookie=7, device_config=json.dumps(document).encode())


async def reconcile(client: Client, message: p4r.ForwardingPipelineConfig) -> None:
    await client.push(action=SET.RECONCILE_AND_COMMIT, message=message)


def cell(kind: Any, field: str, name: str, index: int, **fields: Any) -> Any:
    entry = kind(**{field: IDS[name]}, **fields)
    entry.index.index = index
    return entry


STATE = [
    p4r.TableEntry(counter_data=p4r.CounterData(), meter_config=p4r.MeterConfig()),
    p4r.TableEntry(table_id=table_id("last"), is_default_action=True),
    p4r.TableEntry(table_id=table_id("session"), is_default_action=True, counter_data=p4r.CounterData()),
    p4r.TableEntry(table_id=table_id("route"), is_default_action=True, meter_config=p4r.MeterConfig()),
    p4r.MulticastGroupEntry(),
    p4r.DigestEntry(),
    p4r.CounterEntry(counter_id=IDS["counters.port_counter"]),
    p4r.MeterEntry(meter_id=IDS["meters.port_meter"]),
    p4r.RegisterEntry(register_id=IDS["registers.last_id"]),
    p4r.RegisterEntry(register_id=IDS["registers.last_mac"]),
]


async def test_everything_is_kept(primary: Client) -> None:
    rates = p4r.MeterConfig(cir=10, cburst=20, pir=30, pburst=40)
    digest = p4r.DigestEntry(digest_id=IDS["digests.seen_t"])
    digest.config.max_list_size = 10
    counted = session(1, idle_timeout_ns=10**12, controller_metadata=6, metadata=b"note")
    counted.counter_data.packet_count = 5
    register = cell(p4r.RegisterEntry, "register_id", "registers.last_mac", 2)
    register.data.bitstring = b"\x01\x02"
    counter = cell(
        p4r.CounterEntry, "counter_id", "counters.port_counter", 7, data=p4r.CounterData(packet_count=1, byte_count=2)
    )
    meter = cell(p4r.MeterEntry, "meter_id", "meters.port_meter", 3, config=rates)
    default = p4r.TableEntry(table_id=table_id("last"), is_default_action=True, action=action("to_cpu", b"\x05"))
    missed = p4r.TableEntry(table_id=table_id("session"), is_default_action=True)
    unrouted = p4r.TableEntry(table_id=table_id("route"), is_default_action=True)
    await primary.write(
        (MODIFY, p4r.DirectCounterEntry(table_entry=missed, data=p4r.CounterData(packet_count=3, byte_count=4))),
        (MODIFY, p4r.DirectMeterEntry(table_entry=unrouted, config=rates)),
        (INSERT, counted),
        (INSERT, session(2)),
        (INSERT, route(meter_config=rates)),
        (INSERT, acl(3, b"\x08\0", optional(4, b"\x01"))),
        (INSERT, p4r.MulticastGroupEntry(multicast_group_id=1, replicas=[p4r.Replica(port=b"\x01", instance=1)])),
        (INSERT, digest),
        (MODIFY, default),
        (MODIFY, register),
        (MODIFY, counter),
        (MODIFY, meter),
    )
    before = await primary.read(*STATE)
    defaults = [entry for entry in before if isinstance(entry, p4r.TableEntry) and entry.is_default_action]
    assert [entry.counter_data.packet_count for entry in defaults] == [0, 3, 0]
    assert [entry.HasField("meter_config") for entry in defaults] == [False, False, True]
    await reconcile(primary, changed(session=2048))
    assert await primary.read(*STATE) == before
    # And the entries are those of the new pipeline: they can be changed, and there is room for more.
    await primary.write((MODIFY, session(1)), *((INSERT, session(number)) for number in range(3, 2049)))


async def test_what_does_not_fit_is_refused_before_anything_changes(primary: Client) -> None:
    await primary.write((INSERT, session(1)), (INSERT, session(2)))
    before = await primary.read(*STATE)
    for message in (changed(session=1), set_config()):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reconcile(primary, message)
        assert caught.value.code() == CODE.INVALID_ARGUMENT
        assert "table_entry cannot be kept" in str(caught.value.details())
        assert await primary.read(*STATE) == before


async def test_cells_without_a_place_are_dropped(primary: Client) -> None:
    for name, index in (("registers.last_id", 1), ("registers.last_id", 7)):
        register = cell(p4r.RegisterEntry, "register_id", name, index)
        register.data.bitstring = b"\x09"
        await primary.write((MODIFY, register))
    await reconcile(primary, changed(last_id=4))
    found = await primary.read(p4r.RegisterEntry(register_id=IDS["registers.last_id"]))
    assert [entry.data.bitstring for entry in found] == [b"\0", b"\x09", b"\0", b"\0"]


async def test_members_and_groups_are_kept(client: Client) -> None:
    await client.open(1)
    message = selector_config()
    await client.push(message=message)
    await client.write((INSERT, member(1)), (INSERT, member(2)), (INSERT, group(5, (1, 1), (2, 3))))
    await client.write((INSERT, by_crc16(1, to_group(5))), (INSERT, by_crc16(2, to_member(2))))
    queries = [p4r.TableEntry(), p4r.ActionProfileMember(), p4r.ActionProfileGroup()]
    before = await client.read(*queries)
    message.p4_device_config += b"\n"
    await reconcile(client, message)
    assert await client.read(*queries) == before


async def test_one_shot_sets_are_kept(client: Client) -> None:
    await client.open(1)
    message = selector_config()
    await client.push(message=message)
    await client.write((INSERT, by_crc16(1, one_shot((3, 1), (4, 2)))))
    before = await client.read(p4r.TableEntry())
    message.p4_device_config += b"\n"
    await reconcile(client, message)
    assert await client.read(p4r.TableEntry()) == before


async def test_value_sets_are_kept(client: Client) -> None:
    await client.open(1)
    message = set_config()
    await client.push(message=message)
    await client.write((MODIFY, value_set("pairs", (b"\1", b"\2"))))
    message.p4_device_config += b"\n"
    await reconcile(client, message)
    assert await client.read(value_set("pairs")) == [value_set("pairs", (b"\1", b"\2"))]
