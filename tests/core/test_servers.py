"""Server ids and the entries of server_in and server_out: there before the first session, gone after the last."""

from __future__ import annotations

import pytest
from fullnat.config.model import ServerSettings
from fullnat.core.balancing.server_ids import ServerEntry, ServerIds, ServerKey
from fullnat.core.declared.commands import AddServer
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Op, Outcome, SwitchDown
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.net.flow import Address, Endpoint
from fullnat.p4constants import SessionFlag
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

from .builders import RPORT, SERVER, SERVER2, SERVER3, VIP, VPORT, config, ip, real, syn, virtual
from .helpers import established, nothing_left, only, opened
from .switch import FakeSwitch, Rig, keys

TOA = SessionFlag.TOA
FIRST, SECOND = real("10.0.2.11"), real("10.0.2.12")
BOTH = virtual(real_servers=(FIRST, SECOND))
OTHER_PORT = virtual(port=81)


def pair(number: int, address: Address = SERVER, vport: int = VPORT, flags: int = TOA) -> tuple[ServerIn, ServerOut]:
    return ServerIn(number, flags, address, RPORT), ServerOut(number, flags, VIP, vport)


def on(switch: FakeSwitch) -> set[Entry]:
    return switch.of(ServerIn) | switch.of(ServerOut)


def put(switch: FakeSwitch, *entries: Entry) -> None:
    for entry in entries:
        switch.tables.update(dict.fromkeys(keys(entry), entry))


def changes(rig: Rig) -> list[tuple[Op, Entry]]:
    """Updates of servers so far; forgets them."""
    found = [update for update in rig.switch.log_of_updates if isinstance(update[1], (ServerIn, ServerOut))]
    rig.switch.log_of_updates.clear()
    return found


def every(op: Op, *entries: Entry) -> list[tuple[Op, Entry]]:
    return [(op, entry) for entry in entries]


# ---- configuration


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, ["TOA"]),
        ({"toa": False}, []),
        ({"keep_timestamps": True, "keep_mss": True}, ["TOA", "KEEP_TIMESTAMPS", "KEEP_MSS"]),
    ],
)
def test_every_server_of_every_service_has_its_entries_with_the_services_flags(
    options: dict[str, bool], flags: list[str]
) -> None:
    rig = Rig(config(virtual(real_servers=(FIRST, SECOND), **options), OTHER_PORT))
    value = sum(SessionFlag[flag] for flag in flags)
    assert on(rig.switch) == {
        *pair(0, SERVER, flags=value),
        *pair(1, SERVER2, flags=value),
        *pair(2, SERVER, vport=81),
    }


def test_sessions_of_one_server_share_its_id() -> None:
    rig = Rig(config())
    changes(rig)
    assert {opened(rig, 40000 + number).server_id for number in range(5)} == {0}
    assert changes(rig) == []


def test_a_services_new_flags_are_those_of_all_its_sessions() -> None:
    rig = Rig(config(BOTH, OTHER_PORT))
    entries = [established(rig, 40000), established(rig, 40001)]
    changes(rig)
    rig.reconfigure(config(virtual(real_servers=(SECOND,), toa=False, keep_mss=True), OTHER_PORT))
    rig.settle()
    keep = SessionFlag.KEEP_MSS
    assert changes(rig) == every(Op.MODIFY, *pair(0, SERVER, flags=keep), *pair(1, SERVER2, flags=keep))
    assert set(rig.switch.sessions().values()) == set(entries)


def test_a_server_without_sessions_goes_at_once() -> None:
    rig = Rig(config(BOTH))
    changes(rig)
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    rig.settle()
    assert changes(rig) == every(Op.DELETE, *pair(0))


def test_a_draining_servers_entries_stay_until_its_last_session_is_gone() -> None:
    rig = Rig(config(BOTH))
    established(rig)
    changes(rig)
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    rig.settle()
    assert changes(rig) == []
    rig.advance(90)
    assert changes(rig) == []
    rig.advance(3)
    nothing_left(rig)
    assert changes(rig) == every(Op.DELETE, *pair(0))


