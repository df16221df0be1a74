"""Restarts of the controller and of the switch."""

from __future__ import annotations

import pytest
from fullnat.core.interface import THE_SWITCH, Failure, Inject, Log, Op, Outcome, SwitchDown, SwitchUp, Written
from fullnat.tables.next_hop import NextHop
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.session import SessionEntry
from fullnat.tables.virtual_service import VirtualService

from .builders import ANY, LOCAL, SERVER, SERVER2, VIP, VPORT, config, ip, real, syn, virtual
from .helpers import again, established, nothing_left, only, opened, time_wait
from .switch import FakeSwitch, Rig, keys

NO_GATEWAY = config(routes=())
OTHER = virtual(port=81)


# ---- configured tables


def test_a_fresh_switch_gets_the_configuration() -> None:
    rig = Rig(config(virtual(reset_on_miss=True)))
    assert rig.switch.of(Port) == {Port(1, 0x02AA00000001), Port(2, 0x02AA00000002)}
    assert rig.switch.of(OwnAddress) == {
        OwnAddress(VIP, "own_vip"),
        OwnAddress(LOCAL, "own_local"),
        OwnAddress(ip("198.51.100.1"), "own_interface"),
        OwnAddress(ip("10.0.2.1"), "own_interface"),
    }
    assert rig.switch.of(VirtualService) == {VirtualService(6, VIP, VPORT, 1)}
    assert rig.switch.of(Route) == {
        Route(ip("198.51.100.0"), 24, "route_connected"),
        Route(ip("10.0.2.0"), 24, "route_connected"),
        Route(ANY, 0, "route_via", 1),
    }
    assert rig.switch.of(NextHop) == {NextHop(1)}, "the gateway, which has not answered yet"


def test_a_second_connection_writes_nothing() -> None:
    rig = Rig(config())
    established(rig)
    rig.switch.log_of_updates.clear()
    rig.send(SwitchDown("lost"))
    rig.up()
    rig.restart()
    assert rig.switch.log_of_updates == []


def test_only_differences_are_written() -> None:
    rig = Rig(config())
    tables = rig.switch.tables
    del tables[("port", 1)]
    tables[("own_address", VIP)] = OwnAddress(VIP, "own_local")
    tables[("own_address", ANY)] = OwnAddress(ANY, "own_vip")
    rig.switch.log_of_updates.clear()
    rig.restart()
    assert sorted(rig.switch.log_of_updates, key=str) == sorted(
        [
            (Op.INSERT, Port(1, 0x02AA00000001)),
            (Op.MODIFY, OwnAddress(VIP, "own_vip")),
            (Op.DELETE, OwnAddress(ANY, "own_vip")),
        ],
        key=str,
    )


def test_a_refused_entry_is_reported_and_tried_again() -> None:
    rig = Rig(config(), up=False)
    rig.send(SwitchUp(()))
    (write,) = (write for write in rig.switch.writes if write.token)
    position = next(index for index, (_, entry) in enumerate(write.updates) if isinstance(entry, Port))
    rig.switch.writes.clear()
    rig.send(Written(write.token, {position: Failure(Outcome.FULL, "table full")}))
    assert [(log.level, "table full" in log.message) for log in rig.switch.logs] == [("ERROR", True)]
    rig.reconfigure(config())
    assert rig.switch.writes[0].updates == (write.updates[position],)


def test_a_refused_change_is_tried_again() -> None:
    rig = Rig(config())
    changed, vip = config(virtual(reset_on_miss=True)), VirtualService(6, VIP, VPORT, 1)
    rig.reconfigure(changed)
    write = rig.switch.writes.popleft()
    assert write.updates == ((Op.MODIFY, vip),)
    rig.send(Written(write.token, {0: Failure(Outcome.REFUSED, "broken")}))
    rig.reconfigure(changed)
    assert rig.switch.writes.popleft().updates == write.updates
    rig.reconfigure(config(OTHER))
    write = rig.switch.writes.popleft()
    deletion = Op.DELETE, vip
    assert deletion in write.updates
    rig.send(Written(write.token, {write.updates.index(deletion): Failure(Outcome.REFUSED, "broken")}))
    rig.reconfigure(config(OTHER))
    assert [write.updates for write in rig.switch.writes] == [(deletion,)]


