"""Reports, probes and removals that repeat, get lost, or go wrong."""

from __future__ import annotations

from fullnat.core.interface import IdleNotice, Outcome, Probed, ProbeResult, SessionEvents

from .builders import EVENT, IN, OUT, config, syn
from .helpers import established, nothing_left, only, opened, tell, time_wait
from .switch import Rig

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
