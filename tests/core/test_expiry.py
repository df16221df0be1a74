"""The end of sessions: who is asked, who is told, and what is given back."""

from __future__ import annotations

import pytest
from fullnat.config.model import Timeouts
from fullnat.core.expiry import RESET_BURST, RESET_RATE, ResetRate
from fullnat.core.frames import RST, parse_tcp
from fullnat.core.interface import IdleNotice, Op, Outcome, Probed, ProbeResult, SessionEvents
from fullnat.tables.session import SessionEntry

from .builders import CLIENT, EVENT, IN, LOCAL, OUT, RPORT, SERVER, VIP, VPORT, config, syn, virtual
from .helpers import again, established, nothing_left, only, opened, tell, time_wait
from .switch import Rig

SLACK = 0.5
"""A timer's tick, twice."""


def session_deletes(rig: Rig) -> list[SessionEntry]:
    return [entry for op, entry in rig.switch.log_of_updates if op is Op.DELETE and isinstance(entry, SessionEntry)]


# ---- states and their times

LIVES = [
    ((), "SYN_RECV", 30),
    (("SYN_ACK",), "SYN_RECV", 30),
    (("SYN_ACK", "ESTABLISHED", "FIN_IN"), "CLOSE_WAIT", 7),
    (("SYN_ACK", "ESTABLISHED", "FIN_OUT"), "FIN_WAIT", 7),
    (("SYN_ACK", "ESTABLISHED", "FIN_OUT", "FIN_IN"), "TIME_WAIT", 7),
    (("SYN_ACK", "ESTABLISHED", "RST_OUT"), "CLOSE", 3),
]


@pytest.mark.parametrize(("events", "state", "seconds"), LIVES)
def test_a_session_stays_its_states_time_and_goes_silently(events: tuple[str, ...], state: str, seconds: int) -> None:
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
    assert rig.controller.stats()["sessions_expired"] == 1


@pytest.mark.parametrize(("events", "state", "seconds"), LIVES)
def test_packets_restart_the_time(events: tuple[str, ...], state: str, seconds: int) -> None:
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, *events)
    rig.advance(seconds - 1)
    rig.hit(entry.session_id)
    rig.advance(seconds - SLACK)
    assert only(rig).state == state
    rig.advance(2 * SLACK)
    nothing_left(rig)


def test_timeouts_come_from_the_configuration() -> None:
    rig = Rig(config(timeouts=Timeouts(time_wait=60.0)))
    time_wait(rig)
    rig.advance(59)
    assert only(rig).state == "TIME_WAIT"
    rig.advance(2)
    nothing_left(rig)


# ---- established sessions


def test_an_idle_established_session_is_reset_on_both_sides_and_then_removed() -> None:
    rig = Rig(config())
    entry = established(rig)
    rig.advance(90)
    rig.advance(SLACK)
    to_server, to_client = rig.switch.resets
    assert (to_server.session_id, to_client.session_id) == (entry.session_id, entry.session_id)
    first, second = parse_tcp(to_server.frame), parse_tcp(to_client.frame)
    assert first is not None
    assert second is not None
    assert first[:4] == (CLIENT, VIP, entry.client_port, VPORT), "rewritten to local -> server"
    assert second[:4] == (SERVER, LOCAL, RPORT, entry.local_port), "rewritten to VIP -> client"
    assert first.flags == second.flags == RST
    assert (only(rig).phase, only(rig).state) == ("CLOSING", "CLOSE")
    assert not session_deletes(rig), "the entries rewrite the resets"
    rig.advance(1 + SLACK)
    nothing_left(rig)
    stats = rig.controller.stats()
    assert (stats["rst_in_established"], stats["rst_out_established"], stats["sessions_expired"]) == (1, 1, 1)


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


def test_many_idle_sessions_share_probes_and_writes() -> None:
    rig = Rig(config())
    for number in range(500):
        established(rig, 1024 + number)
    rig.now += 90
    for number in range(500):
        rig.send(IdleNotice(number))
    rig.now += 1
    rig.tick()
    assert [len(probe.sessions) for probe in rig.switch.probes] == [256, 244]
    rig.settle()
    rig.now += 3
    rig.tick()
    assert [len(write.updates) for write in rig.switch.writes] == [256, 244]
    rig.settle()
    nothing_left(rig)


def test_a_switch_with_wrong_idle_times_is_judged_by_its_counters() -> None:
    rig = Rig(config())
    rig.switch.idle_in_32_bits = True
    entry = opened(rig)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED", "FIN_OUT")
    for _ in range(20):
        rig.advance(6)
        rig.hit(entry.session_id)
    assert only(rig).state == "FIN_WAIT", "the client still sends"
    rig.advance(2 * 7 + SLACK)
    nothing_left(rig)


