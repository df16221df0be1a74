"""The owner of a switch: connecting, losing, standing by, and the order of effects."""

from __future__ import annotations

import asyncio
import itertools
import logging

import pytest
from finsy.proto import p4r
from fullnat.app.runner import CoreRunner
from fullnat.core.declared.commands import EditGlobals
from fullnat.core.interface import (
    Effect,
    Event,
    IdleNotice,
    Inject,
    LimitPunts,
    Log,
    Op,
    PacketIn,
    Probe,
    Probed,
    SessionEvents,
    SessionsFound,
    SessionsRead,
    SwitchDown,
    SwitchUp,
    Write,
    Written,
)
from fullnat.p4constants import PuntReason
from fullnat.p4rt.client import Client
from fullnat.tables.port import Port
from p4rt.entries import session
from p4rt.waiting import until

from app.conftest import Rig


def packet_in(number: int) -> p4r.StreamMessageResponse:
    message = p4r.StreamMessageResponse()
    message.packet.payload = b"frame%d" % number
    for ident, value in enumerate((b"\1", b"\0", b"\1", number.to_bytes(2, "big"), b"\0"), 1):
        message.packet.metadata.add(metadata_id=ident, value=value)
    return message


async def serving(rig: Rig) -> None:
    rig.run()
    await until(lambda: rig.owner.serving)


async def test_an_empty_switch_is_set_up_and_announced(rig: Rig) -> None:
    await serving(rig)
    assert rig.core.events == [SwitchUp((), 0, emptied=True)]
    assert rig.switch.pushes == 1
    assert len(rig.switch.digest_configs) == 4
    assert rig.switch.meters[0].cir == 500
    assert rig.switch.meters[0].cburst == 50


async def test_stream_messages_become_events_in_order(rig: Rig) -> None:
    await serving(rig)
    digest = p4r.StreamMessageResponse()
    digest.digest.digest_id = rig.owner.client.schema.packets.digest_id  # type: ignore[union-attr]
    members = digest.digest.data.add().struct.members
    for value in (b"\7", b"\2", b"\1"):
        members.add().bitstring = value
    idle = p4r.StreamMessageResponse()
    entry = idle.idle_timeout_notification.table_entry.add()
    entry.table_id = rig.owner.client.schema.session_tables[0]  # type: ignore[union-attr]
    entry.controller_metadata = 5 << 32 | 9
    for message in (packet_in(1), digest, idle, packet_in(2)):
        rig.switch.send(message)
    await until(lambda: len(rig.core.events) == 5)
    assert rig.core.events[1:] == [
        PacketIn(1, 0, 1, 1, b"frame1"),
        SessionEvents(7, 2, 1),
        IdleNotice(9),
        PacketIn(1, 0, 1, 2, b"frame2"),
    ]


async def test_a_write_is_answered_and_packets_after_it_wait_for_it(rig: Rig) -> None:
    await serving(rig)
    rig.switch.gate = asyncio.Event()

    def on_event(event: Event) -> list[Effect]:
        match event:
            case PacketIn(session_id=1):
                return [Write(((Op.INSERT, session(1)),), 11), Inject(1, b"after", 1, True)]
            case PacketIn():
                return [Inject(1, b"at once", 2, True)]
        return []

    rig.core.on_event = on_event
    rig.switch.send(packet_in(1))
    rig.switch.send(packet_in(2))
    await until(lambda: rig.switch.packet_outs)
    assert [packet.payload for packet in rig.switch.packet_outs] == [b"at once"]
    assert rig.core.seen(Written) == []
    rig.switch.gate.set()
    await until(lambda: len(rig.switch.packet_outs) == 2)
    assert rig.switch.packet_outs[1].payload == b"after"
    assert len(rig.switch.entries) == 2
    await until(lambda: rig.core.seen(Written))
    assert rig.core.seen(Written) == [Written(11, {})]


async def test_many_writes_share_few_requests(rig: Rig) -> None:
    await serving(rig)
    before = len(rig.switch.writes)
    rig.core.on_event = lambda event: (
        [Write(((Op.INSERT, session(event.session_id)),), event.session_id)] if isinstance(event, PacketIn) else []
    )
    rig.switch.gate = asyncio.Event()
    for number in range(1, 301):
        rig.switch.send(packet_in(number))
    await until(lambda: len(rig.core.seen(PacketIn)) == 300)
    rig.switch.gate.set()
    await until(lambda: len(rig.core.seen(Written)) == 300)
    assert len(rig.switch.entries) == 600
    assert len(rig.switch.writes) - before <= 10
    assert rig.switch.max_writes_at_once <= 2


