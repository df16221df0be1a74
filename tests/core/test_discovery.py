"""Neighbor discovery on behalf of the switch."""

from __future__ import annotations

from ipaddress import IPv6Address

from fullnat.core.interface import Log, NeighborHeard, PacketIn, SwitchDown
from fullnat.core.network.frames import readdressed
from fullnat.core.network.neighbors import HEARD_LIMIT
from fullnat.net import nd
from fullnat.net.flow import Address, address
from fullnat.net.headers import TcpFlag, ethernet, icmpv6, ip
from fullnat.net.parse import parse
from fullnat.tables.own_address import OwnAddress

from . import builders6 as v6
from .builders import (
    CLIENT_PORT,
    PUNT,
    ROUTER_MAC,
    SERVER_MAC,
    SERVER_PORT,
    SWITCH_MAC_1,
    SWITCH_MAC_2,
    VIP,
    virtual,
)
from .switch import Neighbor, Rig

OTHER_MAC = 0x020000000099
SERVER_ROW = Neighbor(v6.SERVER, SERVER_PORT, SWITCH_MAC_2, SERVER_MAC, 1500)


def sent(rig: Rig) -> list[tuple[int, int, nd.Solicitation | nd.Advertisement]]:
    """(port, destination MAC, what it says) of all messages of neighbor discovery since the last look."""
    found = []
    for effect in rig.switch.forwarded:
        packet = parse(effect.frame)
        if (message := nd.read(packet)) is not None:
            found.append((effect.port, packet.destination_mac, message))
    rig.switch.forwarded.clear()
    return found


def questions(rig: Rig) -> set[tuple[int, int, Address]]:
    return {
        (port, mac, message.target)
        for port, mac, message in sent(rig)
        if isinstance(message, nd.Solicitation) and message.sender != nd.UNSPECIFIED
    }


def answer(rig: Rig, sender: Address = v6.SERVER, mac: int = SERVER_MAC, port: int = SERVER_PORT) -> None:
    rig.send(v6.advertised(sender, mac, v6.OUR_SERVER_SIDE, SWITCH_MAC_2, port))
    rig.settle()


def group(target: Address) -> int:
    return nd.group_mac(nd.solicited_node(target))


def punted(destination: Address = v6.SERVER, number: int = 0) -> PacketIn:
    frame = v6.tcp_frame(v6.LOCAL, 5000 + number, destination, 8080, 1, 0, TcpFlag.SYN)
    return PacketIn(PUNT["NO_NEIGHBOR"], 0, CLIENT_PORT, 0, frame)


def warnings(rig: Rig) -> list[Log]:
    return [log for log in rig.switch.logs if log.level == "WARNING"]


def test_servers_and_gateways_are_asked_for_at_connect() -> None:
    rig = Rig(v6.config())
    assert questions(rig) == {
        (SERVER_PORT, group(v6.SERVER), v6.SERVER),
        (CLIENT_PORT, group(v6.GATEWAY), v6.GATEWAY),
    }
    assert rig.switch.neighbors() == set()
    answer(rig)
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_own_addresses_are_probed_and_announced_at_connect_and_when_they_are_new() -> None:
    """RFC 4862 5.4.2 and RFC 4861 7.2.6; a VIP in nobody's subnet is behind a router, which has a route."""
    rig = Rig(v6.config())
    said = sent(rig)
    for own, port, mac in ((v6.OURS, CLIENT_PORT, SWITCH_MAC_1), (v6.LOCAL, SERVER_PORT, SWITCH_MAC_2)):
        mine = [message for message in said if message[2].target == own]
        assert mine == [
            (port, group(own), nd.Solicitation(nd.UNSPECIFIED, own, None)),
            (port, nd.group_mac(nd.ALL_NODES), nd.Advertisement(own, mac, solicited=False, override=True)),
        ]
    assert not [message for message in said if message[2].target == v6.VIP]
    more = virtual(address=IPv6Address("2001:db8:1::80"), local_addresses=(), real_servers=())
    rig.reconfigure(v6.config(v6.virtual(), more))
    assert {message[2].target for message in sent(rig)} == {address("2001:db8:1::80")}


def test_packets_wait_for_the_answer_and_leave_with_their_hop_limit_lowered() -> None:
    rig = Rig(v6.config())
    sent(rig)
    packets = [punted(number=number) for number in range(3)]
    for packet in packets:
        rig.send(packet)
    assert rig.switch.forwarded == []
    answer(rig)
    wanted = [readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2) for packet in packets]
    assert [effect.frame for effect in rig.switch.forwarded] == wanted
    assert [parse(frame).flow for frame in wanted if frame] == [parse(packet.frame).flow for packet in packets]
    assert {frame[21] for frame in wanted if frame} == {63}


