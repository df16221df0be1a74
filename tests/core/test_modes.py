"""Servers in modes other than FULLNAT: what their sessions hold, and what a change of mode does to them."""

from __future__ import annotations

import pytest
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.commands import CommandError, EditServer, EditService
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Inject, Op, Reset
from fullnat.core.network.frames import bare_reset
from fullnat.net.flow import Endpoint, Flow
from fullnat.p4constants import SessionFlag
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry

from .builders import (
    CLIENT,
    CLIENT_PORT,
    LOCAL,
    RPORT,
    SERVER,
    SERVER2,
    VIP,
    VPORT,
    config,
    real,
    syn,
    virtual,
)
from .helpers import again, established, nothing_left, only, opened, over, time_wait
from .switch import Rig

KEY = 6, Endpoint(VIP, VPORT)
FIRST, SECOND = Endpoint(SERVER, RPORT), Endpoint(SERVER2, RPORT)
KEEP = SessionFlag.KEEP_TIMESTAMPS | SessionFlag.KEEP_MSS
TOA = SessionFlag.TOA


def nat(**changes: object) -> Rig:
    return Rig(config(virtual(**({"mode": Mode.NAT, "local_addresses": ()} | changes))))


def test_a_session_in_nat_has_its_clients_endpoint_and_numbers() -> None:
    rig = nat()
    packet = syn(40000, 0xFFFFFFF0)
    rig.send(packet)
    rig.settle()
    assert only(rig).entry == SessionEntry(
        session_id=0,
        server_id=0,
        protocol=6,
        client=CLIENT,
        client_port=40000,
        vip=VIP,
        vport=VPORT,
        local=CLIENT,
        local_port=40000,
        server=SERVER,
        server_port=RPORT,
        delta=0,
        client_isn=0xFFFFFFF0,
        idle_timeout=90.0,
    )
    assert rig.switch.injected == [Inject(CLIENT_PORT, packet.frame, 0, True)]


def test_a_client_is_never_an_address_of_ours() -> None:
    rig = nat()
    before = rig.switch.of(OwnAddress)
    entry = opened(rig)
    assert list(rig.controller.local_addresses()) == []
    assert rig.switch.of(OwnAddress) == before
    rig.advance(31)
    rig.settle()
    assert entry.session_id not in rig.switch.sessions()
    assert rig.switch.of(OwnAddress) == before
    nothing_left(rig)


@pytest.mark.parametrize(
    "asked", [{}, {"toa": False}, {"keep_timestamps": True, "keep_mss": True}], ids=["toa", "none", "keep"]
)
def test_in_nat_options_stay_as_they_are_whatever_the_service_asks_for(asked: dict[str, bool]) -> None:
    rig = nat(**asked)
    assert rig.switch.of(ServerIn) == {ServerIn(0, KEEP, *FIRST)}
    assert rig.switch.of(ServerOut) == {ServerOut(0, KEEP, VIP, VPORT)}


def test_one_service_mixes_modes() -> None:
    rig = Rig(config(virtual(scheduler="rr", real_servers=(real(), real("10.0.2.12", mode=Mode.NAT)))))
    assert rig.switch.of(ServerIn) == {ServerIn(0, TOA, *FIRST), ServerIn(1, KEEP, *SECOND)}
    entries = [opened(rig, port, 7) for port in (40000, 40001)]
    by_server = {entry.flow_out.src: entry for entry in entries}
    assert by_server[FIRST].local == LOCAL
    assert by_server[SECOND].flow_out.dst == by_server[SECOND].flow_in.src
    assert by_server[SECOND].delta == 0
    assert [server.mode for server in rig.controller.services()[0].servers] == [Mode.FULLNAT, Mode.NAT]


def test_two_services_do_not_share_a_clients_port_towards_one_server() -> None:
    """The server could not tell the two connections apart."""
    rig = Rig(config(*(virtual(port=port, mode=Mode.NAT, local_addresses=()) for port in (80, 81))))
    first = opened(rig)
    rig.send(syn(40000, 5, vport=81))
    rig.settle()
    assert list(rig.switch.sessions()) == [first.session_id]
    stats = rig.controller.stats()
    assert (stats["client_port_in_use"], stats["conn_sched_unreach"]) == (1, 0)
    rig.advance(31)
    rig.send(syn(40000, 6, vport=81))
    rig.settle()
    assert only(rig).entry.flow_in.dst == Endpoint(VIP, 81)


def test_an_idle_session_in_nat_is_reset_on_both_sides() -> None:
    rig = nat()
    entry = established(rig)
    over(rig)
    client, server = Endpoint(CLIENT, 40000), FIRST
    assert rig.switch.resets == [
        Reset(bare_reset(Flow(6, client, Endpoint(VIP, VPORT))), entry.session_id),
        Reset(bare_reset(Flow(6, server, client)), entry.session_id),
    ]
    nothing_left(rig)