def test_a_removed_services_entries_stay_for_the_resets() -> None:
    rig = Rig(config())
    established(rig)
    rig.reconfigure(config(OTHER_PORT))
    rig.settle()
    assert on(rig.switch) == {*pair(0), *pair(1, vport=81)}
    rig.advance(2)
    nothing_left(rig)
    assert on(rig.switch) == {*pair(1, vport=81)}


# ---- failures


def test_an_id_is_free_when_the_switch_has_confirmed_that_its_entries_are_gone() -> None:
    rig = Rig(config(), server_ids=1)
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    assert [write.updates for write in rig.switch.writes] == [tuple(every(Op.DELETE, *pair(0)))]
    assert "1 real servers get no sessions" in rig.switch.logs[-1].message
    rig.send(syn())
    assert len(rig.switch.writes) == 1
    rig.settle()
    assert on(rig.switch) == {*pair(0, SERVER2)}
    assert opened(rig).server == SERVER2


def test_an_id_whose_entries_do_not_go_stays_taken() -> None:
    rig = Rig(config(), server_ids=2)
    rig.switch.fail_servers.extend([Outcome.DONE, Outcome.REFUSED])
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    rig.settle()
    assert on(rig.switch) == {pair(0)[1], *pair(1, SERVER2)}
    assert [log.level for log in rig.switch.logs] == ["ERROR"]
    changes(rig)
    rig.reconfigure(config(virtual(real_servers=(real("10.0.2.13"),))))
    rig.settle()
    assert changes(rig) == [
        (Op.DELETE, pair(0)[1]),
        *every(Op.DELETE, *pair(1, SERVER2)),
        *every(Op.INSERT, *pair(0, SERVER3)),
    ]


def test_a_server_that_the_switch_has_no_room_for_gets_no_sessions_until_there_is() -> None:
    rig = Rig(config(BOTH), switch=FakeSwitch(servers=1))
    assert [log.level for log in rig.switch.logs] == ["ERROR", "ERROR"]
    assert {opened(rig, 40000 + number).server for number in range(4)} == {SERVER}
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    rig.settle()
    rig.send(syn(41000))
    assert rig.controller.stats()["table_full"] == 1
    assert rig.controller.stats()["conn_sched_unreach"] == 0, "the client tries again, and shall"
    rig.advance(200)
    rig.advance(5)
    nothing_left(rig)
    assert opened(rig, 41000).server == SERVER2


def test_without_a_free_id_a_server_gets_no_sessions_until_there_is_one() -> None:
    rig = Rig(config(BOTH), server_ids=1)
    assert [log.level for log in rig.switch.logs] == ["ERROR"]
    assert {opened(rig, 40000 + number).server for number in range(2)} == {SERVER}
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    rig.send(syn(41000))
    assert rig.controller.stats()["table_full"] == 1
    rig.advance(200)
    rig.advance(5)
    assert opened(rig, 41000).server == SERVER2


def test_refused_flags_leave_the_server_in_use_and_are_tried_again() -> None:
    rig = Rig(config())
    changes(rig)
    rig.switch.fail_servers.append(Outcome.REFUSED)
    rig.reconfigure(config(virtual(toa=False)))
    rig.settle()
    assert on(rig.switch) == {pair(0)[0], pair(0, flags=0)[1]}
    opened(rig)
    changes(rig)
    rig.reconfigure(config(virtual(toa=False)))
    rig.settle()
    assert changes(rig) == [(Op.MODIFY, pair(0, flags=0)[0])]


# ---- restarts


def test_ids_survive_a_restart_without_sessions_and_with_another_order() -> None:
    rig = Rig(config(BOTH))
    changes(rig)
    rig.config = config(virtual(real_servers=(real("10.0.2.13"), SECOND, FIRST)))
    rig.restart()
    assert changes(rig) == every(Op.INSERT, *pair(2, SERVER3))


@pytest.mark.parametrize("server_ids", [1, 2])
def test_an_id_found_without_its_server_is_free_when_its_entries_are_gone(server_ids: int) -> None:
    """Another server gets no entries that are there already: with them it would get what they have counted."""
    rig = Rig(config(), server_ids=server_ids)
    changes(rig)
    rig.config = config(virtual(real_servers=(SECOND,)))
    rig.restart()
    rig.settle()
    new = server_ids - 1
    assert changes(rig) == [*every(Op.DELETE, *pair(0)), *every(Op.INSERT, *pair(new, SERVER2))]
    rig.reconfigure(config(BOTH))
    rig.settle()
    assert opened(rig).server in (SERVER, SERVER2)
    assert on(rig.switch) == {*pair(new, SERVER2), *(pair(0) if server_ids == 2 else ())}


