"""Switches whose idle times are wrong, or that tell none: their counters decide."""

from __future__ import annotations

from fullnat.core.interface import IdleNotice

from .builders import config
from .helpers import established, nothing_left, only, opened, tell, time_wait
from .switch import Rig

SLACK = 0.5
"""A timer's tick, twice."""


def test_a_switch_with_wrong_idle_times_is_judged_by_its_counters() -> None:
    rig = Rig(config())
    rig.switch.idle_in_32_bits = True
    entry = opened(rig)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED", "FIN_OUT")
    for _ in range(20):
        rig.advance(120)
        rig.hit(entry.session_id)
    assert only(rig).state == "FIN_WAIT", "the client still sends"
    rig.advance(2 * 130 + SLACK)
    rig.advance(2)
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