# ---- the controller restarts


def test_sessions_survive_a_restart_of_the_controller() -> None:
    rig = Rig(config())
    entries = {established(rig, 40000 + number) for number in range(5)}
    rig.restart()
    assert {view.entry for view in rig.controller.sessions()} == entries
    assert {view.state for view in rig.controller.sessions()} == {"ESTABLISHED"}
    ((server,),) = [service.servers for service in rig.controller.services()]
    assert (server.active, server.inactive) == (5, 0)
    assert rig.controller.stats()["sessions_adopted"] == 5


def test_adopted_sessions_expire() -> None:
    rig = Rig(config())
    established(rig)
    rig.advance(60)
    rig.restart()
    rig.advance(29)
    assert only(rig).phase == "INSTALLED"
    rig.advance(1)
    rig.advance(3)
    nothing_left(rig)
    assert len(rig.switch.resets) == 2


def test_adopted_sessions_that_are_long_dead_expire_soon() -> None:
    rig = Rig(config())
    established(rig)
    rig.now += 1000
    rig.restart()
    rig.advance(4, idle_notices=False)
    nothing_left(rig)


def test_new_sessions_keep_clear_of_adopted_ones() -> None:
    rig = Rig(config(local_port_min=5000, local_port_max=5009))
    adopted = {established(rig, 40000 + number) for number in range(5)}
    rig.restart()
    fresh = {opened(rig, 41000 + number) for number in range(5)}
    everything = adopted | fresh
    assert len({entry.session_id for entry in everything}) == 10
    assert len({entry.local_port for entry in everything}) == 10


def test_a_retransmitted_syn_is_known_after_a_restart() -> None:
    rig = Rig(config())
    entry = opened(rig, seq=7)
    rig.restart()
    rig.send(again(entry, 7))
    assert rig.switch.injected[-1] == Inject(1, again(entry, 7).frame, entry.session_id, False)


def test_server_ids_follow_the_sessions_over_a_restart_with_another_configuration() -> None:
    rig = Rig(config(virtual(real_servers=(real("10.0.2.11"), real("10.0.2.12")))))
    entries = [opened(rig, 40000 + number) for number in range(2)]
    assert sorted(entry.server_id for entry in entries) == [0, 1]
    rig.config = config(virtual(real_servers=(real("10.0.2.13"), real("10.0.2.12"), real("10.0.2.11"))))
    rig.restart()
    ids = {
        server.endpoint.address: server.server_id for service in rig.controller.services() for server in service.servers
    }
    assert all(ids[entry.server] == entry.server_id for entry in entries)
    assert sorted(ids.values()) == [0, 1, 2]


def test_sessions_of_a_removed_server_drain_after_a_restart() -> None:
    rig = Rig(config())
    old = established(rig)
    rig.config = config(virtual(real_servers=(real("10.0.2.12"),)))
    rig.restart()
    assert only(rig).entry == old
    (service,) = rig.controller.services()
    assert [(server.endpoint.address, server.draining, server.active) for server in service.servers] == [
        (SERVER2, False, 0),
        (SERVER, True, 1),
    ]
    assert opened(rig, 41000).server == SERVER2
    rig.advance(100)
    rig.advance(3)
    nothing_left(rig)


def test_sessions_of_a_removed_service_are_reset_after_a_restart() -> None:
    rig = Rig(config())
    established(rig)
    rig.config = config(OTHER)
    rig.restart()
    assert len(rig.switch.resets) == 2
    assert rig.switch.of(VirtualService) == {VirtualService(6, VIP, 81, 0)}
    assert only(rig).phase == "CLOSING", "the resets come before the end"
    rig.advance(2)
    nothing_left(rig)


