"""The order in which the core gets what has come, and which SYNs it does not get."""

from __future__ import annotations

import pytest
from fullnat.core.inbox import HURRY, KEPT, LATE, OPENINGS, PATIENCE, ROOM, SHARE, Inbox
from fullnat.core.interface import Event, IdleNotice, NeighborHeard, PacketIn, SessionEvents, Shed
from fullnat.p4constants import PuntReason

from .builders import CLIENT, config
from .switch import Rig

STEP = 1 / 256
"""Seconds; sums of it are exact."""


def opening(number: int) -> PacketIn:
    return PacketIn(PuntReason.SERVICE_SYN, 0, 1, 0, b"%d" % number)


def taken(inbox: Inbox, now: float) -> list[Event]:
    return inbox.take(len(inbox), now)


def test_reports_of_the_switch_come_first_and_each_kind_of_packet_has_its_turn() -> None:
    inbox = Inbox(10)
    again = PacketIn(PuntReason.SESSION_SYN, 0, 1, 7, b"again")
    inbox.post([opening(1), IdleNotice(1), opening(2), again], 0.0)
    inbox.post([SessionEvents(1, 0, 1)], 0.0)
    assert len(inbox) == 5
    assert taken(inbox, 0.0) == [IdleNotice(1), SessionEvents(1, 0, 1), opening(1), again, opening(2)]
    assert not inbox
    assert inbox.shed == 0


def test_syns_and_datagrams_take_turns() -> None:
    """A flood of the ones does not take the others' time, nor their room."""
    inbox = Inbox(4)
    datagrams = [PacketIn(PuntReason.SERVICE_DATAGRAM, 0, 1, 0, b"%d" % number) for number in range(10)]
    inbox.post([*datagrams, opening(0), opening(1), IdleNotice(1)], 0.0)
    assert (len(inbox), inbox.shed) == (7, 6)
    assert taken(inbox, 0.0) == [IdleNotice(1), datagrams[6], opening(0), datagrams[7], opening(1), *datagrams[8:]]
    inbox.post(datagrams, 10.0)
    inbox.clear()
    assert not inbox


@pytest.mark.parametrize("reason", LATE)
def test_what_clients_behind_cookies_repeat_is_given_up_when_it_stands(reason: PuntReason) -> None:
    """A queue of it that is never empty holds what comes too late, however much is handled: connections would begin,
    and none be finished."""
    inbox = Inbox(10)
    packets = [PacketIn(reason, 0, 1, 0, b"%d" % number) for number in range(3 * KEPT)]
    inbox.post(packets[: 2 * KEPT], 0.0)
    assert inbox.take(1, HURRY) == packets[:1], "a burst"
    inbox.post(packets[2 * KEPT :], PATIENCE)
    assert inbox.take(1, PATIENCE + STEP) == packets[2 * KEPT : 2 * KEPT + 1]
    assert (len(inbox), inbox.overflown, inbox.shed) == (KEPT - 1, 2 * KEPT - 1, 0)


OTHERS = [reason for reason in PuntReason if reason not in (*OPENINGS, PuntReason.PUNT_REASONS)]


@pytest.mark.parametrize("reason", OTHERS)
def test_a_flood_of_one_kind_takes_nothing_of_another(reason: PuntReason) -> None:
    """It fills its own room, the oldest go first, and what else comes has every other turn: so neither SYNs nor
    packets of sessions wait longer than for one of it."""
    inbox = Inbox(10)
    flood = [PacketIn(reason, 0, 1, 0, b"%d" % number) for number in range(ROOM + 100)]
    other = next(each for each in OTHERS if each is not reason)
    packet = PacketIn(other, 0, 1, 0, b"")
    inbox.post([*flood, opening(1), packet, opening(2)], 0.0)
    assert (len(inbox), inbox.overflown, inbox.shed) == (ROOM + 3, 100, 0)
    share = SHARE.get(reason, 1)
    first, second = flood[100 : 100 + share], flood[100 + share : 100 + 2 * share]
    assert taken(inbox, 0.0)[: 2 * share + 3] == [*first, opening(1), packet, *second, opening(2)]


def test_neighbors_that_were_heard_are_one_kind() -> None:
    inbox = Inbox(10)
    heard = [NeighborHeard(CLIENT, number, 1) for number in range(ROOM + 1)]
    inbox.post([*heard, opening(1)], 0.0)
    assert inbox.overflown == 1
    assert taken(inbox, 0.0)[:3] == [heard[1], opening(1), heard[2]]


