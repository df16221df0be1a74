"""What happens while a switch that has come back is read, and while it is away."""

from __future__ import annotations

import asyncio

import pytest
from fullnat.core.declared.commands import EditGlobals
from fullnat.core.interface import (
    Inject,
    Op,
    PacketIn,
    SwitchDown,
    SwitchUp,
    Write,
    Written,
)
from fullnat.net.flow import v4
from fullnat.p4rt.schema import Schema
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from p4rt.waiting import until

from app.conftest import Rig
from app.test_switch import packet_in, serving


async def test_what_comes_while_the_tables_are_read_follows(rig: Rig) -> None:
    """Session events among it, which nobody repeats."""
    rig.switch.read_gate = asyncio.Event()
    rig.run()
    await until(lambda: rig.switch.reading)
    client = rig.owner.client
    assert client is not None
    heard = client.heard
    for number in range(3):
        rig.switch.send(packet_in(number))
    await until(lambda: client.heard == heard + 3)
    rig.switch.read_gate.set()
    await until(lambda: len(rig.core.events) == 4)
    assert rig.core.events == [
        SwitchUp((), 0, emptied=True),
        *(PacketIn(1, 0, 1, number, b"frame%d" % number) for number in range(3)),
    ]


async def test_a_limit_that_changes_while_the_tables_are_read_is_that_of_the_switch_afterwards(rig: Rig) -> None:
    from dataclasses import replace

    from app.conftest import CONFIG

    rig.switch.read_gate = asyncio.Event()
    rig.run()
    await until(lambda: rig.switch.reading)
    assert rig.switch.meters[0].cir == 500
    rig.runner.reconfigure(replace(CONFIG, punt_rate=9))
    rig.switch.read_gate.set()
    await until(lambda: rig.switch.meters[0].cir == 9)


async def test_a_configuration_that_comes_while_the_switch_is_away_is_not_lost(rig: Rig) -> None:
    from dataclasses import replace

    from app.conftest import CONFIG

    await serving(rig)
    await rig.switch.stop()
    await until(lambda: rig.core.seen(SwitchDown))
    rig.runner.reconfigure(replace(CONFIG, punt_rate=9))
    assert [type(command) for command in rig.core.commands] == [EditGlobals]
    await rig.start_switch()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    assert rig.switch.meters[0].cir == 9


async def test_a_value_that_no_packet_out_can_have_costs_one_packet(rig: Rig) -> None:
    await serving(rig)
    rig.core.on_event = lambda event: (
        [Inject(1 << 32, b"too wide", 1, True), Inject(1, b"good", 1, True)] if isinstance(event, PacketIn) else []
    )
    rig.switch.send(packet_in(1))
    await until(lambda: rig.switch.packet_outs)
    assert [packet.payload for packet in rig.switch.packet_outs] == [b"good"]
    assert rig.owner.serving


def _count(rig: Rig, server_id: int, counts: tuple[int, int]) -> None:
    """As if ``counts`` packets and bytes had been counted, in and out."""
    schema = Schema(rig.compiled.p4info, rig.compiled.sizes)
    for array in (schema.server_in_counter, schema.server_out_counter):
        rig.switch.counters[array.id, server_id] = counts


def _writes(rig: Rig, op: Op, *entries: ServerIn | ServerOut) -> None:
    updates = tuple((op, entry) for entry in entries)
    rig.core.on_event = lambda event: [Write(updates, 5)] if isinstance(event, PacketIn) else []
    rig.switch.send(packet_in(1))


SERVER = ServerIn(7, 0, v4(2), 3), ServerOut(7, 0, v4(4), 80)


async def _come_and_gone(rig: Rig) -> None:
    """The id has been a server's since the pipeline was pushed."""
    for number, op in enumerate((Op.INSERT, Op.DELETE), 1):
        _writes(rig, op, *SERVER)
        await until(lambda: len(rig.core.seen(Written)) == number)  # noqa: B023 -- awaited here


async def test_a_new_servers_counters_begin_at_zero_whoever_had_the_id_before(rig: Rig) -> None:
    await serving(rig)
    await _come_and_gone(rig)
    _count(rig, 7, (5, 500))
    _count(rig, 8, (9, 900))
    _writes(rig, Op.INSERT, *SERVER)
    await until(lambda: len(rig.core.seen(Written)) == 3)
    assert rig.core.seen(Written) == [Written(5, {})] * 3
    client = rig.owner.client
    assert client is not None
    for array in (client.schema.server_in_counter, client.schema.server_out_counter):
        assert await client.counters(array, (7, 8)) == {7: (0, 0), 8: (9, 900)}


async def test_a_server_whose_entries_change_goes_on_counting(rig: Rig) -> None:
    await serving(rig)
    _writes(rig, Op.INSERT, *SERVER)
    await until(lambda: rig.core.seen(Written))
    _count(rig, 7, (5, 500))
    before = dict(rig.switch.counters)
    _writes(rig, Op.MODIFY, *(entry._replace(flags=1) for entry in SERVER))
    await until(lambda: len(rig.core.seen(Written)) == 2)
    assert rig.core.seen(Written) == [Written(5, {}), Written(5, {})]
    assert rig.switch.counters == before


async def test_a_switch_that_sets_no_counters_has_its_servers_all_the_same(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await serving(rig)
    await _come_and_gone(rig)
    rig.switch.refuse = lambda update: (12, "not here") if update.entity.HasField("counter_entry") else None
    _writes(rig, Op.INSERT, *SERVER)
    await until(lambda: len(rig.core.seen(Written)) == 3)
    assert rig.core.seen(Written) == [Written(5, {})] * 3
    assert len(rig.switch.entries) == 2
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "2 counters of new real servers go on from what they were, as further ones may: UNIMPLEMENTED not here"
    ]