def test_reading_repairs_what_is_not_as_it_should_be() -> None:
    rig = Rig(config(BOTH))
    entry = established(rig)
    tables = rig.switch.tables
    del tables["server_out", 0]
    wrong = ServerIn(1, TOA, SERVER2, 1)
    orphans = ServerIn(7, 0, ip("0.0.0.1"), 2), ServerOut(9, 0, ip("0.0.0.3"), 4)
    put(rig.switch, wrong, *orphans, ServerOut(1, 0, VIP, VPORT))
    changes(rig)
    rig.restart()
    assert only(rig).entry == entry
    assert on(rig.switch) == {*pair(0), *pair(2, SERVER2)}
    assert len(changes(rig)) == 7


def test_a_sessions_server_is_put_back_whatever_its_id_is_said_to_be() -> None:
    """Where they differ, sessions are right: they carry the traffic."""
    rig = Rig(config(BOTH))
    entries = {established(rig, 40000), established(rig, 40001)}
    put(rig.switch, *pair(0, SERVER2), *pair(1, SERVER))
    rig.restart()
    assert {view.entry for view in rig.controller.sessions()} == entries
    assert on(rig.switch) == {*pair(0), *pair(1, SERVER2)}


@pytest.mark.parametrize("port", [1, 65535])
def test_of_sessions_that_give_one_id_to_two_servers_those_stay_whose_packets_arrive(port: int) -> None:
    rig = Rig(config(BOTH))
    rig.switch.strict = False
    good = {established(rig, 40000), opened(rig, 40001)}
    stray = SessionEntry(9, 0, 6, ip("0.0.0.77"), port, VIP, VPORT, ip("0.0.0.1"), 2, SERVER2, RPORT, 0, 0, 90.0)
    rig.send(SwitchDown("lost"))
    tables = rig.switch.tables
    rig.switch.tables = {}
    put(rig.switch, stray)
    rig.switch.tables |= tables
    rig.switch.last_hit[9], rig.switch.packets[9] = rig.now, (0, 0)
    rig.restart()
    assert {view.entry for view in rig.controller.sessions()} == good
    assert set(rig.switch.sessions().values()) == good
    assert on(rig.switch) == {*pair(0), *pair(1, SERVER2)}


def test_flags_follow_the_configuration_over_a_restart() -> None:
    rig = Rig(config())
    established(rig)
    changes(rig)
    rig.config = config(virtual(toa=False))
    rig.restart()
    assert changes(rig) == every(Op.MODIFY, *pair(0, flags=0))


def test_sessions_of_a_removed_service_keep_their_flags_over_a_restart() -> None:
    rig = Rig(config(virtual(keep_mss=True)))
    established(rig, 40000)
    established(rig, 40001)
    flags = TOA | SessionFlag.KEEP_MSS
    changes(rig)
    rig.config = config(OTHER_PORT)
    rig.restart()
    assert changes(rig) == every(Op.INSERT, *pair(1, vport=81))
    assert on(rig.switch) == {*pair(0, flags=flags), *pair(1, vport=81)}
    rig.advance(2)
    nothing_left(rig)
    assert on(rig.switch) == {*pair(1, vport=81)}


def test_an_empty_switch_gets_the_servers_again() -> None:
    rig = Rig(config(BOTH))
    rig.send(SwitchDown("lost"))
    rig.switch.tables.clear()
    rig.up(emptied=True)
    assert {entry[1:] for entry in on(rig.switch)} == {entry[1:] for entry in (*pair(0), *pair(0, SERVER2))}
    opened(rig)


