"""Servers in modes other than FULLNAT: what their sessions hold, and what a change of mode does to them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from fullnat.config.model import RealServer, ServerSettings, ServiceSettings
from fullnat.core.commands import AddServer, CommandError, EditServer, EditService
from fullnat.core.frames import bare_reset
from fullnat.core.interface import Inject, Op, PacketIn, Reset, SessionEvents
from fullnat.core.modes import Mode
from fullnat.net.flow import Endpoint, Flow
from fullnat.net.headers import TcpFlag
from fullnat.p4constants import SessionFlag
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry

from .builders import (
    CLIENT,
    CLIENT_PORT,
    EVENT,
    IN,
    LOCAL,
    PUNT,
    RPORT,
    SERVER,
    SERVER2,
    SERVER_MAC,
    SERVER_PORT,
    SWITCH_MAC_2,
    VIP,
    VPORT,
    arp_reply,
    config,
    ip,
    real,
    syn,
    tcp_frame,
    virtual,
)
from .helpers import again, established, nothing_left, only, opened, time_wait
from .switch import Rig

KEY = 6, Endpoint(VIP, VPORT)
FIRST, SECOND = Endpoint(SERVER, RPORT), Endpoint(SERVER2, RPORT)
KEEP = SessionFlag.KEEP_TIMESTAMPS | SessionFlag.KEEP_MSS
TOA = SessionFlag.TOA


DIRECT_SERVER = Endpoint(SERVER, VPORT)
ONE_WAY = KEEP | SessionFlag.ONE_WAY


def dr(**changes: object) -> Rig:
    servers = (real(port=VPORT),)
    return Rig(config(virtual(**({"mode": Mode.DR, "local_addresses": (), "real_servers": servers} | changes))))


def nat(**changes: object) -> Rig:
    return Rig(config(virtual(**({"mode": Mode.NAT, "local_addresses": ()} | changes))))


def over(rig: Rig) -> None:
    """No packet comes any more, and the sessions end."""
    rig.advance(91)
    rig.advance(9)


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
    rig.apply(EditService(KEY, ServiceSettings(toa=False, reset_on_miss=False)))
    rig.settle()
    assert rig.switch.log_of_updates == [
        (Op.MODIFY, ServerIn(0, 0, *FIRST)),
        (Op.MODIFY, ServerOut(0, 0, VIP, VPORT)),
    ]


def test_a_mode_that_there_is_not_is_refused() -> None:
    rig = Rig(config())
    with pytest.raises(CommandError, match="'direct' is not one of fullnat, nat, dr"):
        rig.apply(EditServer(KEY, FIRST, ServerSettings(mode="direct")))  # type: ignore[arg-type]


# ---- direct routing


def test_a_session_in_dr_answers_from_the_virtual_address() -> None:
    rig = dr()
    rig.send(syn(40000, 7))
    rig.settle()
    view = only(rig)
    assert rig.switch.of(ServerIn) == {ServerIn(0, ONE_WAY, SERVER, 0, "to_server_direct")}
    assert rig.switch.of(ServerOut) == {ServerOut(0, ONE_WAY, VIP, VPORT)}
    assert (view.entry.flow_in.src, view.entry.flow_in.dst) == (Endpoint(CLIENT, 40000), Endpoint(VIP, VPORT))
    assert (view.entry.flow_out.src, view.entry.flow_out.dst) == (view.entry.flow_in.dst, view.entry.flow_in.src)
    assert (view.entry.delta, view.server) == (0, DIRECT_SERVER)


def test_in_dr_two_services_share_a_clients_port() -> None:
    services = [
        virtual(port=port, mode=Mode.DR, local_addresses=(), real_servers=(real(port=port),)) for port in (80, 81)
    ]
    rig = Rig(config(*services))
    for port in (80, 81):
        rig.send(syn(40000, 7, vport=port))
        rig.settle()
    assert {view.entry.vport for view in rig.controller.sessions()} == {80, 81}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), "SYN_RECV"),
        (("SYN_ACK", "ESTABLISHED"), "ESTABLISHED"),
        (("SYN_ACK", "ESTABLISHED", "FIN_IN"), "FIN_WAIT"),
        (("SYN_ACK", "ESTABLISHED", "RST_IN"), "CLOSE"),
        (("RST_IN",), "SYN_RECV"),
        (("FIN_IN",), "FIN_WAIT"),
    ],
)
def test_states_of_one_way_are_those_of_lvss_input_only(events: tuple[str, ...], state: str) -> None:
    rig = dr()
    entry = opened(rig)
    for event in events:
        rig.send(SessionEvents(entry.session_id, IN, EVENT[event]))
    assert only(rig).state == state


def test_an_idle_session_in_dr_is_reset_on_both_sides() -> None:
    rig = dr()
    entry = established(rig)
    over(rig)
    client, virtual_end = Endpoint(CLIENT, 40000), Endpoint(VIP, VPORT)
    assert rig.switch.resets == [
        Reset(bare_reset(Flow(6, client, virtual_end)), entry.session_id),
        Reset(bare_reset(Flow(6, virtual_end, client)), entry.session_id),
    ]
    nothing_left(rig)


def test_a_session_that_its_client_has_ended_goes_in_silence() -> None:
    rig = dr()
    entry = established(rig)
    rig.send(SessionEvents(entry.session_id, IN, EVENT["FIN_IN"]))
    rig.advance(129)
    assert only(rig).state == "FIN_WAIT"
    rig.advance(3)
    assert rig.switch.resets == []
    nothing_left(rig)


def test_a_lost_report_in_dr_is_made_up_for_by_the_clients_packets_alone() -> None:
    rig = dr()
    entry = opened(rig)
    rig.advance(29)
    rig.hit(entry.session_id, into=20, out=0)
    rig.advance(2)
    assert only(rig).state == "ESTABLISHED"


def test_the_next_controller_knows_a_server_in_dr_by_the_switchs_entries() -> None:
    servers = (real(port=VPORT, mode=Mode.DR), real("10.0.2.12", mode=Mode.NAT), real("10.0.2.13"))
    rig = Rig(config(virtual(scheduler="rr", real_servers=servers)))
    for port in (40000, 40001, 40002):
        established(rig, port)
    before = {view.entry: view.server for view in rig.controller.sessions()}
    rig.restart()
    assert {view.entry: view.server for view in rig.controller.sessions()} == before
    rig.advance(20)
    assert {view.state for view in rig.controller.sessions()} == {"ESTABLISHED"}
    over(rig)
    nothing_left(rig)


@pytest.mark.parametrize("restart", [False, True])
def test_a_server_that_comes_to_dr_is_another_one(restart: bool) -> None:
    rig = Rig(config(virtual(real_servers=(real(port=VPORT),))))
    entry = established(rig)
    changed = config(virtual(real_servers=(real(port=VPORT, mode=Mode.DR),)))
    if restart:
        rig.config = changed
        rig.restart()
    else:
        rig.reconfigure(changed)
    rig.settle()
    assert rig.switch.sessions() == {entry.session_id: entry}
    assert rig.switch.of(ServerIn) == {
        ServerIn(0, TOA, *DIRECT_SERVER),
        ServerIn(1, ONE_WAY, SERVER, 0, "to_server_direct"),
    }


def test_a_session_of_a_server_in_dr_that_no_entry_tells_goes() -> None:
    rig = dr()
    entry = established(rig)
    del rig.switch.tables["server_in", entry.server_id]
    rig.restart()
    assert rig.switch.sessions() == {}


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (Endpoint(SERVER2, 8080), "dr changes no port: that of 10.0.2.12:8080 has to be 80"),
        (Endpoint(ip("192.0.2.77"), 80), "real server 192.0.2.77:80 is not next door, as dr needs it"),
    ],
)
def test_what_dr_cannot_reach_is_refused(server: Endpoint, problem: str) -> None:
    rig = dr()
    with pytest.raises(CommandError) as caught:
        rig.apply(AddServer(KEY, server, ServerSettings()))
    assert [found.message for found in caught.value.problems] == [problem]
    # And a server that is there does not come to it, either.
    rig = Rig(config(virtual(real_servers=(RealServer(address=IPv4Address(server.address), port=server.port),))))
    with pytest.raises(CommandError) as caught:
        rig.apply(EditService(KEY, ServiceSettings(mode=Mode.DR)))
    assert [found.message for found in caught.value.problems] == [problem]


def test_a_packet_waits_for_the_mac_address_of_its_server_and_not_of_the_virtual_address() -> None:
    rig = dr()
    entry = opened(rig)
    frame = tcp_frame(CLIENT, 40000, VIP, VPORT, 8, 1, TcpFlag.ACK)
    rig.send(PacketIn(PUNT["NO_NEIGHBOR"], 0, CLIENT_PORT, entry.session_id, frame))
    before = len(rig.switch.forwarded)
    rig.send(arp_reply(SERVER, SERVER_MAC, ip("10.0.2.1"), SWITCH_MAC_2, SERVER_PORT))
    (sent,) = rig.switch.forwarded[before:]
    assert (sent.port, sent.frame[:12]) == (SERVER_PORT, (SERVER_MAC << 48 | SWITCH_MAC_2).to_bytes(12, "big"))
    assert sent.frame[26:34] == CLIENT + VIP