def test_a_wrong_idle_time_ends_no_established_session() -> None:
    rig = Rig(config())
    rig.switch.idle_in_32_bits = True
    time_wait(rig)
    rig.advance(20)
    entry = established(rig)
    rig.advance(60)
    rig.hit(entry.session_id)
    rig.advance(40)
    rig.send(IdleNotice(entry.session_id))
    deadline = rig.controller.deadline()
    assert deadline is not None
    # 4.295 s are left when it is probed, which are 33 microseconds in 32 bits of nanoseconds.
    rig.hit(entry.session_id)
    rig.switch.last_hit[entry.session_id] = deadline - (90 - 4.295)
    rig.advance(1)
    assert rig.controller.stats()["probes"] > 1
    assert not rig.switch.resets
    rig.advance(10)
    rig.advance(SLACK)
    assert len(rig.switch.resets) == 2, "really idle now"


def test_a_switch_with_wrong_idle_times_keeps_active_sessions_over_a_restart() -> None:
    rig = Rig(config())
    rig.switch.idle_in_32_bits = True
    entry = established(rig)
    rig.restart()
    for _ in range(20):
        rig.advance(30)
        rig.hit(entry.session_id)
    assert only(rig).state == "ESTABLISHED"
    assert not rig.switch.resets


def test_a_switch_that_tells_no_idle_times_is_judged_by_its_counters() -> None:
    rig = Rig(config())
    rig.switch.tells_idle_times = False
    entry = established(rig)
    for _ in range(20):
        rig.advance(30)
        rig.hit(entry.session_id)
    assert only(rig).state == "ESTABLISHED"
    assert not rig.switch.resets
    rig.advance(3 * 90 + SLACK)
    assert len(rig.switch.resets) == 2, "idle for at most three times its timeout"
    rig.advance(SLACK)
    nothing_left(rig)


def test_resets_are_spaced() -> None:
    rate = ResetRate(rate=10.0, burst=3.0)
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


# ---- digests


def test_repeated_digests_change_nothing() -> None:
    rig = Rig(config())
    entry = established(rig)
    rig.advance(30)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    assert only(rig).age == 30
    assert rig.controller.stats()["events_repeated"] == 2


def test_digests_of_unknown_sessions_are_counted() -> None:
    rig = Rig(config())
    rig.send(SessionEvents(99, IN, EVENT["FIN_IN"]))
    rig.send(IdleNotice(99))
    rig.send(Probed(((99, ProbeResult(0.0, 0, 0, 0, 0)),)))
    assert rig.controller.stats()["events_unknown"] == 1


def test_digests_of_the_previous_holder_do_not_touch_a_session_not_yet_injected() -> None:
    rig = Rig(config())
    rig.send(syn())
    rig.send(SessionEvents(0, OUT, EVENT["RST_OUT"]))
    rig.settle()
    assert only(rig).state == "SYN_RECV"


def test_a_lost_first_ack_digest_does_not_kill_a_busy_session() -> None:
    rig = Rig(config())
    entry = opened(rig)
    tell(rig, entry.session_id, "SYN_ACK")
    for _ in range(30):
        rig.advance(1)
        rig.hit(entry.session_id)
    rig.advance(32)
    assert only(rig).state == "ESTABLISHED"
    assert rig.controller.stats()["promoted"] == 1
    rig.advance(60, idle_notices=True)
    rig.advance(2)
    assert len(rig.switch.resets) == 2


def test_handshake_retransmissions_are_no_traffic() -> None:
    rig = Rig(config())
    entry = opened(rig)
    rig.hit(entry.session_id, into=10, out=7)
    rig.advance(31)
    nothing_left(rig)


# ---- probes and removals that go wrong


def test_a_lost_probe_is_repeated() -> None:
    rig = Rig(config())
    opened(rig)
    rig.advance(31, settle=False)
    assert len(rig.switch.probes) == 1
    rig.switch.probes.clear()
    rig.advance(11)
    nothing_left(rig)


def test_a_session_that_vanished_is_forgotten() -> None:
    rig = Rig(config())
    rig.switch.strict = False
    entry = established(rig)
    rig.switch.lose(entry.session_id)
    rig.send(IdleNotice(entry.session_id))
    rig.advance(1)
    nothing_left(rig)
    assert rig.controller.stats()["sessions_lost"] == 1


def test_nothing_is_freed_before_the_switch_says_so() -> None:
    rig = Rig(config(local_port_min=5000, local_port_max=5000), session_ids=1)
    time_wait(rig)
    rig.switch.fail.extend([Outcome.REFUSED, Outcome.REFUSED])
    rig.advance(8)
    assert only(rig).phase == "REMOVING"
    assert [local.used for local in rig.controller.local_addresses()] == [1]
    rig.advance(1.5)
    assert only(rig).phase == "REMOVING"
    rig.advance(3)
    nothing_left(rig)
    assert rig.controller.stats()["write_failed"] == 2
    opened(rig)


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
    assert counts() == (0, 0, 2)


def test_views_tell_age_expiry_and_counters() -> None:
    rig = Rig(config())
    entry = established(rig)
    (view,) = rig.controller.sessions(rig.now + 5)
    assert (view.age, view.counters) == (5, None)
    assert view.expires == pytest.approx(175, abs=SLACK)
    rig.send(IdleNotice(entry.session_id))
    rig.advance(1)
    assert only(rig).counters == ProbeResult(0.25, 3, 180, 2, 120)