def test_contradicting_sessions_are_deleted() -> None:
    rig = Rig(config())
    entry = established(rig)
    twin = entry._replace(client_port=1, local_port=entry.local_port ^ 1)
    rig.switch.tables.update(dict.fromkeys(keys(twin), twin))
    rig.restart()
    assert len(rig.switch.of(SessionEntry)) == 1
    kept = only(rig).entry
    assert kept in (entry, twin)
    gone = twin if kept == entry else entry
    assert [log for log in rig.switch.logs if log.level == "WARNING"] == [
        Log(
            "WARNING",
            "1 sessions found on the switch are deleted, which ends their connections: another session has the same "
            "session id or local port or gives the server id to another real server, or nothing tells whose they are "
            f"(tcp {gone.flow_in.src} to {gone.flow_in.dst})",
        )
    ]


def test_the_first_of_many_contradicting_sessions_are_named() -> None:
    rig = Rig(config())
    entry = established(rig)
    clients = range(1, 6)
    twins = [entry._replace(client_port=port, local_port=entry.local_port ^ port) for port in clients]
    for twin in twins:
        rig.switch.tables.update(dict.fromkeys(keys(twin), twin))
    rig.restart()
    assert only(rig).entry == entry
    (warning,) = [log.message for log in rig.switch.logs if log.level == "WARNING"]
    assert warning.startswith(
        "5 sessions found on the switch are deleted, which ends their connections: another session "
    )
    named = ", ".join(f"tcp {twin.flow_in.src} to {twin.flow_in.dst}" for twin in twins[:3])
    assert warning.endswith(f"({named} and 2 more)")


def test_a_contradicting_local_port_leaves_nothing_behind() -> None:
    """Session_out cannot hold it twice; should a switch claim so, the second goes."""
    rig = Rig(config())
    rig.switch.strict = False
    entry = established(rig)
    twin = entry._replace(client_port=1, session_id=9)
    rig.send(SwitchDown("lost"))
    rig.send(SwitchUp((*rig.switch.entries(), twin)))
    assert [update.updates for update in rig.switch.writes] == [((Op.DELETE, twin),)]
    assert only(rig).entry == entry
    assert [log.level for log in rig.switch.logs] == ["WARNING"]


def test_half_sessions_are_reported() -> None:
    rig = Rig(config(), up=False)
    rig.send(SwitchUp((), orphans=3))
    assert [log.message for log in rig.switch.logs] == ["3 half sessions were found on the switch and deleted"]


def test_a_found_session_without_timeout_gets_the_services() -> None:
    switch = FakeSwitch()
    entry = SessionEntry(3, 0, 6, ANY, 2, VIP, VPORT, LOCAL, 6000, SERVER, 8080, 0, 0, 0.0)
    switch.tables = dict.fromkeys(keys(entry), entry)
    switch.last_hit[3], switch.packets[3] = 1000.0, (2, 1)
    rig = Rig(config(), switch=switch)
    rig.advance(85, idle_notices=False)
    assert only(rig).state == "ESTABLISHED"
    rig.advance(100, idle_notices=False)
    nothing_left(rig)


# ---- the switch goes and comes


def test_a_switch_that_others_have_emptied_leaves_nothing_behind() -> None:
    """Who was primary meanwhile has ended the sessions."""
    rig = Rig(config())
    for number in range(5):
        established(rig, 40000 + number)
    time_wait(rig, 41000)
    rig.send(SwitchDown("lost"))
    rig.switch.tables.clear()
    rig.up()
    nothing_left(rig)
    assert rig.controller.stats()["sessions_lost"] == 6
    assert rig.switch.of(VirtualService) == {VirtualService(6, VIP, VPORT, 0)}
    opened(rig)


