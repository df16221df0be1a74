"""Sessions over IPv6: what they hold, how they end, and what a restart makes of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.config.model import RealServer, ServerSettings, ServiceSettings
from fullnat.core.declared.commands import AddServer, Command, CommandError, EditInterface, EditService, Reason
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Inject, PacketIn, Reset, SwitchDown
from fullnat.core.network.frames import bare_reset
from fullnat.core.session.isn import IsnGenerator
from fullnat.core.session.options import BadOptions, edit_options
from fullnat.net.flow import Address, Endpoint, Flow, address
from fullnat.net.headers import TcpFlag, ethernet, ip, tcp_packet, udp
from fullnat.net.parse import parse
from fullnat.p4constants import SessionFlag
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.virtual_service import VirtualService
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import TCP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether

from . import builders6 as v6
from .builders import CLIENT as CLIENT4
from .builders import CLIENT_PORT, PUNT, RPORT, SERVER_PORT, SWITCH_MAC_1, VPORT, real, syn, virtual
from .helpers import nothing_left, only, tell
from .switch import Rig

KEY = 6, Endpoint(v6.VIP, VPORT)


def opened(rig: Rig, port: int = 40000, seq: int = 1) -> SessionEntry:
    rig.send(v6.syn(port, seq))
    rig.settle()
    entry = rig.switch.sessions()[rig.switch.injected[-1].session_id]
    assert (entry.client_port, entry.client_isn) == (port, seq)
    return entry


def established(rig: Rig, port: int = 40000, seq: int = 1) -> SessionEntry:
    entry = opened(rig, port, seq)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    return entry


# ---- configured tables


def test_a_fresh_switch_gets_the_configuration_of_both_families() -> None:
    rig = Rig(v6.config(v6.virtual(reset_on_miss=True), virtual()))
    assert rig.switch.of(Port) == {Port(1, 0x02AA00000001), Port(2, 0x02AA00000002)}
    assert {own for own in rig.switch.of(OwnAddress) if len(own[0]) == 16} == {
        OwnAddress(v6.VIP, "own_vip"),
        OwnAddress(v6.LOCAL, "own_local"),
        OwnAddress(v6.OURS, "own_interface"),
        OwnAddress(v6.OUR_SERVER_SIDE, "own_interface"),
    }
    assert len(rig.switch.of(OwnAddress)) == 8
    assert {route for route in rig.switch.of(Route) if len(route[0]) == 16} == {
        Route(address("2001:db8:1::"), 64, "route_connected"),
        Route(address("2001:db8:2::"), 64, "route_connected"),
        Route(Address(bytes(16)), 0, "route_via", 2),
    }
    assert VirtualService(6, v6.VIP, VPORT, 1) in rig.switch.of(VirtualService)
    assert len(rig.switch.of(VirtualService)) == 2


def test_an_interfaces_address_is_its_own_when_another_is_a_vip() -> None:
    """A service that comes and goes on one address changes nothing of the port's others."""
    rig = Rig(v6.config())
    on_interface = virtual(address=IPv6Address(v6.OURS), local_addresses=(), real_servers=())
    before = rig.switch.of(OwnAddress)
    rig.reconfigure(v6.config(v6.virtual(), on_interface))
    rig.settle()
    changed = (before - {OwnAddress(v6.OURS, "own_interface")}) | {OwnAddress(v6.OURS, "own_vip")}
    assert rig.switch.of(OwnAddress) == changed
    rig.reconfigure(v6.config())
    rig.settle()
    assert rig.switch.of(OwnAddress) == before


# ---- sessions


def test_a_session_is_of_its_clients_and_servers_family() -> None:
    rig = Rig(v6.config(v6.virtual(), virtual()))
    packet = v6.syn(40000, 0xFFFFFFF0)
    rig.send(packet)
    rig.settle()
    entry = only(rig).entry
    assert entry == SessionEntry(
        session_id=0,
        server_id=0,
        protocol=6,
        client=v6.CLIENT,
        client_port=40000,
        vip=v6.VIP,
        vport=VPORT,
        local=v6.LOCAL,
        local_port=entry.local_port,
        server=v6.SERVER,
        server_port=RPORT,
        delta=entry.delta,
        client_isn=0xFFFFFFF0,
        idle_timeout=90.0,
    )
    assert rig.switch.injected == [Inject(CLIENT_PORT, packet.frame, 0, True)]
    assert ServerIn(0, SessionFlag.TOA, v6.SERVER, RPORT) in rig.switch.of(ServerIn)
    assert ServerOut(0, SessionFlag.TOA, v6.VIP, VPORT) in rig.switch.of(ServerOut)
    rig.send(syn(40000, 7))
    rig.settle()
    assert rig.switch.sessions()[1].client == CLIENT4


