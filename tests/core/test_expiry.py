"""The end of sessions: who is asked, who is told, and what is given back."""

from __future__ import annotations

import pytest
from fullnat.config.model import Timeouts
from fullnat.core.access.pace import Pace
from fullnat.core.interface import IdleNotice, Op, ProbeResult, SessionEvents, SwitchDown
from fullnat.core.session.resets import RESET_BURST, RESET_RATE
from fullnat.net.flow import Endpoint
from fullnat.net.headers import TcpFlag
from fullnat.net.parse import parse
from fullnat.tables.session import SessionEntry

from .builders import CLIENT, EVENT, IN, LOCAL, OUT, RPORT, SERVER, VIP, VPORT, config, virtual
from .helpers import again, established, nothing_left, only, opened, over, tell, time_wait
from .switch import Rig

SLACK = 0.5
"""A timer's tick, twice."""


def session_deletes(rig: Rig) -> list[SessionEntry]:
    return [entry for op, entry in rig.switch.log_of_updates if op is Op.DELETE and isinstance(entry, SessionEntry)]


# ---- states and their times

OPENED = ("SYN_ACK", "ESTABLISHED")
SILENT = [
    ((), "SYN_RECV", 30),
    ((*OPENED, "FIN_OUT", "FIN_IN"), "TIME_WAIT", 7),
    ((*OPENED, "RST_OUT", "RST_IN"), "CLOSE", 3),
    (("RST_OUT",), "CLOSE", 3),
]
"""Nobody holds the connection for open."""
TOLD = [
    (("SYN_ACK",), "SYN_RECV", 30, "synrecv"),
    ((*OPENED, "FIN_IN"), "CLOSE_WAIT", 130, "half_closed"),
    ((*OPENED, "FIN_OUT"), "FIN_WAIT", 130, "half_closed"),
    (OPENED, "ESTABLISHED", 90, "established"),
    ((*OPENED, "RST_IN"), "CLOSE", 3, "close"),
    ((*OPENED, "RST_OUT"), "CLOSE", 3, "close"),
    ((*OPENED, "FIN_OUT", "RST_IN"), "CLOSE", 3, "close"),
]
ENDED = SILENT[1:]
"""Both ends have ended it, and know."""
LIVES = [SILENT[0], *((events, state, seconds) for events, state, seconds, _ in TOLD)]


def told(rig: Rig) -> list[tuple[Endpoint, Endpoint, int]]:
    """Both ends of the resets sent, and their flags."""
    packets = [parse(reset.frame) for reset in rig.switch.resets]
    return [(packet.flow.src, packet.flow.dst, packet.tcp.flags) for packet in packets if packet.flow and packet.tcp]


@pytest.mark.parametrize(("events", "state", "seconds"), SILENT)
def test_a_session_that_both_sides_have_ended_goes_silently(events: tuple[str, ...], state: str, seconds: int) -> None:
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, *events)
    assert only(rig).state == state
    rig.advance(seconds - SLACK)
    assert only(rig).entry == entry
    rig.advance(2 * SLACK)
    nothing_left(rig)
    assert session_deletes(rig) == [entry]
    assert not rig.switch.resets
    stats = rig.controller.stats()
    assert (stats["sessions_expired"], stats["sessions_reset"]) == (1, 0)


@pytest.mark.parametrize(("events", "state", "seconds", "counter"), TOLD)
def test_a_session_that_a_side_holds_open_is_told_to_both(
    events: tuple[str, ...], state: str, seconds: int, counter: str
) -> None:
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, *events)
    assert only(rig).state == state
    rig.advance(seconds - SLACK)
    assert not rig.switch.resets
    rig.advance(SLACK)
    rig.advance(SLACK)
    assert told(rig) == [
        (Endpoint(CLIENT, entry.client_port), Endpoint(VIP, VPORT), TcpFlag.RST),
        (Endpoint(SERVER, RPORT), Endpoint(LOCAL, entry.local_port), TcpFlag.RST),
    ]
    assert {reset.session_id for reset in rig.switch.resets} == {entry.session_id}
    assert (only(rig).phase, only(rig).state) == ("CLOSING", "CLOSE")
    assert not session_deletes(rig), "the entries rewrite the resets"
    rig.advance(1 + SLACK)
    nothing_left(rig)
    stats = rig.controller.stats()
    assert (stats[f"rst_in_{counter}"], stats[f"rst_out_{counter}"]) == (1, 1)
    assert (stats["sessions_expired"], stats["sessions_reset"]) == (1, 1)