@pytest.mark.parametrize("keeps_all", [True, False])
def test_sessions_outlive_a_lost_stream(keeps_all: bool) -> None:
    """Also where the switch keeps neither timeouts nor metadata, as Stratum does."""
    rig = Rig(config())
    entry = time_wait(rig)
    if not keeps_all:
        bare = entry._replace(client_isn=0, idle_timeout=0.0)
        rig.switch.tables.update(dict.fromkeys(keys(bare), bare))
    rig.switch.log_of_updates.clear()
    rig.send(SwitchDown("lost"))
    assert rig.controller.deadline() is None
    assert rig.controller.handle_deadline(rig.now + 100) == []
    rig.now += 3
    rig.up()
    assert (only(rig).entry, only(rig).state) == (entry, "TIME_WAIT")
    assert rig.switch.log_of_updates == []
    rig.advance(6)
    nothing_left(rig)


def test_a_session_being_installed_is_dropped_with_the_stream() -> None:
    rig = Rig(config())
    rig.send(syn())
    rig.send(SwitchDown("lost"))
    assert list(rig.controller.sessions()) == []
    rig.switch.writes.clear()
    rig.up()
    nothing_left(rig)


def test_nothing_is_written_when_the_stream_is_lost() -> None:
    """A session that was being installed held a server that is configured no more; it may be there all the same."""
    rig = Rig(config())
    rig.send(syn())
    rig.reconfigure(config(virtual(real_servers=(real("10.0.2.12"),))))
    rig.switch.writes.clear()
    rig.send(SwitchDown("lost"))
    assert list(rig.switch.writes) == []


def test_a_session_installed_in_the_last_moment_is_adopted() -> None:
    rig = Rig(config())
    rig.send(syn())
    rig.switch.apply(rig.now)
    rig.send(SwitchDown("lost"))
    rig.up()
    assert (only(rig).state, only(rig).phase) == ("ESTABLISHED", "INSTALLED")


def test_where_a_session_differs_the_switch_is_right() -> None:
    rig = Rig(config())
    entry = established(rig)
    changed = entry._replace(delta=12345)
    rig.switch.tables.update(dict.fromkeys(keys(changed), changed))
    rig.send(SwitchDown("lost"))
    rig.up()
    assert only(rig).entry == changed


@pytest.mark.parametrize("applied", [False, True])
def test_reuse_interrupted_by_a_lost_stream(applied: bool) -> None:
    rig = Rig(config())
    entry = time_wait(rig, seq=7)
    rig.send(again(entry, 500))
    if applied:
        rig.switch.apply(rig.now)
    rig.send(SwitchDown("lost"))
    rig.switch.writes.clear()
    rig.up()
    assert only(rig).entry.client_isn == (500 if applied else 7)
    assert only(rig).entry in rig.switch.of(SessionEntry)
    rig.advance(200)
    rig.advance(3)
    nothing_left(rig)


@pytest.mark.parametrize("applied", [False, True])
def test_removal_interrupted_by_a_lost_stream(applied: bool) -> None:
    rig = Rig(config())
    time_wait(rig)
    rig.advance(7.5, settle=False)
    rig.send(rig.switch.probe(rig.now))
    assert only(rig).phase == "REMOVING"
    if applied:
        rig.switch.apply(rig.now)
    rig.send(SwitchDown("lost"))
    rig.switch.writes.clear()
    rig.up()
    nothing_left(rig)


def test_events_between_down_and_up_do_nothing() -> None:
    rig = Rig(config())
    rig.send(SwitchDown("lost"))
    rig.switch.writes.clear()
    assert rig.controller.handle(syn(), rig.now, THE_SWITCH) == []
    rig.reconfigure(config(OTHER))
    assert not rig.switch.writes
    rig.up()
    assert rig.switch.of(VirtualService) == {VirtualService(6, VIP, 81, 0)}


def test_a_service_removed_while_the_switch_is_away_is_reset_when_it_is_back() -> None:
    rig = Rig(config())
    established(rig)
    rig.send(SwitchDown("lost"))
    rig.reconfigure(config(OTHER))
    rig.up()
    assert len(rig.switch.resets) == 2
    rig.advance(2)
    nothing_left(rig)