def test_a_burst_may_wait_until_its_clients_would_repeat() -> None:
    inbox = Inbox(KEPT + 10)
    inbox.post(map(opening, range(KEPT + 3)), 0.0)
    assert inbox.take(1, PATIENCE - 2 * STEP) == [opening(0)]
    assert inbox.take(1, PATIENCE - STEP) == [opening(1)]
    assert inbox.take(1, PATIENCE + STEP) == [opening(3)]
    assert (inbox.handled, inbox.shed) == (3, 1)


def test_who_is_away_for_longer_than_that_makes_sessions_of_what_came_meanwhile() -> None:
    """Clients that began together repeat together: were all of them late once, they would be so each time."""
    inbox = Inbox(1000)
    for turn in range(3):
        inbox.post(map(opening, range(KEPT)), 2.0 * turn)
        assert taken(inbox, 2.0 * turn + 1.5) == list(map(opening, range(KEPT)))
    assert inbox.shed == 0


def test_what_is_no_opening_is_never_given_up() -> None:
    inbox = Inbox(10)
    inbox.post([IdleNotice(1)], 0.0)
    assert inbox.take(1, 1000.0) == [IdleNotice(1)]
    assert inbox.shed == 0


def served(inbox: Inbox, seconds: float, arrive: int, serve: int) -> tuple[list[float], int]:
    """``arrive`` SYNs come in every step, and ``serve`` are handled: how long the latter had waited, and how many were
    shed."""
    waits: list[float] = []
    came: dict[bytes, float] = {}
    number = 0
    for step in range(int(seconds / STEP)):
        now = step * STEP
        events = [opening(number + more) for more in range(arrive)]
        came |= {event.frame: now for event in events}
        number += arrive
        inbox.post(events, now)
        for event in inbox.take(serve, now):
            assert isinstance(event, PacketIn)
            waits.append(now - came[event.frame])
    return waits, inbox.shed


def test_with_enough_time_for_all_nothing_is_shed() -> None:
    assert served(Inbox(1000), 10.0, 3, 3) == ([0.0] * 7680, 0)


@pytest.mark.parametrize("overload", [2, 3, 10])
def test_a_queue_that_stands_is_kept_short_and_all_capacity_is_used(overload: int) -> None:
    inbox = Inbox(100_000)
    waits, shed = served(inbox, 10.0, 4 * overload, 4)
    assert len(waits) == 4 * 2560
    assert shed + len(waits) + len(inbox) == 4 * overload * 2560
    assert max(waits) <= PATIENCE
    late = waits[int(4 * 2 * PATIENCE / STEP) :]
    assert max(late) <= HURRY
    assert len(inbox) <= 4 * overload * (HURRY / STEP + 1)


def test_after_an_overload_a_burst_may_wait_again() -> None:
    inbox = Inbox(100_000)
    _, shed = served(inbox, 3.0, 8, 4)
    assert shed > 0
    taken(inbox, 3.0)
    inbox.post(map(opening, range(10)), 4.0)
    assert len(taken(inbox, 4.0 + PATIENCE - STEP)) == 10


def test_the_queue_is_bounded_by_number_too() -> None:
    inbox = Inbox(3)
    inbox.post(map(opening, range(5)), 0.0)
    assert taken(inbox, 0.0) == [opening(2), opening(3), opening(4)]
    assert inbox.shed == 2


def test_what_a_switch_sent_goes_with_it() -> None:
    inbox = Inbox(3)
    inbox.post([opening(1), IdleNotice(1)], 0.0)
    inbox.clear()
    assert not inbox
    assert inbox.take(1, 0.0) == []


def test_shed_syns_are_counted() -> None:
    rig = Rig(config())
    rig.send(Shed(3))
    rig.send(Shed(2))
    assert rig.controller.stats()["syn_shed"] == 5


def test_openings_that_other_events_hold_up_are_shed_meanwhile() -> None:
    """So the switch is told to bring fewer, though nothing is ever asked for but events."""
    inbox = Inbox(KEPT + 10)
    inbox.post(map(opening, range(KEPT + 1)), 0.0)
    now = 0.0
    while now <= PATIENCE:
        inbox.post([IdleNotice(1), IdleNotice(2)], now)
        assert inbox.take(1, now)
        now += STEP
    assert [type(event) for event in inbox.take(1, now)] == [IdleNotice]
    assert (inbox.handled, inbox.shed) == (0, 1)