async def test_probes_are_answered_each(rig: Rig) -> None:
    await serving(rig)
    rig.core.on_event = lambda event: (
        [
            Write(((Op.INSERT, session(1)),)),
            Probe((session(1), session(2))),
            Probe((session(2),)),
        ]
        if isinstance(event, PacketIn)
        else []
    )
    rig.switch.send(packet_in(1))
    await until(lambda: len(rig.core.seen(Probed)) == 2)
    first, second = rig.core.seen(Probed)
    assert isinstance(first, Probed)
    assert [number for number, _ in first.sessions] == [1, 2]
    assert second == Probed(((2, None),))


async def test_the_deadline_is_kept(rig: Rig) -> None:
    due: list[float] = []

    def up(event: Event) -> list[Effect]:
        rig.core.due = asyncio.get_running_loop().time() + 0.05
        due.append(rig.core.due)
        return [Log("debug", "up")]

    rig.core.on_event = up
    rig.core.on_deadline = lambda: [Write(((Op.INSERT, Port(1, 2)),))]
    await serving(rig)
    await until(lambda: len(rig.switch.entries) == 1)
    assert len(rig.core.deadlines) == 1
    assert rig.core.deadlines[0] >= due[0]


async def test_an_error_of_the_core_costs_one_event(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await serving(rig)

    def fail(event: Event) -> list[Effect]:
        if isinstance(event, PacketIn) and event.session_id == 1:
            raise RuntimeError("a bug")
        return []

    rig.core.on_event = fail
    with caplog.at_level(logging.ERROR):
        rig.switch.send(packet_in(1))
        rig.switch.send(packet_in(2))
        await until(lambda: len(rig.core.seen(PacketIn)) == 2)
    assert rig.owner.serving
    assert rig.runner.errors == 1
    assert "a bug" in caplog.text


async def test_a_lost_switch_is_connected_again_and_keeps_its_pipeline(rig: Rig) -> None:
    await serving(rig)
    rig.core.on_event = lambda event: [Write(((Op.INSERT, session(1)),))] if isinstance(event, PacketIn) else []
    rig.switch.send(packet_in(1))
    await until(lambda: len(rig.switch.entries) == 2)
    await rig.switch.stop()
    await until(lambda: rig.core.seen(SwitchDown))
    await rig.start_switch()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    await until(lambda: rig.core.seen(SessionsRead))
    assert rig.core.events[-3:] == [SwitchUp((), whole=False), SessionsFound([session(1)]), SessionsRead(0)]
    assert rig.switch.pushes == 1
    assert rig.owner.counts.connects == 2


async def test_connections_begin_while_sessions_are_read(rig: Rig) -> None:
    """And what is seen of them by half stays."""
    await serving(rig)
    schema = rig.owner.client.schema  # type: ignore[union-attr]
    halves = [schema.encode(Op.INSERT, session(number))[0] for number in (1, 2)]
    assert await rig.owner.client.write(halves) == {}  # type: ignore[union-attr]
    await rig.switch.stop()
    gate = rig.switch.full_gate = asyncio.Event()
    await rig.start_switch()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    rig.core.held.add(2)
    rig.core.on_event = lambda event: [Inject(1, b"begins", 1, True)] if isinstance(event, PacketIn) else []
    rig.switch.send(packet_in(1))
    await until(lambda: rig.switch.packet_outs)
    assert rig.owner.state == "synchronising"
    assert not rig.core.seen(SessionsRead)
    gate.set()
    await until(lambda: rig.core.seen(SessionsRead))
    assert rig.core.events[-1] == SessionsRead(1)
    assert len(rig.switch.entries) == 1
    await until(lambda: rig.owner.state == "serving")


async def test_a_restarted_switch_gets_the_pipeline_again(rig: Rig) -> None:
    await serving(rig)
    await rig.switch.stop()
    rig.switch.config = None
    rig.switch.entries.clear()
    await rig.start_switch()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    assert rig.switch.pushes == 2


async def test_half_sessions_are_removed_before_the_core_has_all(rig: Rig) -> None:
    await serving(rig)
    schema = rig.owner.client.schema  # type: ignore[union-attr]
    assert await rig.owner.client.write([schema.encode(Op.INSERT, session(4))[1]]) == {}  # type: ignore[union-attr]
    await rig.switch.stop()
    await rig.start_switch()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    await until(lambda: rig.core.seen(SessionsRead))
    assert rig.core.events[-2:] == [SwitchUp((), whole=False), SessionsRead(1)]
    assert rig.switch.entries == {}


async def test_effects_without_a_switch_are_dropped(rig: Rig) -> None:
    await serving(rig)
    rig.core.on_event = lambda event: (
        [Write(((Op.INSERT, session(1)),), 5), Inject(1, b"lost", 1, True)] if isinstance(event, SwitchDown) else []
    )
    await rig.switch.stop()
    await until(lambda: rig.core.seen(SwitchDown))
    await rig.start_switch()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    assert rig.core.seen(Written) == []
    assert rig.switch.entries == {}
    assert rig.switch.packet_outs == []


async def test_a_higher_election_id_takes_over_and_hands_back(rig: Rig) -> None:
    await serving(rig)
    rig.switch.take_over(10**6)
    await until(lambda: rig.owner.state == "standby")
    assert len(rig.core.seen(SwitchDown)) == 1
    rig.switch.give_up()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    assert rig.owner.counts.connects == 1
    rig.switch.send(packet_in(3))
    await until(lambda: rig.core.seen(PacketIn))


async def test_a_standby_waits_for_its_turn(rig: Rig) -> None:
    rig.switch.take_over(10**6)
    rig.run()
    await until(lambda: rig.owner.state == "standby")
    assert rig.core.events == []
    rig.switch.give_up()
    await until(lambda: rig.core.seen(SwitchUp))


async def test_a_standby_bids_higher_when_nobody_is_primary(rig: Rig) -> None:
    rig.switch.take_over(10**6)
    rig.run()
    await until(lambda: rig.owner.state == "standby")
    message = p4r.StreamMessageResponse()
    message.arbitration.status.code = 5
    message.arbitration.election_id.low = 10**6
    next(answers for number, (_, answers) in rig.switch.streams.items() if number > 0).put_nowait(message)
    await until(lambda: rig.core.seen(SwitchUp))
    assert rig.owner.client is not None
    assert rig.owner.client.election_id == 10**6 + 1


async def test_losing_a_write_to_another_controller_is_no_crash(rig: Rig) -> None:
    await serving(rig)
    rig.core.on_event = lambda event: [Write(((Op.INSERT, session(1)),), 5)] if isinstance(event, PacketIn) else []
    rig.switch.gate = asyncio.Event()
    rig.switch.send(packet_in(1))
    await until(lambda: rig.core.seen(PacketIn))
    rig.switch.take_over(10**6)
    rig.switch.gate.set()
    await until(lambda: rig.owner.state == "standby")
    rig.switch.give_up()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    assert rig.core.seen(Written) == []


async def test_a_new_configuration_reaches_core_and_meters(rig: Rig) -> None:
    from dataclasses import replace

    from app.conftest import CONFIG

    await serving(rig)
    rig.core.on_command = lambda _command: [LimitPunts(9, 50)]
    rig.runner.reconfigure(replace(CONFIG, punt_rate=9))
    await until(lambda: rig.switch.meters[0].cir == 9)
    assert [type(command) for command in rig.core.commands] == [EditGlobals]


async def test_an_unforeseen_error_costs_the_connection_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Client.read_all
    calls = []

    async def read_all(client: Client) -> object:
        calls.append(client)
        if len(calls) == 1:
            raise KeyError("a bug")
        return await original(client)

    monkeypatch.setattr(Client, "read_all", read_all)
    await serving(rig)
    assert rig.core.seen(SwitchUp) == [SwitchUp((), emptied=True)]
    assert len(calls) == 2


async def test_packet_outs_beyond_what_the_stream_holds_follow_in_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fullnat.app.outgoing.PACKETS_AHEAD", 4)
    await serving(rig)
    frames = [b"frame %d" % number for number in range(300)]
    rig.core.on_event = lambda event: (
        [Inject(1, frame, 1, True) for frame in frames] if isinstance(event, PacketIn) else []
    )
    rig.switch.send(packet_in(1))
    await until(lambda: len(rig.switch.packet_outs) == 300)
    assert [packet.payload for packet in rig.switch.packet_outs] == frames
    assert rig.owner.counts.packet_outs == 300


@pytest.mark.interpreted
async def test_the_switch_drops_what_would_be_shed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And goes back to what is configured when there is no need any more."""
    looks = itertools.count()
    shedding = False
    monkeypatch.setattr("fullnat.app.session.INTERVAL", 0.01)
    monkeypatch.setattr(CoreRunner, "openings", property(lambda _: (0, next(looks) if shedding else 0)))
    await serving(rig)
    configured = rig.switch.meters[PuntReason.SESSION_SYN]
    shedding = True
    await until(lambda: rig.switch.meters[PuntReason.SERVICE_SYN].cir == 100)
    limited = rig.switch.meters[PuntReason.SERVICE_SYN]
    assert (limited.cburst, limited.pir, limited.pburst) == (10, 100, 10)
    assert rig.switch.meters[PuntReason.SESSION_SYN] == configured
    shedding = False
    await until(lambda: rig.switch.meters[PuntReason.SERVICE_SYN] == configured)
    assert [record.getMessage()[:24] for record in caplog.records if record.levelname == "WARNING"] == [
        "more connections are ask",
        "no more connections are ",
    ]
