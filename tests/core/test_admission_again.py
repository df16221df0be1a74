"""SYNs of a client that has a session: retransmissions, and connections that take an old one over."""

from __future__ import annotations

import pytest
from fullnat.core.interface import Inject, Op, ProbeResult

from .builders import (
    CLIENT_PORT,
    SERVER2,
    config,
    real,
    virtual,
)
from .helpers import again, established, nothing_left, only, opened, session_writes, tell, time_wait
from .switch import Rig

# ---- retransmission and reuse


@pytest.mark.parametrize("events", ["FIN_IN FIN_OUT", "FIN_OUT FIN_IN", "RST_IN", "RST_OUT"])
def test_a_late_copy_of_a_syn_begins_no_other_connection(events: str) -> None:
    """In LVS it makes SYN_RECV of TIME_WAIT. A server that has forgotten the one that has ended would take it."""
    rig = Rig(config())
    entry = established(rig, seq=5)
    tell(rig, entry.session_id, *events.split())
    state = only(rig).state
    injected = len(rig.switch.injected)
    rig.send(again(entry, 5))
    rig.settle()
    assert len(rig.switch.injected) == injected
    assert (only(rig).state, only(rig).entry) == (state, entry)
    assert rig.controller.stats()["syn_retransmitted"] == 1
    rig.advance(8)
    nothing_left(rig)


def test_a_retransmitted_syn_keeps_its_delta() -> None:
    rig = Rig(config())
    entry = opened(rig, seq=7)
    rig.send(again(entry, 7))
    rig.settle()
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(entry, 7).frame, entry.session_id, False)]
    assert only(rig).entry == entry
    assert rig.controller.stats()["syn_retransmitted"] == 1


def test_what_the_switch_finds_a_session_by_twice_is_counted_once() -> None:
    """It counts a repeated SYN when it gives it to the controller, and when that gives it back."""
    rig = Rig(config())
    entry = opened(rig, seq=7)
    frame = again(entry, 7).frame
    for _ in range(2):
        rig.send(again(entry, 7))
    rig.settle()
    counted = ProbeResult(0.5, 5, 5 * len(frame), 1, 60)
    shown = only(rig).read(counted).counters
    assert shown == counted._replace(in_packets=3, in_bytes=3 * len(frame))
    # A switch that tells no bytes, and one that has not counted them yet.
    assert only(rig).read(ProbeResult(0.5, 1, None, 0, None)).counters == ProbeResult(0.5, 0, None, 0, None)


def test_a_syn_again_after_a_refusal_begins_once_more() -> None:
    """The RST was lost on its way to the client; the server has begun to listen."""
    rig = Rig(config())
    entry = opened(rig, seq=7)
    tell(rig, entry.session_id, "RST_OUT")
    assert only(rig).state == "CLOSE"
    rig.send(again(entry, 7))
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(entry, 7).frame, entry.session_id, True)]
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    assert (only(rig).state, only(rig).entry) == ("ESTABLISHED", entry)


ENDINGS = [
    ((), "SYN_RECV", "synrecv"),
    (("SYN_ACK", "ESTABLISHED", "FIN_IN", "FIN_OUT"), "TIME_WAIT", "timewait"),
    (("SYN_ACK", "ESTABLISHED", "RST_IN"), "CLOSE", "close"),
]


@pytest.mark.parametrize(("events", "state", "counter"), ENDINGS)
def test_a_new_connection_takes_the_session_over(events: tuple[str, ...], state: str, counter: str) -> None:
    rig = Rig(config())
    old = opened(rig, seq=7)
    rig.advance(1)
    tell(rig, old.session_id, *events)
    assert only(rig).state == state
    rig.send(again(old, 500))
    assert len(rig.switch.injected) == 1, "it waits for the new delta"
    rig.settle()
    new = only(rig).entry
    assert new == old._replace(delta=new.delta, client_isn=500)
    assert 0 < (500 + new.delta - (7 + old.delta)) & 0xFFFFFFFF < 1 << 31, "the server sees a higher ISN"
    assert rig.switch.sessions() == {old.session_id: new}
    assert [op for op, _ in session_writes(rig)] == [Op.INSERT, Op.MODIFY]
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(old, 500).frame, old.session_id, True)]
    assert only(rig).state == "SYN_RECV"
    stats = rig.controller.stats()
    assert (stats["fullnat_conn_reused"], stats[f"fullnat_conn_reused_{counter}"]) == (1, 1)
    tell(rig, old.session_id, "SYN_ACK", "ESTABLISHED")
    assert only(rig).state == "ESTABLISHED"


