"""Ends that were not: what the switch takes back, what it cannot judge, and what only looks like a connection."""

from __future__ import annotations

import pytest
from fullnat.core.interface import SessionEvents

from .builders import EVENT, IN, OUT, config, virtual
from .helpers import again, established, nothing_left, only, opened, tell
from .switch import Rig

ENDS = [("FIN_IN", "CLOSE_WAIT"), ("FIN_OUT", "FIN_WAIT"), ("RST_IN", "CLOSE"), ("RST_OUT", "CLOSE")]


def report(rig: Rig, session_id: int, event: str, mark: str) -> None:
    direction = IN if event.endswith("_IN") else OUT
    rig.send(SessionEvents(session_id, direction, EVENT[event] | EVENT[mark]))


def counts(rig: Rig) -> tuple[int, int]:
    ((server,),) = [service.servers for service in rig.controller.services()]
    return server.active, server.inactive


@pytest.mark.parametrize(("end", "state"), ENDS)
def test_an_end_that_is_taken_back_ends_nothing(end: str, state: str) -> None:
    rig = Rig(config())
    entry = established(rig)
    tell(rig, entry.session_id, end)
    assert (only(rig).state, counts(rig)) == (state, (0, 1))
    rig.advance(1)
    report(rig, entry.session_id, end, "RESUMED")
    assert (only(rig).state, counts(rig)) == ("ESTABLISHED", (1, 0))
    assert rig.controller.stats()["sessions_resumed"] == 1
    rig.advance(89)
    assert only(rig).phase == "INSTALLED"
    assert not rig.switch.resets
    tell(rig, entry.session_id, end)
    assert only(rig).state == state, "the next one is news again"


@pytest.mark.parametrize(("end", "state", "seconds"), [("RST_IN", "CLOSE", 90), ("FIN_IN", "CLOSE_WAIT", 130)])
def test_an_end_that_nobody_could_judge_is_told_to_both(end: str, state: str, seconds: int) -> None:
    """One forged segment does not end an idle session sooner than it would have ended."""
    rig = Rig(config())
    entry = established(rig)
    report(rig, entry.session_id, end, "UNJUDGED")
    assert only(rig).state == state
    rig.advance(seconds - 1, idle_notices=False)
    assert (only(rig).phase, rig.switch.resets) == ("INSTALLED", [])
    rig.advance(2, idle_notices=False)
    assert [reset.session_id for reset in rig.switch.resets] == [entry.session_id] * 2
    rig.advance(2)
    nothing_left(rig)


def test_a_long_established_timeout_holds_no_port_for_a_reset_session() -> None:
    rig = Rig(config(virtual(established_timeout=86400.0)))
    entry = established(rig)
    report(rig, entry.session_id, "RST_OUT", "UNJUDGED")
    rig.advance(133)
    nothing_left(rig)


def test_traffic_both_ways_takes_an_unjudged_end_back() -> None:
    rig = Rig(config())
    entry = established(rig)
    report(rig, entry.session_id, "RST_IN", "UNJUDGED")
    for _ in range(30):
        rig.advance(10, idle_notices=False)
        rig.hit(entry.session_id)
    assert (only(rig).state, counts(rig)) == ("ESTABLISHED", (1, 0))
    assert rig.controller.stats()["sessions_resumed"] == 1
    rig.advance(200, idle_notices=False)
    nothing_left(rig)
    assert len(rig.switch.resets) == 2


def test_what_a_fin_taken_back_has_proved_stays_proved() -> None:
    """That the server has answered, when the report of its SYN-ACK is lost: both sides learn of the end."""
    rig = Rig(config())
    entry = opened(rig)
    for end in ("RST_OUT", "FIN_OUT"):
        report(rig, entry.session_id, end, "UNJUDGED")
    rig.advance(8, idle_notices=False)
    rig.hit(entry.session_id)
    rig.advance(300, idle_notices=False)
    nothing_left(rig)
    assert len(rig.switch.resets) == 2


def test_traffic_one_way_does_not() -> None:
    rig = Rig(config())
    entry = established(rig)
    report(rig, entry.session_id, "RST_OUT", "UNJUDGED")
    for _ in range(30):
        rig.advance(10, idle_notices=False)
        rig.hit(entry.session_id, into=1, out=0)
    assert only(rig).state == "CLOSE"


# ---- no connection at all


def test_a_client_alone_establishes_nothing() -> None:
    """A forged SYN and the ACK after it."""
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, "ESTABLISHED")
    rig.switch.packets[entry.session_id] = (100, 0)
    assert (only(rig).state, counts(rig)) == ("SYN_RECV", (0, 1))
    rig.advance(31)
    nothing_left(rig)
    assert not rig.switch.resets
    stats = rig.controller.stats()
    assert (stats["sessions_reset"], stats["promoted"], stats["sessions_unanswered"]) == (0, 0, 1)


def test_a_servers_bare_answers_prove_nothing() -> None:
    """Whoever forges segments of a client gets SYN-ACKs, RSTs and challenges out of the server."""
    rig = Rig(config())
    rig.switch.frame = 60
    entry = opened(rig)
    tell(rig, entry.session_id, "SYN_ACK")
    rig.hit(entry.session_id, into=100, out=100)
    rig.advance(32)
    assert rig.controller.stats()["promoted"] == 0
    rig.advance(2)
    nothing_left(rig)


def test_reports_out_of_order_establish_all_the_same() -> None:
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, "ESTABLISHED", "SYN_ACK")
    assert (only(rig).state, counts(rig)) == ("ESTABLISHED", (1, 0))


@pytest.mark.parametrize("way", ["expired", "reused"])
def test_sessions_without_an_answer_are_counted_by_server(way: str) -> None:
    rig = Rig(config())
    first = opened(rig, 40000, seq=1)
    if way == "reused":
        rig.advance(1)
        rig.send(again(first, 500))
        rig.settle()
        tell(rig, first.session_id, "SYN_ACK", "ESTABLISHED")
    else:
        established(rig, 40001)
    refused = opened(rig, 40002)
    tell(rig, refused.session_id, "RST_OUT")
    rig.advance(100)
    rig.advance(3)
    nothing_left(rig)
    ((server,),) = [service.servers for service in rig.controller.services()]
    assert server.unanswered == rig.controller.stats()["sessions_unanswered"] == 1


def test_an_answer_that_no_report_told_of_counts() -> None:
    rig = Rig(config())
    entry = opened(rig)
    rig.hit(entry.session_id, into=3, out=2)
    rig.advance(40)
    nothing_left(rig)
    assert rig.controller.stats()["sessions_unanswered"] == 0


def test_an_unanswered_session_stays_so_over_a_restart() -> None:
    rig = Rig(config())
    opened(rig)
    rig.restart()
    rig.advance(10)
    assert (only(rig).state, counts(rig)) == ("SYN_RECV", (0, 1))
    rig.advance(30)
    nothing_left(rig)
    assert not rig.switch.resets
    assert rig.controller.stats()["sessions_unanswered"] == 1
