"""Servers that answer past the switch: direct routing and tunnels."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from fullnat.config.model import RealServer, ServerSettings, ServiceSettings
from fullnat.core.declared.commands import AddServer, CommandError, EditInterface, EditService
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import PacketIn, Reset, SessionEvents
from fullnat.core.network.frames import bare_reset
from fullnat.net.flow import Endpoint, Flow
from fullnat.net.headers import TcpFlag
from fullnat.p4constants import SessionFlag
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut

from .builders import (
    CLIENT,
    CLIENT_PORT,
    EVENT,
    IN,
    INTERFACES,
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
from .helpers import established, nothing_left, only, opened, over
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


# ---- tunnels


def tunnel(host: str = "10.0.2.11", **changes: object) -> Rig:
    servers = (real(host, port=VPORT, mode=Mode.TUNNEL),)
    return Rig(config(virtual(**({"local_addresses": (), "real_servers": servers} | changes))))


@pytest.mark.parametrize(
    ("host", "source"),
    [("10.0.2.11", "10.0.2.1"), ("192.0.2.77", "198.51.100.1")],
    ids=["near", "far"],
)
def test_a_tunnel_begins_at_the_interface_that_leads_to_the_server(host: str, source: str) -> None:
    rig = tunnel(host)
    inward = ServerIn(0, ONE_WAY, ip(host), 0, "to_server_tunnel", ip(source))
    assert rig.switch.of(ServerIn) == {inward}
    assert rig.switch.of(ServerOut) == {ServerOut(0, ONE_WAY, VIP, VPORT)}
    entry = opened(rig)
    assert (entry.flow_out.src, entry.flow_out.dst) == (entry.flow_in.dst, entry.flow_in.src)
    assert only(rig).server == Endpoint(ip(host), VPORT)


def test_a_tunnel_follows_the_interfaces_address() -> None:
    rig = tunnel()
    entry = established(rig)
    inner = replace(INTERFACES[1], address=IPv4Interface("10.0.2.9/24"))
    rig.apply(EditInterface(inner))
    rig.settle()
    assert rig.switch.of(ServerIn) == {ServerIn(0, ONE_WAY, SERVER, 0, "to_server_tunnel", ip("10.0.2.9"))}
    assert only(rig).entry == entry


def test_the_next_controller_tells_a_tunnel_from_direct_routing() -> None:
    modes = enumerate((Mode.DR, Mode.TUNNEL, Mode.GUE), 1)
    servers = [real(f"10.0.2.1{number}", port=VPORT, mode=mode) for number, mode in modes]
    rig = Rig(config(virtual(scheduler="rr", real_servers=servers)))
    assert {entry.action for entry in rig.switch.of(ServerIn) if isinstance(entry, ServerIn)} == {
        "to_server_direct",
        "to_server_tunnel",
        "to_server_gue",
    }
    for port in (40000, 40001, 40002):
        established(rig, port)
    before = {view.entry: view.server for view in rig.controller.sessions()}
    entries = rig.switch.entries()
    rig.restart()
    assert {view.entry: view.server for view in rig.controller.sessions()} == before
    assert set(rig.switch.entries()) == set(entries)
    over(rig)
    nothing_left(rig)


def test_a_tunnel_changes_no_port() -> None:
    rig = tunnel()
    with pytest.raises(CommandError, match=r"tunnel changes no port: that of 10\.0\.2\.12:8080 has to be 80"):
        rig.apply(AddServer(KEY, SECOND, ServerSettings(mode=Mode.TUNNEL)))