def test_an_unasked_advertisement_makes_nobody_known() -> None:
    rig = Rig(v6.config())
    answer(rig, v6.STRANGER)
    answer(rig, v6.SERVER, port=CLIENT_PORT)
    assert rig.switch.neighbors() == set()
    assert rig.controller.stats()["arp_ignored"] == 2


def said_by(target: Address, mac: int, *, solicited: bool, override: bool, option: bool = True) -> PacketIn:
    """An advertisement to us with these flags."""
    flags = solicited << 6 | override << 5
    message = bytes((136, 0, 0, 0, flags, 0, 0, 0)) + target
    message += b"\2\1" + mac.to_bytes(6, "big") if option else b""
    to = v6.OUR_SERVER_SIDE if solicited else nd.ALL_NODES
    packet = ip(target, to, 58, icmpv6(target, to, message), ttl=255)
    return v6.said(ethernet(SWITCH_MAC_2, mac, 0x86DD) + packet)


def test_another_address_counts_if_it_overrides_and_is_confirmed_if_nobody_asked() -> None:
    """RFC 4861 7.2.5."""
    rig = Rig(v6.config())
    answer(rig)
    sent(rig)
    rig.send(said_by(v6.SERVER, OTHER_MAC, solicited=False, override=True))
    rig.settle()
    assert rig.switch.neighbors() == {SERVER_ROW._replace(destination=OTHER_MAC)}
    rig.advance(1.5)
    assert (SERVER_PORT, OTHER_MAC, v6.SERVER) in questions(rig)


def test_another_address_that_does_not_override_is_doubt_alone() -> None:
    rig = Rig(v6.config())
    answer(rig)
    sent(rig)
    rig.send(said_by(v6.SERVER, OTHER_MAC, solicited=True, override=False))
    rig.settle()
    assert rig.switch.neighbors() == {SERVER_ROW}
    rig.advance(1.5)
    assert (SERVER_PORT, SERVER_MAC, v6.SERVER) in questions(rig)


def test_an_answer_without_link_layer_option_confirms_who_is_known_and_makes_nobody_known() -> None:
    rig = Rig(v6.config())
    bare = said_by(v6.SERVER, SERVER_MAC, solicited=True, override=True, option=False)
    rig.send(bare)
    rig.settle()
    assert rig.switch.neighbors() == set()
    answer(rig)
    rig.advance(61)
    sent(rig)
    rig.send(bare)
    rig.advance(58)
    assert v6.SERVER not in {target for _, _, target in questions(rig)}
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_a_neighbor_that_stays_silent_is_forgotten() -> None:
    """First asked at its address, then by the group."""
    rig = Rig(v6.config())
    answer(rig)
    sent(rig)
    rig.advance(62)
    assert (SERVER_PORT, SERVER_MAC, v6.SERVER) in questions(rig)
    rig.advance(8)
    assert (SERVER_PORT, group(v6.SERVER), v6.SERVER) in questions(rig)
    rig.advance(15)
    assert rig.switch.neighbors() == set()


def test_who_asks_for_an_address_of_ours_is_answered_and_known() -> None:
    rig = Rig(v6.config())
    sent(rig)
    rig.send(v6.said(nd.solicitation(SERVER_MAC, v6.STRANGER, v6.LOCAL)))
    rig.settle()
    ((port, mac, message),) = [item for item in sent(rig) if isinstance(item[2], nd.Advertisement)]
    assert (port, mac) == (SERVER_PORT, SERVER_MAC)
    assert message == nd.Advertisement(v6.LOCAL, SWITCH_MAC_2, solicited=True, override=True)
    assert rig.switch.neighbors() == {SERVER_ROW._replace(address=v6.STRANGER)}


def test_routers_ask_from_their_link_local_address_and_are_answered_there() -> None:
    rig = Rig(v6.config())
    sent(rig)
    rig.send(v6.said(nd.solicitation(ROUTER_MAC, v6.ROUTER, v6.OURS), CLIENT_PORT))
    (effect,) = rig.switch.forwarded
    packet = parse(effect.frame)
    assert (effect.port, packet.destination_mac, packet.dst) == (CLIENT_PORT, ROUTER_MAC, v6.ROUTER)
    assert nd.read(packet) == nd.Advertisement(v6.OURS, SWITCH_MAC_1, solicited=True, override=True)
    assert rig.switch.neighbors() == set()