def test_an_address_of_zeros_in_front_is_not_that_of_ipv4() -> None:
    """10.0.0.1 and 64:ff9b::a00:1 are two clients, with one port number each."""
    rig = Rig(v6.config(v6.virtual(), virtual()))
    for packet in (v6.syn(client=address("64:ff9b::cb00:7109")), syn()):
        rig.send(packet)
        rig.settle()
    assert {entry.client for entry in rig.switch.sessions().values()} == {address("64:ff9b::cb00:7109"), CLIENT4}


def test_both_ends_of_an_idle_session_are_reset_and_nothing_is_left() -> None:
    rig = Rig(v6.config())
    entry = established(rig)
    rig.advance(91)
    rig.advance(0.5)
    assert rig.switch.resets == [
        Reset(bare_reset(entry.flow_in), entry.session_id),
        Reset(bare_reset(entry.flow_out), entry.session_id),
    ]
    for reset in rig.switch.resets:
        packet = Ether(reset.frame)
        fresh = packet.copy()
        del fresh[TCP].chksum
        assert bytes(fresh) == reset.frame
        assert packet[TCP].flags == "R"
    rig.advance(9)
    nothing_left(rig)


def test_a_client_that_comes_back_gets_a_new_delta() -> None:
    rig = Rig(v6.config())
    entry = established(rig)
    tell(rig, entry.session_id, "FIN_IN", "FIN_OUT")
    rig.send(v6.syn(40000, 77, reason="SESSION_SYN", session_id=entry.session_id))
    rig.settle()
    again = rig.switch.sessions()[entry.session_id]
    assert again == entry._replace(client_isn=77, delta=again.delta)
    assert again.delta != entry.delta


def test_a_restarted_controller_adopts_sessions_of_both_families_and_writes_nothing() -> None:
    rig = Rig(v6.config(v6.virtual(), virtual()))
    entries = {established(rig, port) for port in (40000, 40001)}
    rig.send(syn(40000))
    rig.settle()
    before = rig.switch.sessions()
    rig.switch.log_of_updates.clear()
    rig.restart()
    assert rig.switch.log_of_updates == []
    assert {view.entry for view in rig.controller.sessions()} == set(before.values()) > entries
    assert rig.controller.stats()["sessions_adopted"] == 3
    rig.send(SwitchDown("lost"))
    rig.up()
    assert rig.switch.log_of_updates == []


def test_a_session_that_has_vanished_is_forgotten() -> None:
    rig = Rig(v6.config())
    entry = established(rig)
    rig.switch.lose(entry.session_id)
    rig.up()
    assert rig.controller.stats()["sessions_lost"] == 1
    nothing_left(rig)


@pytest.mark.parametrize("mode", [Mode.NAT, Mode.DR, Mode.TUNNEL, Mode.GUE])
def test_in_other_modes_the_client_is_the_local_endpoint(mode: Mode) -> None:
    rig = Rig(v6.config(v6.virtual(mode=mode, local_addresses=(), real_servers=(v6.real(port=VPORT),))))
    entry = opened(rig)
    assert (entry.local, entry.local_port, entry.delta) == (v6.CLIENT, 40000, 0)
    assert entry.server == (v6.SERVER if mode is Mode.NAT else v6.VIP)
    (to,) = rig.switch.of(ServerIn)
    suffixes = {Mode.NAT: "", Mode.DR: "_direct", Mode.TUNNEL: "_tunnel", Mode.GUE: "_gue"}
    assert isinstance(to, ServerIn)
    assert (to.address, to.action) == (v6.SERVER, "to_server" + suffixes[mode])
    assert to.source == (v6.OUR_SERVER_SIDE if mode.outer_bytes else None)
    before = dict(rig.switch.tables)
    rig.restart()
    assert rig.switch.tables == before


def test_a_tunnel_has_the_family_of_its_server() -> None:
    """6in4: the service is of IPv6, and what is around its packets of IPv4."""
    rig = Rig(v6.config(v6.virtual(mode=Mode.TUNNEL, local_addresses=(), real_servers=(v4_server(),))))
    entry = opened(rig)
    assert (entry.server, entry.local) == (v6.VIP, v6.CLIENT)
    (to,) = rig.switch.of(ServerIn)
    assert to == ServerIn(0, to[1], address("10.0.2.11"), 0, "to_server_tunnel", address("10.0.2.1"))
    rig.restart()
    assert only(rig).server == Endpoint(address("10.0.2.11"), VPORT)


