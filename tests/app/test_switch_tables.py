"""What happens while a switch that has come back is read, and while it is away."""

from __future__ import annotations

import asyncio

from fullnat.core.commands import EditGlobals
from fullnat.core.interface import (
    Inject,
    PacketIn,
    SwitchDown,
    SwitchUp,
)
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
        SwitchUp((), 0),
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
        [Inject(1 << 20, b"too wide", 1, True), Inject(1, b"good", 1, True)] if isinstance(event, PacketIn) else []
    )
    rig.switch.send(packet_in(1))
    await until(lambda: rig.switch.packet_outs)
    assert [packet.payload for packet in rig.switch.packet_outs] == [b"good"]
    assert rig.owner.serving
