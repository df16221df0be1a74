"""Resets of sessions that end: removals do not overtake them, new connections do."""

from __future__ import annotations

import pytest
from finsy.proto import p4r
from fullnat.core.interface import Effect, Event, Inject, Op, PacketIn, Reset, Write, Written
from p4rt.entries import session
from p4rt.waiting import until

from app.conftest import Rig
from app.test_switch import packet_in, serving

RESETS = 300
REMOVED = 7


def ending(event: Event) -> list[Effect]:
    """Many sessions are reset and one of them is removed, more than the switch takes at once; then one begins."""
    if isinstance(event, PacketIn) and event.session_id == 1:
        resets: list[Effect] = [Reset(b"reset %d" % number, number) for number in range(RESETS)]
        return [*resets, Write(((Op.DELETE, session(REMOVED)),), 12)]
    if isinstance(event, PacketIn) and event.session_id == 3:
        return [Write(((Op.INSERT, session(REMOVED)),), 11)]
    return [Inject(1, b"begins", 1, True)] if isinstance(event, PacketIn) else []


def taken_at_removals(rig: Rig) -> list[int]:
    """How many packets the switch has taken when an entry is removed, for each entry."""
    taken: list[int] = []

    def look(update: p4r.Update) -> tuple[int, str] | None:
        if update.type == p4r.Update.DELETE:
            taken.append(len(rig.switch.packet_outs))
        return None

    rig.switch.refuse = look
    return taken


@pytest.fixture
def behind(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """The stream holds little."""
    monkeypatch.setattr("fullnat.app.outgoing.FAREWELLS_AHEAD", 4)
    return rig


async def test_a_removal_follows_the_resets_before_it(behind: Rig) -> None:
    rig = behind
    await serving(rig)
    rig.core.on_event = ending
    taken = taken_at_removals(rig)
    rig.switch.send(packet_in(3))
    await until(lambda: len(rig.switch.entries) == 2)
    rig.switch.send(packet_in(1))
    await until(lambda: len(rig.core.seen(Written)) == 2)
    assert rig.core.seen(Written) == [Written(11, {}), Written(12, {})]
    assert taken == [RESETS, RESETS]
    assert rig.switch.entries == {}
    assert [packet.payload for packet in rig.switch.packet_outs] == [b"reset %d" % number for number in range(RESETS)]


async def test_a_new_connection_does_not_wait_for_resets(behind: Rig) -> None:
    rig = behind
    await serving(rig)

    def ending_and_beginning(event: Event) -> list[Effect]:
        """The second packet comes while the first one is seen to: a switch that is quick has taken no reset yet."""
        if isinstance(event, PacketIn) and event.session_id == 1:
            rig.runner.post([event._replace(session_id=2)])
        return ending(event)

    rig.core.on_event = ending_and_beginning
    rig.switch.send(packet_in(1))
    await until(lambda: len(rig.switch.packet_outs) == RESETS + 1)
    assert [packet.payload for packet in rig.switch.packet_outs].index(b"begins") < RESETS // 2


async def test_a_removal_that_no_reset_stands_before_goes_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fullnat.app.outgoing.MARGIN", 1000.0)
    await serving(rig)
    effects: list[Effect] = [Write(((Op.DELETE, session(8)),), 12), Reset(b"reset", 7)]
    rig.core.on_event = lambda event: [effects.pop()] if isinstance(event, PacketIn) else []
    rig.switch.send(packet_in(1))
    await until(lambda: rig.switch.packet_outs)
    rig.switch.send(packet_in(2))
    await until(lambda: rig.core.seen(Written))