def v4_server() -> RealServer:
    return real(port=VPORT)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            AddServer(KEY, Endpoint(address("10.0.2.11"), 80), ServerSettings(mode=Mode.NAT)),
            "real server 10.0.2.11:80 cannot serve the IPv6 address [2001:db8:9::80]:80 in nat:"
            " fullnat and tunnels alone lead to the other family",
        ),
        (
            AddServer(KEY, Endpoint(address("10.0.2.11"), 80), ServerSettings(mode=Mode.DR)),
            "real server 10.0.2.11:80 cannot serve the IPv6 address [2001:db8:9::80]:80 in dr:"
            " fullnat and tunnels alone lead to the other family",
        ),
        (
            EditService((6, Endpoint(address("198.51.100.10"), 80)), ServiceSettings(toa_kind=253)),
            "toa_kind 253 is a kind of TOA for services of IPv6, and 198.51.100.10:80 is not",
        ),
    ],
)
def test_mixed_families_are_refused_by_name(command: Command, message: str) -> None:
    rig = Rig(v6.config(v6.virtual(), virtual()))
    with pytest.raises(CommandError) as caught:
        rig.apply(command)
    (problem,) = caught.value.problems
    assert problem.message == message
    assert problem.reason in (Reason.CONFLICT, Reason.INVALID)


@pytest.mark.parametrize(("kind", "flags"), [(254, SessionFlag.TOA), (253, SessionFlag.TOA | SessionFlag.TOA_253)])
def test_the_kind_of_toa_is_the_services(kind: int, flags: int) -> None:
    rig = Rig(v6.config(v6.virtual(toa_kind=kind)))
    assert {to[1] for to in rig.switch.of(ServerIn)} == {flags}
    rig.apply(*diff(rig.controller.model, model_of(v6.config(v6.virtual(toa=False, toa_kind=kind)))))
    rig.settle()
    assert {to[1] for to in rig.switch.of(ServerIn)} == {0}


# ---- what the controller answers


def test_a_client_without_server_is_told_by_icmpv6() -> None:
    """RFC 4443 3.1: from the VIP, with as much of the SYN as there is room for."""
    rig = Rig(v6.config(v6.virtual(real_servers=(replace(v6.real(), weight=0),))))
    packet = v6.syn()
    rig.switch.forwarded.clear()
    rig.send(packet)
    (effect,) = rig.switch.forwarded
    told = Ether(effect.frame)
    assert (effect.port, told[IPv6].src, told[IPv6].dst) == (CLIENT_PORT, "2001:db8:9::80", "2001:db8:cafe::9")
    assert (told[ICMPv6DestUnreach].type, told[ICMPv6DestUnreach].code) == (1, 4)
    assert bytes(told[ICMPv6DestUnreach].payload) == packet.frame[14:]
    fresh = told.copy()
    del fresh[ICMPv6DestUnreach].cksum
    assert bytes(fresh) == effect.frame


def test_an_error_quotes_what_fits_into_1280_bytes() -> None:
    rig = Rig(v6.config(v6.virtual(protocol="udp", real_servers=(replace(v6.real(), weight=0),))))
    flow = Flow(17, Endpoint(v6.CLIENT, 40000), Endpoint(v6.VIP, VPORT))
    datagram = ip(v6.CLIENT, v6.VIP, 17, udp(flow, bytes(1400)))
    rig.switch.forwarded.clear()
    rig.send(PacketIn(PUNT["SERVICE_DATAGRAM"], 0, CLIENT_PORT, 0, ethernet(SWITCH_MAC_1, 9, 0x86DD) + datagram))
    (effect,) = rig.switch.forwarded
    assert len(effect.frame) == 14 + 1280
    assert effect.frame[14 + 48 :] == datagram[: 1280 - 48]


def test_a_late_segment_is_answered_with_rst() -> None:
    rig = Rig(v6.config(v6.virtual(reset_on_miss=True)))
    rig.switch.forwarded.clear()
    frame = v6.tcp_frame(v6.CLIENT, 40000, v6.VIP, VPORT, 100, 200, TcpFlag.ACK)
    rig.send(PacketIn(PUNT["NO_SESSION"], 1, CLIENT_PORT, 0, frame))
    (effect,) = rig.switch.forwarded
    answer = parse(effect.frame)
    assert answer.is_intact()
    assert answer.flow == Flow(6, Endpoint(v6.VIP, VPORT), Endpoint(v6.CLIENT, 40000))
    assert answer.tcp is not None
    assert (answer.tcp.seq, answer.tcp.flags) == (200, TcpFlag.RST)