@pytest.mark.parametrize(("events", "state", "seconds"), LIVES)
def test_packets_restart_the_time(events: tuple[str, ...], state: str, seconds: int) -> None:
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, *events)
    rig.advance(seconds - 1)
    rig.hit(entry.session_id)
    rig.advance(seconds - SLACK)
    assert only(rig).state == state
    assert not rig.switch.resets
    rig.advance(SLACK)
    rig.advance(2 * SLACK + 1)
    nothing_left(rig)


@pytest.mark.parametrize("tells_idle_times", [True, False])
def test_servers_repetitions_do_not_keep_a_handshake(tells_idle_times: bool) -> None:
    """Linux sends its SYN-ACK for 63 s; who does not answer may be forged."""
    rig = Rig(config())
    rig.switch.tells_idle_times = tells_idle_times
    entry = opened(rig)
    tell(rig, entry.session_id, "SYN_ACK")
    for _ in range(29):
        rig.advance(1)
        rig.hit(entry.session_id, into=0)
    assert only(rig).state == "SYN_RECV"
    rig.advance(3 if tells_idle_times else 33)
    nothing_left(rig)
    assert len(rig.switch.resets) == 2


@pytest.mark.parametrize(("events", "state", "seconds"), ENDED)
def test_what_both_sides_have_ended_goes_unasked_when_its_time_is_up(
    events: tuple[str, ...], state: str, seconds: int
) -> None:
    """Packets, and the end of the established timeout, neither shorten nor lengthen it. Only the first session is asked
    about, to see whether the switch's idle times can be believed."""
    rig = Rig(config())
    time_wait(rig, 40001)
    rig.advance(8)
    rig.reconfigure(config(virtual(established_timeout=2.0)))
    entry = opened(rig)
    tell(rig, entry.session_id, *events)
    for _ in range(seconds - 1):
        rig.advance(1)
        rig.hit(entry.session_id)
        rig.send(IdleNotice(entry.session_id))
    assert (only(rig).state, only(rig).phase) == (state, "INSTALLED")
    rig.advance(1 + SLACK)
    nothing_left(rig)
    assert session_deletes(rig)[1:] == [entry]
    assert not rig.switch.resets
    stats = rig.controller.stats()
    assert (stats["probes"], stats["sessions_expired"], stats["sessions_lost"]) == (1, 2, 0)


@pytest.mark.parametrize("end", ["RST_OUT", "FIN_OUT|FIN_IN"])
def test_an_end_that_is_taken_back_in_time_ends_nothing(end: str) -> None:
    rig = Rig(config())
    entry = established(rig)
    tell(rig, entry.session_id, *end.split("|"))
    rig.advance(2)
    rig.send(SessionEvents(entry.session_id, OUT, EVENT["RESUMED"] | EVENT[end.split("|")[0]]))
    rig.advance(60)
    assert only(rig).state == ("CLOSE_WAIT" if "FIN" in end else "ESTABLISHED")
    assert not session_deletes(rig)


def test_an_end_that_nobody_could_judge_is_asked_about() -> None:
    rig = Rig(config())
    entry = established(rig)
    for direction, event in ((OUT, "FIN_OUT"), (IN, "FIN_IN")):
        rig.send(SessionEvents(entry.session_id, direction, EVENT[event] | EVENT["UNJUDGED"]))
    for _ in range(5):
        rig.advance(6)
        rig.hit(entry.session_id, into=1, out=0)
    assert only(rig).state == "TIME_WAIT"
    assert rig.controller.stats()["probes"] > 0


@pytest.mark.parametrize("end", ["FIN_IN", "FIN_OUT"])
def test_a_half_closed_session_outlives_the_longest_pause_of_live_ends(end: str) -> None:
    """Window probes and retransmissions come every 120 s at least (TCP_RTO_MAX)."""
    rig = Rig(config())
    entry = established(rig)
    tell(rig, entry.session_id, end)
    for _ in range(10):
        rig.advance(120)
        rig.hit(entry.session_id)
    assert only(rig).entry == entry
    assert not rig.switch.resets


