"""Another switch of the group forwards from now on: it has all entries, and has counted nothing."""

from __future__ import annotations

from fullnat.core.interface import IdleNotice, Moved, ProbeResult
from fullnat.core.session.sessions import added
from fullnat.core.views import SessionView

from .builders import SWITCH_MAC_1, SWITCH_MAC_2, config, virtual
from .helpers import established, nothing_left, only, opened, time_wait
from .switch import Rig


def rig(**changes: object) -> Rig:
    return Rig(config(virtual(**changes)))


def test_our_addresses_are_announced_each_time() -> None:
    made = rig()
    for event in (Moved(), Moved(again=True)):
        made.switch.forwarded.clear()
        made.send(event)
        sources = {int.from_bytes(effect.frame[6:12], "big") for effect in made.switch.forwarded}
        assert sources == {SWITCH_MAC_1, SWITCH_MAC_2}
        assert len(made.switch.forwarded) >= 3


def test_what_was_idle_on_a_standby_is_idle_since_it_took_over() -> None:
    """A standby has had the session for as long as it lasts, and not one packet of it."""
    made = rig()
    entry = established(made)
    hit = made.now
    made.advance(60)
    made.send(Moved())
    made.advance(85)
    assert made.switch.last_hit[entry.session_id] == hit
    assert only(made).entry == entry
    made.advance(10)
    made.advance(10)
    assert list(made.controller.sessions()) == []


def test_what_the_switch_before_did_not_come_to_tell_is_not_taken_for_half_open() -> None:
    """A connection that is established in the last moment before the switch dies, and idle then, ended after 30 s."""
    made = rig()
    opened(made)
    made.advance(0.1)
    made.send(Moved())
    made.advance(60)
    assert only(made).state == "SYN_RECV"
    made.advance(31)
    made.advance(9)
    nothing_left(made)
    opened(made)
    made.advance(31)
    nothing_left(made)


def test_announcing_again_is_no_other_takeover() -> None:
    made = rig()
    established(made)
    made.advance(60)
    made.send(Moved(again=True))
    made.advance(31)
    made.advance(9)
    assert list(made.controller.sessions()) == []


def test_an_adopted_session_of_which_nothing_is_counted_goes_on() -> None:
    """A controller that begins with a switch that stood by finds counters of zero, and ends nobody for that."""
    made = rig()
    entry = established(made)
    made.forgetful_restart()
    made.send(Moved())
    made.switch.packets[entry.session_id] = (5, 0)
    made.advance(40)
    assert only(made).state == "ESTABLISHED"


def test_the_end_of_what_was_sent_is_not_known_from_the_counters_of_another_switch() -> None:
    """Else a server in TIME-WAIT would take the next SYN of the same port for an old segment."""
    made = rig()
    entry = time_wait(made)
    store = made.controller._store
    session = store.table.by_id[entry.session_id]
    session.events &= ~session.protocol.client_ended
    before = store.client_end(session)
    made.now += 1
    made.send(Moved())
    assert store.client_end(session) == store.ceiling(session)
    assert store.client_end(session) != before


def test_a_session_counts_on() -> None:
    """What the switch before had counted is added, as far as it was read: to what the controller shows, and to what is
    read for it later."""
    made = rig()
    entry = established(made)
    made.switch.packets[entry.session_id] = (50, 40)
    made.advance(60)
    made.send(IdleNotice(entry.session_id))
    made.advance(1)
    assert counted(only(made)) == (50, 40)
    made.send(Moved())
    made.switch.packets[entry.session_id] = (3, 2)
    assert counted(only(made).read(ProbeResult(0.0, 3, 300, 2, 200))) == (53, 42)
    made.hit(entry.session_id)
    made.advance(80)
    made.send(IdleNotice(entry.session_id))
    made.advance(11)
    assert counted(only(made)) == (54, 43)
    assert counted(only(made).read(ProbeResult(0.0, 5, 500, 3, 300))) == (55, 43)


def counted(view: SessionView) -> tuple[int, int]:
    assert view.counters is not None
    return view.counters.in_packets, view.counters.out_packets


def test_what_is_added_says_nothing_of_how_long_a_session_is_idle() -> None:
    now, before = ProbeResult(2.0, 1, 100, 3, None, idle_in=4.0), ProbeResult(9.0, 10, 1000, 30, None, idle_in=9.0)
    assert added(now, before) == ProbeResult(2.0, 11, 1100, 33, None, idle_in=4.0)