@pytest.mark.parametrize("applied", [False, True])
def test_a_removal_interrupted_by_a_lost_stream_is_completed(applied: bool) -> None:
    rig = Rig(config(BOTH), server_ids=2)
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    if applied:
        rig.switch.apply(rig.now)
    rig.send(SwitchDown("lost"))
    rig.switch.writes.clear()
    rig.up()
    assert on(rig.switch) == {*pair(1, SERVER2)}
    rig.reconfigure(config(virtual(real_servers=(SECOND, real("10.0.2.13")))))
    rig.settle()
    assert on(rig.switch) == {*pair(0, SERVER3), *pair(1, SERVER2)}


def test_what_another_controller_called_the_servers_meanwhile_counts() -> None:
    """This one was standing by, with ids in mind that the other one has given to others."""
    rig = Rig(config(BOTH))
    established(rig)
    rig.send(SwitchDown("another controller is primary"))
    rig.switch.tables = {key: entry for key, entry in rig.switch.tables.items() if not isinstance(entry, SessionEntry)}
    theirs = SessionEntry(4, 0, 6, ip("0.0.0.77"), 1, VIP, VPORT, ip("0.0.0.1"), 2, SERVER2, RPORT, 0, 0, 90.0)
    put(rig.switch, *pair(0, SERVER2), *pair(1, SERVER), theirs)
    rig.switch.last_hit[4], rig.switch.packets[4] = rig.now, (0, 0)
    changes(rig)
    rig.up()
    assert only(rig).entry == theirs
    assert changes(rig) == []
    ids = {
        server.endpoint.address: server.server_id for service in rig.controller.services() for server in service.servers
    }
    assert ids == {SERVER: 1, SERVER2: 0}


# ---- ids


def test_an_id_is_its_servers_until_nobody_holds_it() -> None:
    here = ServerKey((6, Endpoint(VIP, VPORT)), Endpoint(SERVER, 80), Mode.FULLNAT, Endpoint(VIP, VPORT))
    there = here._replace(endpoint=Endpoint(SERVER2, 80))
    others = there, here._replace(service=(6, Endpoint(VIP, 81))), here._replace(mode=Mode.NAT)
    ids = ServerIds(1)
    assert ids.take(here, 1) == 0
    assert ids.take(there, 1) is None
    assert not ids.claim(0, there, 1)
    ids.hold(0, here, 1)
    assert [ids.fits(0, key) for key in (here, *others)] == [True, False, False, False]
    entries: list[ServerEntry] = [ServerIn(0, 1, SERVER, 80), ServerOut(0, 1, VIP, VPORT)]
    assert ids.updates() == every(Op.INSERT, *entries)
    ids.drop(0)
    assert ids.holders(0) == 1
    assert ids.updates() == []
    ids.drop(0)
    assert ids.updates() == every(Op.DELETE, *entries)
    assert len(ids) == 1
    for entry in entries:
        assert ids.take(there, 1) is None
        ids.answered(Op.DELETE, entry, Outcome.DONE)
    assert len(ids) == 0
    assert ids.take(there, 1) == 0


def test_an_id_beyond_the_switchs_is_held_for_its_sessions() -> None:
    ids = ServerIds(1)
    ids.hold(70000, ServerKey((6, Endpoint(VIP, VPORT)), Endpoint(SERVER, 80), Mode.FULLNAT, Endpoint(VIP, VPORT)), 1)
    ids.drop(70000)
    assert ids.updates() == []
    assert len(ids) == 0


def test_the_first_write_holds_the_servers_before_the_services() -> None:
    rig = Rig(config(), up=False)
    rig.up()
    kinds = [type(entry).__name__ for _, entry in rig.switch.log_of_updates]
    assert max(kinds.index("ServerIn"), kinds.index("ServerOut")) < kinds.index("VirtualService")
    rig.switch.writes.clear()
    rig.apply(AddServer((6, Endpoint(VIP, VPORT)), Endpoint(SERVER2, RPORT), ServerSettings()))
    assert [write.updates for write in rig.switch.writes] == [tuple(every(Op.INSERT, *pair(1, SERVER2)))]


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_the_sessions_of_a_service_that_is_removed_end_with_any_scheduler(scheduler: str) -> None:
    rig = Rig(config(virtual(scheduler=scheduler), virtual(port=81)))
    opened(rig, port=40000)
    established(rig, port=40001)
    rig.reconfigure(config(virtual(port=81)))
    rig.settle()
    rig.advance(40)
    nothing_left(rig)