def test_timeouts_come_from_the_configuration() -> None:
    rig = Rig(config(timeouts=Timeouts(time_wait=60.0)))
    time_wait(rig)
    rig.advance(59)
    assert only(rig).state == "TIME_WAIT"
    rig.advance(2)
    nothing_left(rig)


# ---- established sessions


def test_a_connection_that_is_kept_alive_by_its_hosts_may_outlive_their_silence() -> None:
    """B18: tcp_keepalive_time is 7,200 s, and by default a session ends before, with a RST to both."""
    rig = Rig(config(virtual(established_timeout=7500.0)))
    entry = established(rig)
    for _ in range(5):
        rig.advance(7200)
        rig.hit(entry.session_id)
    assert only(rig).entry == entry
    assert rig.switch.resets == []
    rig = Rig(config())
    established(rig)
    over(rig)
    assert len(rig.switch.resets) == 2


def test_a_service_has_its_own_timeouts() -> None:
    """B18."""
    own = Timeouts(close_wait=300.0)
    rig = Rig(config(virtual(timeouts=own), timeouts=Timeouts(close_wait=20.0)))
    entry = established(rig)
    tell(rig, entry.session_id, "FIN_IN")
    rig.advance(299)
    assert only(rig).state == "CLOSE_WAIT"
    rig.advance(3)
    nothing_left(rig)


def test_one_idle_direction_is_no_idle_session() -> None:
    rig = Rig(config())
    entry = established(rig)
    rig.advance(60)
    rig.hit(entry.session_id)
    rig.send(IdleNotice(entry.session_id))
    rig.advance(1)
    assert rig.controller.stats()["probes"] == 1
    for _ in range(20):
        rig.send(IdleNotice(entry.session_id))
        rig.advance(2)
    assert rig.controller.stats()["probes"] == 1, "a known answer is not asked for again"
    assert only(rig).state == "ESTABLISHED"
    rig.advance(49)
    rig.advance(1)
    assert len(rig.switch.resets) == 2


def test_lost_idle_notices_only_delay() -> None:
    rig = Rig(config())
    established(rig)
    rig.advance(179, idle_notices=False)
    assert only(rig).state == "ESTABLISHED"
    rig.advance(3, idle_notices=False)
    nothing_left(rig)
    assert len(rig.switch.resets) == 2


def test_the_established_timeout_is_the_sessions_own() -> None:
    rig = Rig(config(virtual(established_timeout=20.0)))
    established(rig)
    rig.reconfigure(config(virtual(established_timeout=500.0)))
    rig.advance(20)
    rig.advance(2)
    nothing_left(rig)


def test_an_active_session_lives_for_ever() -> None:
    rig = Rig(config())
    entry = established(rig)
    for _ in range(50):
        rig.advance(60)
        rig.hit(entry.session_id)
    assert only(rig).entry == entry
    assert not rig.switch.resets


def test_what_a_lost_connection_was_asked_is_asked_by_the_next_one_at_once() -> None:
    """It was when the answer was overdue, ten seconds later."""
    rig = Rig(config())
    time_wait(rig)
    rig.advance(7.5, settle=False)
    rig.send(SwitchDown("lost"))
    rig.switch.probes.clear()
    rig.up()
    rig.advance(0)
    nothing_left(rig)


def test_many_idle_sessions_share_probes_and_writes() -> None:
    rig = Rig(config())
    for number in range(500):
        established(rig, 1024 + number)
    rig.now += 90
    for number in range(500):
        rig.send(IdleNotice(number))
    rig.now += 1
    for _ in range(4):
        rig.tick()
    assert [len(probe.sessions) for probe in rig.switch.probes] == [128, 128, 128, 116]
    rig.settle()
    rig.now += 3
    for _ in range(4):
        rig.tick()
    assert [len(write.updates) for write in rig.switch.writes] == [128, 128, 128, 116]
    rig.settle()
    nothing_left(rig)


