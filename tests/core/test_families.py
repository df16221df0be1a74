"""NAT64 and NAT46: a service, its local addresses and its real servers are each of the family they like, in FULLNAT."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from fullnat.config.model import Config, ServerSettings
from fullnat.core.declared.commands import AddLocal, AddServer, EditInterface, RemoveLocal
from fullnat.core.interface import PacketIn, Reset
from fullnat.core.network.frames import bare_reset
from fullnat.net.flow import Address, Endpoint, is_v6
from fullnat.net.headers import TcpFlag
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether

from . import builders6 as v6
from .builders import (
    CLIENT,
    CLIENT_PORT,
    LOCAL,
    PUNT,
    RPORT,
    SERVER,
    SERVER_PORT,
    VIP,
    VPORT,
    real,
    syn,
    tcp_frame,
    virtual,
)
from .helpers import nothing_left, only, tell
from .switch import Rig

KEY = 6, Endpoint(VIP, VPORT)


def nat64() -> Config:
    return v6.config(v6.virtual(local_addresses=(IPv4Address(LOCAL),), real_servers=(real(),)))


def nat46() -> Config:
    return v6.config(virtual(local_addresses=(IPv6Address(v6.LOCAL),), real_servers=(v6.real(),)))


KINDS = pytest.mark.parametrize(
    ("config", "client", "local", "server"),
    [(nat64(), v6.CLIENT, LOCAL, SERVER), (nat46(), CLIENT, v6.LOCAL, v6.SERVER)],
    ids=["NAT64", "NAT46"],
)


def opened(rig: Rig, client: Address, port: int = 40000) -> SessionEntry:
    rig.send(v6.syn(port) if is_v6(client) else syn(port))
    rig.settle()
    return rig.switch.sessions()[rig.switch.injected[-1].session_id]


@KINDS
def test_a_session_has_the_clients_family_on_one_side_and_the_servers_on_the_other(
    config: Config, client: Address, local: Address, server: Address
) -> None:
    rig = Rig(config)
    entry = opened(rig, client)
    assert (entry.client, entry.local, entry.server, entry.server_port) == (client, local, server, RPORT)
    assert is_v6(entry.vip) is is_v6(client)
    (to,), (back,) = rig.switch.of(ServerIn), rig.switch.of(ServerOut)
    assert isinstance(to, ServerIn)
    assert isinstance(back, ServerOut)
    assert (to.address, back.vip) == (server, entry.vip)


@KINDS
def test_it_is_taken_over_by_a_controller_that_starts_and_ends_as_any(
    config: Config, client: Address, local: Address, server: Address
) -> None:
    rig = Rig(config)
    entry = opened(rig, client)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    before = dict(rig.switch.tables)
    rig.restart()
    assert rig.switch.tables == before
    assert only(rig).entry == entry
    assert opened(rig, client, 40001).local_port != entry.local_port


@KINDS
def test_both_ends_of_an_idle_one_are_reset_in_their_own_families(
    config: Config, client: Address, local: Address, server: Address
) -> None:
    rig = Rig(config)
    entry = opened(rig, client)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    rig.advance(200)
    assert rig.switch.resets == [
        Reset(bare_reset(entry.flow_in), entry.session_id),
        Reset(bare_reset(entry.flow_out), entry.session_id),
    ]
    nothing_left(rig)


def test_one_service_has_servers_of_both_families_each_by_a_local_address_of_its_own() -> None:
    both = v6.virtual(
        local_addresses=(IPv6Address(v6.LOCAL), IPv4Address(LOCAL)), real_servers=(v6.real(), real()), scheduler="rr"
    )
    rig = Rig(v6.config(both))
    entries = [opened(rig, v6.CLIENT, port) for port in range(40000, 40004)]
    assert {(entry.local, entry.server) for entry in entries} == {(v6.LOCAL, v6.SERVER), (LOCAL, SERVER)}


def test_a_server_without_a_local_address_of_its_family_gets_no_session() -> None:
    """Until there is one: as a service that has none at all."""
    rig = Rig(v6.config(virtual(real_servers=())))
    rig.apply(AddServer(KEY, Endpoint(v6.SERVER, RPORT), ServerSettings()))
    rig.settle()
    rig.send(syn(40000))
    rig.settle()
    assert rig.switch.sessions() == {}
    assert rig.controller.stats()["no_local_port"] == 1
    rig.apply(AddLocal(KEY, v6.LOCAL))
    rig.settle()
    assert opened(rig, CLIENT, 40001).local == v6.LOCAL
    rig.apply(RemoveLocal(KEY, v6.LOCAL))


def too_big(rig: Rig, event: PacketIn) -> int:
    """The MTU that the sender of a packet is told, in its own family."""
    before = len(rig.switch.injected)
    rig.send(event)
    (sent,) = rig.switch.injected[before:]
    packet = Ether(sent.frame)
    if IPv6 in packet:
        return int(packet[ICMPv6PacketTooBig].mtu)
    assert (packet[ICMP].type, packet[ICMP].code, packet[IP].version) == (3, 4, 4)
    return int(packet[ICMP].nexthopmtu)


@pytest.mark.parametrize(
    ("config", "client", "inward", "outward"),
    [(nat64(), v6.CLIENT, 1400 + 20 - 20, 1400 - 20), (nat46(), CLIENT, 1400 - 20 - 8, 1400 + 20)],
    ids=["NAT64", "NAT46"],
)
def test_senders_are_told_what_the_other_header_leaves_of_the_mtu(
    config: Config, client: Address, inward: int, outward: int
) -> None:
    rig = Rig(config)
    entry = opened(rig, client)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    for interface in config.interfaces:
        rig.apply(EditInterface(replace(interface, mtu=1400)))
    frame_of = v6.tcp_frame if is_v6(client) else tcp_frame
    sent = frame_of(client, 40000, entry.vip, VPORT, 1, 2, TcpFlag.ACK)
    assert too_big(rig, PacketIn(PUNT["TOO_BIG"], 0, CLIENT_PORT, entry.session_id, sent)) == inward
    frame_of = v6.tcp_frame if is_v6(entry.server) else tcp_frame
    sent = frame_of(entry.server, RPORT, entry.local, entry.local_port, 1, 2, TcpFlag.ACK)
    assert too_big(rig, PacketIn(PUNT["TOO_BIG"], 0, SERVER_PORT, entry.session_id, sent)) == outward