def test_nobody_else_is_answered_for() -> None:
    """iqiyi/dpvs#963."""
    rig = Rig(v6.config())
    sent(rig)
    rig.send(v6.said(nd.solicitation(SERVER_MAC, v6.SERVER2, v6.STRANGER)))
    rig.send(v6.said(nd.probe(SERVER_MAC, v6.STRANGER)))
    assert rig.switch.forwarded == []


def test_who_is_about_to_take_an_address_of_ours_is_told_and_reported() -> None:
    """RFC 4862 5.4.3."""
    rig = Rig(v6.config())
    sent(rig)
    rig.send(v6.said(nd.probe(OTHER_MAC, v6.LOCAL)))
    assert sent(rig) == [
        (
            SERVER_PORT,
            nd.group_mac(nd.ALL_NODES),
            nd.Advertisement(v6.LOCAL, SWITCH_MAC_2, solicited=False, override=True),
        )
    ]
    (log,) = warnings(rig)
    assert log.message == "2001:db8:2::100 is ours, but also used by 02:00:00:00:00:99 at port 2"
    assert rig.controller.stats()["address_conflict"] == 1


def test_a_duplicate_that_answers_our_probe_is_reported_once_a_minute() -> None:
    rig = Rig(v6.config())
    duplicate = said_by(v6.LOCAL, OTHER_MAC, solicited=False, override=True)
    rig.send(duplicate)
    rig.send(duplicate)
    assert [log.message for log in warnings(rig)] == [
        "2001:db8:2::100 is ours, but also used by 02:00:00:00:00:99 at port 2"
    ]
    assert rig.controller.stats()["address_conflict"] == 2
    assert rig.switch.neighbors() == set()


def test_what_is_ours_and_came_back_says_nothing() -> None:
    rig = Rig(v6.config())
    for frame in [effect.frame for effect in rig.switch.forwarded if effect.port == SERVER_PORT]:
        if nd.read(parse(frame)) is not None:
            rig.send(v6.said(frame))
    assert warnings(rig) == []
    assert rig.controller.stats()["address_conflict"] == 0


def test_neighbors_that_the_switch_answered_itself_are_heard_of() -> None:
    rig = Rig(v6.config())
    rig.send(NeighborHeard(v6.STRANGER, SERVER_MAC, SERVER_PORT))
    rig.settle()
    assert rig.switch.neighbors() == {SERVER_ROW._replace(address=v6.STRANGER)}
    for wrong, port in ((v6.ROUTER, SERVER_PORT), (v6.STRANGER, CLIENT_PORT), (address("2001:db8:2::"), SERVER_PORT)):
        rig.send(NeighborHeard(wrong, SERVER_MAC, port))
    assert rig.controller.stats()["arp_ignored"] == 3


def test_no_more_are_heard_of_than_the_limit() -> None:
    rig = Rig(v6.config())
    for number in range(HEARD_LIMIT + 10):
        host = address(IPv6Address("2001:db8:2::1:0") + number)
        rig.send(NeighborHeard(host, SERVER_MAC, SERVER_PORT))
    rig.settle()
    assert len(rig.switch.neighbors()) == HEARD_LIMIT


def test_known_neighbors_survive_a_restart() -> None:
    rig = Rig(v6.config())
    answer(rig)
    rig.restart()
    assert rig.switch.neighbors() == {SERVER_ROW}
    rig.send(SwitchDown("gone"))
    rig.up()
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_damaged_messages_are_counted() -> None:
    rig = Rig(v6.config())
    frame = bytearray(nd.solicitation(SERVER_MAC, v6.STRANGER, v6.LOCAL))
    frame[21] = 254
    sent(rig)
    rig.send(v6.said(bytes(frame)))
    assert rig.switch.forwarded == []
    assert rig.controller.stats()["bad_frame"] == 1


def test_both_families_live_on_one_port() -> None:
    rig = Rig(v6.config(v6.virtual(), virtual()))
    own = rig.switch.of(OwnAddress)
    assert {OwnAddress(VIP, "own_vip"), OwnAddress(v6.VIP, "own_vip")} <= own
    assert {OwnAddress(v6.OURS, "own_interface"), OwnAddress(v6.LOCAL, "own_local")} <= own
