"""A switch that is restarted gets its sessions again."""

from __future__ import annotations

import pytest
from fullnat.core.declared.commands import DrainServer
from fullnat.core.interface import Failure, Op, Outcome, SwitchDown, SwitchUp, Written
from fullnat.net.flow import Endpoint

from .builders import RPORT, SERVER, SERVER_PORT, config, ip, real, virtual
from .commandkit import FIRST, KEY
from .helpers import established, nothing_left, opened, over, tell, time_wait
from .switch import Rig
from .test_misses import late
from .udpkit import TWO, begun, service


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


@pytest.mark.parametrize("scheduler", ["wlc", "lc", "sed", "nq"])
def test_a_server_that_went_while_the_switch_was_away_is_no_candidate(scheduler: str) -> None:
    """Its session is gone with the switch: what it weighs by now is nothing."""
    rig = Rig(config(virtual(scheduler=scheduler)))
    entry = established(rig)
    rig.send(SwitchDown("lost"))
    rig.switch.lose(entry.session_id)
    rig.reconfigure(config(virtual(scheduler=scheduler, real_servers=(real("10.0.2.12"),))))
    rig.up()
    assert rig.switch.sessions() == {}
    assert established(rig, 40001).server == ip("10.0.2.12")


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


def test_a_session_that_is_to_end_meanwhile_is_reset_when_it_is_back() -> None:
    """Resets go by its entries, and without these its endpoints would never hear of it."""
    rig = Rig(config())
    established(rig)
    wiped(rig)
    rig.send(SwitchUp((), emptied=True))
    rig.reconfigure(config(virtual(port=81)))
    assert rig.switch.resets == []
    assert [view.phase for view in rig.controller.sessions()] == ["RESTORING"]
    rig.settle()
    assert rig.controller.stats()["sessions_restored"] == 1
    assert len(rig.switch.resets) == 2
    rig.advance(2)
    nothing_left(rig)


def test_a_service_that_is_removed_while_the_switch_restarts_ends_what_is_back() -> None:
    rig = Rig(config())
    established(rig)
    wiped(rig)
    rig.reconfigure(config(virtual(port=81)))
    rig.up(emptied=True)
    assert rig.controller.stats()["sessions_restored"] == 1
    assert len(rig.switch.resets) == 2
    rig.advance(2)
    nothing_left(rig)


@pytest.mark.parametrize("breaks", [False, True])
def test_a_deadline_that_is_over_meanwhile_ends_what_is_back(breaks: bool) -> None:
    rig = Rig(config())
    entry = established(rig)
    rig.apply(DrainServer(KEY, FIRST, 10.0))
    rig.settle()
    wiped(rig)
    rig.send(SwitchUp((), emptied=True))
    rig.advance(11, settle=False, idle_notices=False)
    assert rig.switch.resets == []
    if breaks:
        while rig.switch.writes:
            rig.switch.apply(rig.now)
        rig.send(SwitchDown("the connection broke, and the answers are lost"))
        assert rig.switch.sessions() == {entry.session_id: entry}
        rig.up()
    rig.settle()
    assert len(rig.switch.resets) == 2
    rig.advance(2)
    nothing_left(rig)


def test_a_session_of_udp_whose_server_goes_meanwhile_moves_when_it_is_back() -> None:
    rig = Rig(config(service(real_servers=TWO)))
    first = begun(rig)
    wiped(rig)
    rig.send(SwitchUp((), emptied=True))
    rig.apply(DrainServer((17, KEY[1]), Endpoint(first.server, RPORT), None))
    rig.settle()
    assert rig.switch.sessions() == {}
    assert begun(rig).server != first.server


def test_what_was_restored_outlives_the_controller_that_did_it() -> None:
    """The next one finds that the switch has counted nothing of it; so it does of none that was never answered."""
    rig = Rig(config())
    entry = established(rig)
    wiped(rig)
    rig.up(emptied=True)
    rig.restart()
    rig.advance(80)
    assert rig.switch.sessions() == {entry.session_id: entry}
    over(rig)
    assert [reset.session_id for reset in rig.switch.resets] == [entry.session_id] * 2
    rig.advance(2)
    nothing_left(rig)


def test_what_was_found_and_then_restored_is_not_judged_by_what_is_counted_since() -> None:
    """Its client alone has sent something."""
    rig = Rig(config())
    entry = established(rig)
    rig.restart()
    wiped(rig)
    rig.up(emptied=True)
    rig.hit(entry.session_id, 1, 0)
    rig.advance(80)
    assert rig.switch.sessions() == {entry.session_id: entry}
    over(rig)
    assert [reset.session_id for reset in rig.switch.resets] == [entry.session_id] * 2
    rig.advance(2)
    nothing_left(rig)