def test_a_connection_that_takes_a_session_over_brings_its_own_numbers() -> None:
    rig = nat()
    entry = time_wait(rig, seq=1000)
    rig.send(again(entry, 77))
    rig.settle()
    assert only(rig).entry == entry._replace(client_isn=77)


def test_the_next_controller_takes_sessions_in_every_mode_over() -> None:
    rig = Rig(config(virtual(scheduler="rr", real_servers=(real(), real("10.0.2.12", mode=Mode.NAT)))))
    entries = {established(rig, port).session_id: None for port in (40000, 40001)}
    before = rig.switch.entries()
    rig.restart()
    rig.settle()
    assert set(rig.switch.entries()) == set(before)
    assert {view.entry.session_id for view in rig.controller.sessions()} == set(entries)
    assert rig.controller.stats()["sessions_adopted"] == 2
    (local,) = rig.controller.local_addresses()
    assert local.used == 1
    servers = rig.controller.services()[0].servers
    assert [(server.endpoint, server.active, server.draining) for server in servers] == [
        (FIRST, 1, False),
        (SECOND, 1, False),
    ]
    # What is adopted is in use.
    rig.send(syn(40001, 9, vport=81))
    over(rig)
    nothing_left(rig)


@pytest.mark.parametrize("restart", [False, True])
def test_a_server_in_another_mode_is_another_one(restart: bool) -> None:
    """Its old sessions go on as they began; when they are over, so are the entries of the old id."""
    rig = Rig(config())
    entry = established(rig)
    changed = config(virtual(real_servers=(real(mode=Mode.NAT),)))
    if restart:
        rig.config = changed
        rig.restart()
    else:
        rig.reconfigure(changed)
    rig.settle()
    assert rig.switch.sessions() == {entry.session_id: entry}
    assert rig.switch.of(ServerIn) == {ServerIn(0, TOA, *FIRST), ServerIn(1, KEEP, *FIRST)}
    old, new = sorted(rig.controller.services()[0].servers, key=lambda server: server.server_id)
    assert (old.mode, old.draining, old.active, old.weight) == (Mode.FULLNAT, True, 1, 0)
    assert (new.mode, new.draining, new.active, new.weight) == (Mode.NAT, False, 0, 1)
    second = opened(rig, 40001)
    assert (second.server_id, second.local) == (1, CLIENT)
    over(rig)
    nothing_left(rig)
    assert rig.switch.of(ServerIn) == {ServerIn(1, KEEP, *FIRST)}


def test_a_server_that_goes_back_to_its_mode_goes_on() -> None:
    rig = Rig(config())
    entry = established(rig)
    for mode in (Mode.NAT, Mode.FULLNAT):
        rig.apply(EditServer(KEY, FIRST, ServerSettings(mode=mode)))
        rig.settle()
    (server,) = rig.controller.services()[0].servers
    assert (server.server_id, server.mode, server.active) == (entry.server_id, Mode.FULLNAT, 1)
    assert rig.switch.of(ServerIn) == {ServerIn(0, TOA, *FIRST)}


def test_the_services_mode_is_that_of_servers_without_one() -> None:
    rig = Rig(config(virtual(real_servers=(real(), real("10.0.2.12", mode=Mode.FULLNAT)))))
    rig.apply(EditService(KEY, ServiceSettings(mode=Mode.NAT, reset_on_miss=False)))
    rig.settle()
    modes = {server.endpoint: server.mode for server in rig.controller.services()[0].servers}
    assert modes == {FIRST: Mode.NAT, SECOND: Mode.FULLNAT}


def test_flags_that_change_leave_nat_alone() -> None:
    rig = Rig(config(virtual(real_servers=(real(), real("10.0.2.12", mode=Mode.NAT)))))
    rig.switch.log_of_updates.clear()
    rig.apply(EditService(KEY, ServiceSettings(toa=False, reset_on_miss=False, syn_proxy="off")))
    rig.settle()
    assert rig.switch.log_of_updates == [
        (Op.MODIFY, ServerIn(0, 0, *FIRST)),
        (Op.MODIFY, ServerOut(0, 0, VIP, VPORT)),
    ]


@pytest.mark.interpreted
def test_a_mode_that_there_is_not_is_refused() -> None:
    rig = Rig(config())
    with pytest.raises(CommandError, match="'direct' is not one of fullnat, nat, dr, tunnel, gue"):
        rig.apply(EditServer(KEY, FIRST, ServerSettings(mode="direct")))  # type: ignore[arg-type]
