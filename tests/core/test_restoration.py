"""A switch that is restarted gets its sessions again."""

from __future__ import annotations

from fullnat.core.interface import Failure, Op, Outcome, SwitchDown, SwitchUp, Written

from .builders import SERVER, SERVER_PORT, config
from .helpers import established, nothing_left, opened, over, tell, time_wait
from .switch import Rig
from .test_misses import late


def wiped(rig: Rig) -> None:
    rig.send(SwitchDown("lost"))
    rig.switch.tables.clear()


def test_a_restarted_switch_gets_its_sessions_again() -> None:
    rig = Rig(config())
    entries = {established(rig, 40000 + number) for number in range(1500)}
    half_closed = established(rig, 50000)
    tell(rig, half_closed.session_id, "FIN_IN")
    time_wait(rig, 51000)
    wiped(rig)
    rig.up(emptied=True)
    assert set(rig.switch.sessions().values()) == {*entries, half_closed}
    stats = rig.controller.stats()
    assert (stats["sessions_restored"], stats["sessions_lost"]) == (1501, 1)
    assert rig.switch.resets == []
    assert {view.state for view in rig.controller.sessions()} == {"ESTABLISHED", "CLOSE_WAIT"}
    over(rig)
    rig.advance(131)
    nothing_left(rig)


def test_nobody_is_told_that_there_is_no_session_before_all_are_back() -> None:
    rig = Rig(config())
    entry = established(rig)
    wiped(rig)
    rig.send(SwitchUp((), emptied=True))
    rig.send(late(SERVER, entry.server_port, entry.local, entry.local_port, port=SERVER_PORT))
    assert rig.controller.stats()["reset_on_miss"] == 0
    rig.settle()
    assert rig.switch.sessions() == {entry.session_id: entry}


def test_what_is_not_back_when_the_connection_breaks_is_written_by_the_next() -> None:
    """The switch lives on with some of them, and is not empty."""
    rig = Rig(config())
    entries = {established(rig, 40000 + number) for number in range(5000)}
    wiped(rig)
    rig.send(SwitchUp((), emptied=True))
    while not rig.switch.sessions():
        rig.switch.apply(rig.now)
    rig.send(SwitchDown("the connection broke"))
    rig.switch.writes.clear()
    assert len(rig.switch.sessions()) < len(entries)
    rig.up()
    assert set(rig.switch.sessions().values()) == entries
    assert rig.controller.stats()["sessions_lost"] == 0
    over(rig)
    rig.advance(2)
    nothing_left(rig)


def test_a_session_that_cannot_be_restored_is_lost() -> None:
    rig = Rig(config())
    rig.switch.strict = False
    entry = established(rig)
    wiped(rig)
    rig.send(SwitchUp((), emptied=True))
    (write,) = [write for write in rig.switch.writes if write.updates == ((Op.INSERT, entry),)]
    rig.switch.writes.remove(write)
    rig.send(Written(write.token, {0: Failure(Outcome.FULL, "no room")}))
    rig.settle()
    nothing_left(rig)
    assert rig.controller.stats()["sessions_lost"] == 1


def test_the_next_connection_of_a_restored_session_is_above_what_it_has_sent() -> None:
    """What the switch counted is gone, and the new one has seen little."""
    rig = Rig(config(local_port_min=5000, local_port_max=5000))
    entry = established(rig)
    wiped(rig)
    rig.up(emptied=True)
    over(rig)
    rig.advance(2)
    nothing_left(rig)
    following = opened(rig, 40001)
    assert (following.client_isn + following.delta - entry.client_isn - entry.delta) % 2**32 > 2**30