@pytest.mark.parametrize(("mode", "between"), [(Mode.TUNNEL, 0), (Mode.GUE, 8)])
@pytest.mark.parametrize(("server", "outer"), [("2001:db8:2::11", 40), ("10.0.2.11", 20)])
def test_the_client_is_told_what_a_tunnel_leaves(server: str, outer: int, mode: Mode, between: int) -> None:
    server_there = v6.real(port=VPORT) if ":" in server else v4_server()
    rig = Rig(v6.config(v6.virtual(mode=mode, local_addresses=(), real_servers=(server_there,))))
    entry = established(rig)
    rig.apply(EditInterface(replace(v6.INTERFACES6[1], mtu=1400)))
    before = len(rig.switch.injected)
    frame = v6.tcp_frame(v6.CLIENT, 40000, v6.VIP, VPORT, 0x11223344, 9, TcpFlag.ACK)
    rig.send(PacketIn(PUNT["TOO_BIG"], 0, CLIENT_PORT, entry.session_id, frame))
    (sent,) = rig.switch.injected[before:]
    told = Ether(sent.frame)
    assert (told[IPv6].src, told[IPv6].dst) == ("2001:db8:1::1", "2001:db8:cafe::9")
    assert told[ICMPv6PacketTooBig].mtu == 1400 - outer - between
    assert bytes(told[ICMPv6PacketTooBig].payload) == frame[14:]


def test_segments_for_a_server_that_is_gone_have_their_counter() -> None:
    rig = Rig(v6.config())
    rig.send(PacketIn(PUNT["NO_NEIGHBOR"], 0, SERVER_PORT, 0, bytes(60)))
    assert rig.controller.stats()["bad_frame"] == 1


# ---- numbers and options


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 127))
def test_isns_depend_on_whole_addresses(local: bytes, server: bytes, bit: int) -> None:
    """Any bit of either address makes other numbers; DPVS takes 32 of each."""
    flipped = (int.from_bytes(server, "big") ^ 1 << bit).to_bytes(16, "big")
    number, other = (
        IsnGenerator(bytes(16)).next(Endpoint(Address(local), 5000), Endpoint(Address(end), 80), 5.0)
        for end in (server, flipped)
    )
    assert number != other


SESSION = SessionEntry(3, 0, 6, v6.CLIENT, 40000, v6.VIP, 80, v6.LOCAL, 5000, v6.SERVER, 8080, 0x9E3779B9, 0, 90.0)
MSS_1440, TIMESTAMPS = b"\x02\x04\x05\xa0", b"\x08\x0a\x11\x22\x33\x44\0\0\0\0"
FORGED = b"\xfd\x14" + bytes(18)


def segment(options: bytes, flow: Flow, flags: int, damage: int = 0) -> bytes:
    made = ethernet(1, 2, 0x86DD) + tcp_packet(flow, 5, 6, flags, options=options, payload=b"payload")
    return made[:-1] + bytes((made[-1] ^ damage,))


@pytest.mark.parametrize(
    ("options", "inward", "flags", "expected"),
    [
        (MSS_1440, False, TcpFlag.SYN | TcpFlag.ACK, b"\x02\x04" + (1420).to_bytes(2, "big")),
        (b"\x02\x04\x04\xce", False, TcpFlag.SYN | TcpFlag.ACK, b"\x02\x04" + (1220).to_bytes(2, "big")),
        (b"\x02\x04\x02\x00", False, TcpFlag.SYN | TcpFlag.ACK, b"\x02\x04\x02\x00"),
        (MSS_1440, True, TcpFlag.SYN, MSS_1440),
        (TIMESTAMPS + b"\x01\x01", True, TcpFlag.SYN, b"\x01" * 12),
        (FORGED, True, TcpFlag.ACK, b"\x01" * 20),
        (FORGED + TIMESTAMPS + b"\x01\x01", True, TcpFlag.SYN, b"\x01" * 32),
    ],
)
@pytest.mark.parametrize("damage", [0, 0x40])
def test_options_are_edited_as_by_the_data_plane(
    options: bytes, inward: bool, flags: int, expected: bytes, damage: int
) -> None:
    """Lists keep their length: a SYN over IPv6 gets no room for TOA, and what was damaged stays so."""
    flow = SESSION.flow_in if inward else SESSION.flow_out
    edited = edit_options(parse(segment(options, flow, flags, damage)), SESSION, SessionFlag.TOA)
    assert edited == segment(expected, flow, flags, damage)


def test_a_segment_of_another_family_is_not_the_sessions() -> None:
    frame = segment(b"", Flow(6, Endpoint(CLIENT4, 40000), Endpoint(CLIENT4, 80)), TcpFlag.ACK)
    with pytest.raises(BadOptions):
        edit_options(parse(frame), SESSION, 0)


def test_each_local_address_counts_its_own_sessions_in_either_family() -> None:
    rig = Rig(v6.config(v6.virtual(), virtual()))
    opened(rig)
    opened(rig, 40001)
    rig.send(syn(40002, 1))
    rig.settle()
    counted = {local.address: (local.used, local.connections) for local in rig.controller.local_addresses()}
    assert sorted(counted.values()) == [(1, 1), (2, 2)]
    assert {len(address): used for address, (used, _) in counted.items()} == {16: 2, 4: 1}