def test_reuse_takes_the_services_present_timeout() -> None:
    rig = Rig(config())
    old = time_wait(rig)
    rig.reconfigure(config(virtual(established_timeout=44.0)))
    rig.settle()
    assert only(rig).entry == old
    rig.send(again(old, 500))
    rig.settle()
    assert only(rig).entry.idle_timeout == 44.0


@pytest.mark.parametrize(
    ("ends", "state"), [((), "ESTABLISHED"), (("FIN_IN",), "CLOSE_WAIT"), (("FIN_OUT",), "FIN_WAIT")]
)
def test_a_syn_in_a_session_that_a_side_holds_open_gets_a_challenge(ends: tuple[str, ...], state: str) -> None:
    rig = Rig(config())
    entry = established(rig, seq=7)
    tell(rig, entry.session_id, *ends)
    rig.send(again(entry, 500))
    rig.settle()
    assert only(rig) == only(rig)._replace(entry=entry, state=state)
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(entry, 500).frame, entry.session_id, False)]
    assert rig.controller.stats()["fullnat_conn_reused"] == 0


@pytest.mark.parametrize(("told", "seconds"), [(False, 0.0), (False, 0.9), (True, 0.0), (True, 5.0)])
def test_a_syn_in_a_session_that_the_server_may_have_answered_gets_a_challenge(told: bool, seconds: float) -> None:
    """One forged SYN right after the handshake, before its report has arrived, breaks nothing."""
    rig = Rig(config())
    entry = opened(rig, seq=7)
    if told:
        tell(rig, entry.session_id, "SYN_ACK")
    rig.advance(seconds)
    rig.send(again(entry, 500))
    rig.settle()
    assert only(rig).state == "SYN_RECV"
    assert rig.switch.sessions() == {entry.session_id: entry}
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(entry, 500).frame, entry.session_id, False)]
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    assert (only(rig).state, only(rig).entry) == ("ESTABLISHED", entry)
    assert rig.controller.stats()["fullnat_conn_reused"] == 0


def test_a_syn_while_the_modify_is_under_way_is_held() -> None:
    rig = Rig(config())
    entry = time_wait(rig, seq=7)
    rig.send(again(entry, 500))
    rig.send(again(entry, 500))
    rig.settle()
    assert len(rig.switch.injected) == 2
    assert rig.controller.stats()["syn_retransmitted"] == 1


@pytest.mark.parametrize(
    "servers", [(real(weight=0), real("10.0.2.12")), (real("10.0.2.12"),)], ids=["quiesced", "removed"]
)
def test_a_new_connection_to_a_server_that_takes_no_more_goes_to_another(servers: tuple[object, ...]) -> None:
    rig = Rig(config())
    old = time_wait(rig, seq=7)
    rig.reconfigure(config(virtual(real_servers=servers)))
    rig.send(again(old, 500))
    rig.settle()
    new = only(rig).entry
    assert (new.server, new.client_isn) == (SERVER2, 500)
    assert rig.switch.sessions() == {new.session_id: new}
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(old, 500).frame, new.session_id, True)]


def test_a_service_that_goes_while_the_modify_is_under_way_is_told_to_both_sides() -> None:
    rig = Rig(config(virtual(), virtual(port=81)))
    entry = established(rig, seq=5)
    tell(rig, entry.session_id, "RST_IN")
    rig.send(again(entry, 900))
    assert only(rig).phase == "REUSING"
    rig.reconfigure(config(virtual(port=81)))
    rig.settle()
    assert (only(rig).phase, only(rig).entry.client_isn) == ("CLOSING", 900)
    assert [reset.session_id for reset in rig.switch.resets] == [entry.session_id] * 2
    rig.advance(2)
    nothing_left(rig)


def test_a_syn_of_a_closing_session_waits_for_its_end() -> None:
    rig = Rig(config())
    old = established(rig, seq=7)
    rig.advance(90)
    rig.advance(0.5)
    assert only(rig).phase == "CLOSING"
    rig.send(again(old, 500))
    assert len(rig.switch.injected) == 1
    rig.advance(2)
    assert only(rig).entry.client_isn == 500
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, again(old, 500).frame, only(rig).entry.session_id, True)]
