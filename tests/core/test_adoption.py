"""A controller begins on a switch with sessions: others begin before these are known."""

from __future__ import annotations

import pytest
from fullnat.core.interface import Op, SessionsFound, SessionsRead, SwitchDown, SwitchUp
from fullnat.core.session.sessions import SPARE
from fullnat.tables.server_in import ServerIn
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

from .builders import LOCAL, SERVER, SERVER2, config, ip, real, syn, virtual
from .helpers import again, established, nothing_left, opened, session_writes, tell
from .switch import Rig
from .udpkit import TWO, answered, service

IDS = 1 << 20
BOTH = virtual(real_servers=(real(), real("10.0.2.12")))
FEW_PORTS = {"local_port_min": 5000, "local_port_max": 5003}


def begun(rig: Rig) -> list[SessionEntry]:
    """A new controller has the switch's tables, but for sessions; which those are."""
    rig.up = lambda *, emptied=False: rig.send(SwitchUp(without_sessions(rig), whole=False))  # type: ignore[method-assign]
    rig.restart()
    rig.settle()
    rig.switch.log_of_updates.clear()
    rig.switch.strict = False  # ports that are others' are tried
    return list(rig.switch.sessions().values())


def servers(rig: Rig) -> list[ServerIn]:
    return [entry for entry in rig.switch.entries() if isinstance(entry, ServerIn)]


def without_sessions(rig: Rig) -> tuple[Entry, ...]:
    return tuple(entry for entry in rig.switch.entries() if not isinstance(entry, SessionEntry))


def read(rig: Rig, sessions: list[SessionEntry]) -> None:
    """They are found one by one."""
    for entry in sessions:
        rig.send(SessionsFound((entry,)))
    rig.send(SessionsRead())
    rig.settle()


def test_a_connection_begins_before_the_sessions_are_known() -> None:
    rig = Rig(config())
    old = [established(rig, 40000 + number) for number in range(3)]
    found = begun(rig)
    new = opened(rig, 50000)
    assert IDS - IDS // SPARE <= new.session_id < IDS
    tell(rig, new.session_id, "SYN_ACK", "ESTABLISHED")
    read(rig, [*found, new])
    views = {view.entry: view.state for view in rig.controller.sessions()}
    assert views == dict.fromkeys([*old, new], "ESTABLISHED")
    assert session_writes(rig)[-1] == (Op.INSERT, new)
    assert {operation for operation, _ in session_writes(rig)} == {Op.INSERT}
    assert rig.controller.stats()["sessions_adopted"] == 3
    later = opened(rig, 50001)
    assert later.session_id < IDS - IDS // SPARE
    rig.advance(200)
    nothing_left(rig)


def test_ports_of_sessions_that_are_not_known_are_left_to_them() -> None:
    rig = Rig(config(**FEW_PORTS))
    old = [established(rig, 40000 + number) for number in range(3)]
    found = begun(rig)
    new = opened(rig, 50000)
    assert {entry.local_port for entry in (*old, new)} == {5000, 5001, 5002, 5003}
    assert not [operation for operation, _ in session_writes(rig) if operation is Op.DELETE]
    read(rig, found)
    assert {view.entry for view in rig.controller.sessions()} == {*old, new}


def test_a_connection_without_a_free_port_is_given_up_and_harms_nobody() -> None:
    rig = Rig(config(**FEW_PORTS))
    old = [established(rig, 40000 + number) for number in range(4)]
    found = begun(rig)
    rig.send(syn(50000, 1))
    rig.settle()
    assert rig.switch.injected[-1].session_id == old[-1].session_id
    assert set(rig.switch.sessions().values()) == set(old)
    read(rig, found)
    assert {view.entry for view in rig.controller.sessions()} == set(old)
    assert rig.controller.stats()["session_conflict"] == 8


def test_what_is_told_of_sessions_that_are_not_known_counts_when_they_are() -> None:
    rig = Rig(config())
    entry = established(rig)
    found = begun(rig)
    tell(rig, entry.session_id, "FIN_IN", "FIN_OUT")
    read(rig, found)
    (view,) = rig.controller.sessions()
    assert view.state == "TIME_WAIT"


def test_a_syn_of_a_session_that_is_not_known_waits_for_its_repetition() -> None:
    rig = Rig(config())
    entry = established(rig)
    found = begun(rig)
    injected = len(rig.switch.injected)
    rig.send(again(entry, 1))
    rig.settle()
    assert session_writes(rig) == []
    assert len(rig.switch.injected) == injected
    read(rig, found)
    rig.send(again(entry, 1))
    assert len(rig.switch.injected) == injected + 1


def test_servers_that_only_sessions_have_stay_until_it_is_known_whether_there_are_any() -> None:
    rig = Rig(config(BOTH))
    entry = established(rig)
    (server,) = (each for each in servers(rig) if each.address == entry.server)
    gone = "10.0.2.12" if entry.server == SERVER else "10.0.2.11"
    rig.config = config(virtual(real_servers=(real(gone),)))
    found = begun(rig)
    assert server in servers(rig)
    new = opened(rig, 50000)
    assert (new.server, new.server_id != entry.server_id) == (ip(gone), True)
    read(rig, found)
    assert {view.entry for view in rig.controller.sessions()} == {entry, new}
    assert server in servers(rig)