def test_resets_are_spaced() -> None:
    rate = Pace(rate=10.0, burst=3.0)
    slots = [rate.slot(100.0) for _ in range(6)]
    assert [slot <= 100.0 for slot in slots] == [True, True, True, False, False, False]
    assert [round(slot - 100.0, 6) for slot in slots[3:]] == [0.1, 0.2, 0.3]
    assert rate.slot(200.0) <= 200.0
    assert RESET_BURST >= 1
    assert RESET_RATE >= 1


def test_a_mass_expiry_is_spread() -> None:
    rig = Rig(config(local_port_min=1024))
    count = int(RESET_BURST + RESET_RATE)
    for number in range(count):
        established(rig, 1024 + number)
    rig.now += 90
    for number in range(count):
        rig.send(IdleNotice(number))
    rig.advance(0.25, idle_notices=False)
    assert len(rig.switch.resets) <= 2 * (RESET_BURST + 1)
    assert {view.phase for view in rig.controller.sessions()} == {"CLOSING", "EXPIRING"}
    rig.advance(2.5, idle_notices=False)
    assert len(rig.switch.resets) == 2 * count
    assert rig.controller.stats()["probes"] == count
    nothing_left(rig)


def test_a_syn_saves_a_session_that_waits_for_its_reset() -> None:
    rig = Rig(config(local_port_min=1024))
    count = int(RESET_BURST) + 10
    entries = [established(rig, 1024 + number) for number in range(count)]
    rig.now += 90
    for number in range(count):
        rig.send(IdleNotice(number))
    rig.advance(0.25, idle_notices=False)
    waiting = next(view for view in rig.controller.sessions() if view.phase == "EXPIRING")
    rig.send(again(waiting.entry, 77))
    rig.settle()
    rig.advance(5, idle_notices=False)
    survivor = only(rig)
    assert (survivor.entry.client_isn, survivor.state) == (77, "SYN_RECV")
    assert survivor.entry.session_id in {entry.session_id for entry in entries}
    assert len(rig.switch.resets) == 2 * (count - 1)


def test_counts_follow_the_states() -> None:
    rig = Rig(config())

    def counts() -> tuple[int, int, int]:
        ((server,),) = [service.servers for service in rig.controller.services()]
        return server.active, server.inactive, server.connections

    opened(rig, 40000)
    assert counts() == (0, 1, 1)
    entry = established(rig, 40001)
    assert counts() == (1, 1, 2)
    tell(rig, entry.session_id, "FIN_IN")
    assert counts() == (0, 2, 2)
    rig.advance(40)
    assert counts() == (0, 1, 2)
    rig.advance(100)
    assert counts() == (0, 0, 2)


def test_views_tell_age_expiry_and_counters() -> None:
    """What is armed in case the switch does not tell is nobody's business."""
    rig = Rig(config())
    entry = established(rig)
    (view,) = rig.controller.sessions(rig.now + 5)
    assert (view.age, view.expires, view.timeout, view.counters) == (5, 85, 90, None)
    rig.send(IdleNotice(entry.session_id))
    rig.advance(1)
    assert only(rig).counters == ProbeResult(0.25, 3, 300, 2, 200, 0.25)
    rig.advance(39, idle_notices=False)
    (view,) = rig.controller.sessions(rig.now)
    assert view.expires == 50
    fresh = view.read(ProbeResult(10.0, 9, 900, 8, 800))
    assert (fresh.expires, fresh.counters) == (80, ProbeResult(10.0, 9, 900, 8, 800))
    assert view.read(ProbeResult(None, 9, None, 8, None)).expires == 50
    half_open = view._replace(state="SYN_RECV", timeout=30)
    assert half_open.read(ProbeResult(1.0, 1, 60, 8, 480, 25.0)).expires == 5, "the server's packets do not restart it"
    tell(rig, entry.session_id, "FIN_OUT", "FIN_IN")
    assert only(rig).expires == 7
    rig.advance(3, idle_notices=False)
    (view,) = rig.controller.sessions(rig.now)
    assert view.read(ProbeResult(1.0, 9, 900, 8, 800)).expires == 4, "packets do not restart it"
    rig.advance(4.5, settle=False)
    assert (only(rig).phase, only(rig).expires) == ("REMOVING", None)