def test_servers_that_nobody_has_go_when_all_is_known() -> None:
    rig = Rig(config(BOTH))
    rig.config = config(virtual(real_servers=(real(),)))
    begun(rig)
    assert {each.address for each in servers(rig)} == {SERVER, SERVER2}
    read(rig, [])
    assert {each.address for each in servers(rig)} == {SERVER}


def test_sessions_of_a_service_that_has_gone_are_told() -> None:
    rig = Rig(config(virtual(), virtual(port=81)))
    entry = established(rig)
    rig.config = config(virtual(port=81))
    read(rig, begun(rig))
    assert {reset.session_id for reset in rig.switch.resets} == {entry.session_id}


def test_a_switch_that_goes_meanwhile_is_read_again() -> None:
    rig = Rig(config())
    old = established(rig)
    found = begun(rig)
    new = opened(rig, 50000)
    rig.send(SessionsFound(found))
    rig.send(SwitchDown("lost"))
    rig.send(SwitchUp(rig.switch.entries()))
    rig.settle()
    assert {view.entry for view in rig.controller.sessions()} == {old, new}
    assert opened(rig, 50001).session_id < IDS - IDS // SPARE


@pytest.mark.parametrize("news", [SessionsFound(()), SessionsRead()])
def test_news_that_nobody_waits_for_are_nothing(news: SessionsFound | SessionsRead) -> None:
    rig = Rig(config())
    entry = established(rig)
    rig.send(news)
    assert [view.entry for view in rig.controller.sessions()] == [entry]
    assert rig.switch.of(SessionEntry) == {entry}
    assert entry.local == LOCAL


@pytest.mark.parametrize("protocols", [("tcp", "udp"), ("udp", "tcp"), ("tcp",), ("udp",)])
def test_tcp_and_udp_of_one_address_and_port_keep_their_sessions(protocols: tuple[str, ...]) -> None:
    """Nothing tells the ids of one from those of the other before their sessions are known; one of both services may
    be new."""
    both = {"tcp": virtual(scheduler="rr", real_servers=TWO), "udp": service(real_servers=TWO)}
    rig = Rig(config(*(both[protocol] for protocol in protocols)))
    for number in range(4):
        for protocol in protocols:
            (established if protocol == "tcp" else answered)(rig, 40000 + number)
    rig.config = config(both["udp"], both["tcp"])
    found = begun(rig)
    assert len(found) == 4 * len(protocols)
    read(rig, found)
    assert {view.entry for view in rig.controller.sessions()} == {*found} == {*rig.switch.sessions().values()}
    assert [log.message for log in rig.switch.logs if log.level in ("WARNING", "ERROR")] == []
    new = opened(rig, 50000)
    tell(rig, new.session_id, "SYN_ACK", "ESTABLISHED")
    answered(rig, 50000)
    rig.advance(400)
    rig.advance(400)
    nothing_left(rig)
    assert len(servers(rig)) == 4


def test_sessions_of_a_protocol_that_is_served_no_more_are_reset() -> None:
    """Those of the other one, at the same address and port, go on."""
    rig = Rig(config(service(real_servers=TWO), virtual(scheduler="rr", real_servers=TWO)))
    gone = [established(rig, 40000 + number).session_id for number in range(4)]
    left = {answered(rig, 40000 + number) for number in range(4)}
    rig.config = config(service(real_servers=TWO))
    read(rig, begun(rig))
    rig.advance(2)
    assert sorted(reset.session_id for reset in rig.switch.resets) == sorted(gone * 2)
    assert {*rig.switch.sessions().values()} == left


def test_sessions_of_a_protocol_that_another_one_has_taken_the_place_of_are_reset() -> None:
    """Which was not served before: it does not get the ids of what was."""
    rig = Rig(config(virtual(scheduler="rr", real_servers=TWO)))
    gone = [established(rig, 40000 + number).session_id for number in range(4)]
    rig.config = config(service(real_servers=TWO))
    read(rig, begun(rig))
    rig.advance(2)
    assert sorted(reset.session_id for reset in rig.switch.resets) == sorted(gone * 2)
    assert rig.switch.sessions() == {}
    assert [log.message for log in rig.switch.logs if log.level in ("WARNING", "ERROR")] == []


def test_half_a_session_is_anothers_by_its_key_and_not_by_its_id() -> None:
    rig = Rig(config())
    known = established(rig, 40000)
    before = known._replace(client=ip("203.0.113.77"), local_port=known.local_port + 1)
    for is_inward in (True, False):
        assert rig.controller.holds(known, is_inward=is_inward)
        assert not rig.controller.holds(before, is_inward=is_inward)
