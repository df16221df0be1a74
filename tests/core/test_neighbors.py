"""ARP on behalf of the switch."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network

from fullnat.config.model import StaticRoute
from fullnat.core.interface import Log, Op, PacketIn, SwitchDown
from fullnat.core.network.frames import readdressed
from fullnat.core.network.neighbors import UNRESOLVED_LIMIT
from fullnat.core.network.waiting import BYTES, FEW, OVERHEAD, PACKETS, TOTAL_BYTES
from fullnat.net.flow import Address, text
from fullnat.net.headers import ARP_REQUEST, BROADCAST, TcpFlag
from fullnat.net.parse import Arp, parse
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop, Way

from .builders import (
    CLIENT_PORT,
    LOCAL,
    PUNT,
    ROUTER_MAC,
    ROUTES,
    SERVER,
    SERVER2,
    SERVER_MAC,
    SERVER_PORT,
    SWITCH_MAC_1,
    SWITCH_MAC_2,
    VIP,
    arp_reply,
    config,
    ip,
    tcp_frame,
    virtual,
)
from .switch import FakeSwitch, Neighbor, Rig

GATEWAY = ip("198.51.100.254")
OUR_SERVER_SIDE = ip("10.0.2.1")
STRANGER = ip("10.0.2.77")
SERVER_ROW = Neighbor(SERVER, SERVER_PORT, SWITCH_MAC_2, SERVER_MAC, 1500)


def requests(rig: Rig) -> list[tuple[int, int, Address]]:
    """(port, destination MAC, target) of the ARP questions since the last look, announcements left out."""
    found = []
    for effect in rig.switch.forwarded:
        packet = parse(effect.frame)
        arp = packet.arp
        if arp is not None and arp.sender != arp.target:
            assert arp.operation == ARP_REQUEST
            found.append((effect.port, packet.destination_mac, arp.target))
    rig.switch.forwarded.clear()
    return found


def punted(destination: Address = SERVER, number: int = 0) -> PacketIn:
    frame = tcp_frame(LOCAL, 5000 + number, destination, 8080, 1, 0, TcpFlag.SYN)
    return PacketIn(PUNT["NO_NEIGHBOR"], 0, CLIENT_PORT, 0, frame)


def answer(rig: Rig, address: Address = SERVER, mac: int = SERVER_MAC, port: int = SERVER_PORT) -> None:
    rig.send(arp_reply(address, mac, OUR_SERVER_SIDE, SWITCH_MAC_2, port))
    rig.settle()


def test_servers_and_gateways_are_resolved_at_connect() -> None:
    rig = Rig(config())
    assert set(requests(rig)) == {(SERVER_PORT, BROADCAST, SERVER), (CLIENT_PORT, BROADCAST, GATEWAY)}
    assert not rig.switch.neighbors()


def test_own_addresses_are_announced_at_connect() -> None:
    rig = Rig(config())
    announced = {
        (effect.port, arp)
        for effect in rig.switch.forwarded
        if (arp := parse(effect.frame).arp) is not None and arp.sender == arp.target
    }
    assert announced == {
        (CLIENT_PORT, Arp(ARP_REQUEST, SWITCH_MAC_1, VIP, VIP)),
        (CLIENT_PORT, Arp(ARP_REQUEST, SWITCH_MAC_1, ip("198.51.100.1"), ip("198.51.100.1"))),
        (SERVER_PORT, Arp(ARP_REQUEST, SWITCH_MAC_2, LOCAL, LOCAL)),
        (SERVER_PORT, Arp(ARP_REQUEST, SWITCH_MAC_2, OUR_SERVER_SIDE, OUR_SERVER_SIDE)),
    }


def test_an_answer_becomes_an_entry() -> None:
    rig = Rig(config())
    answer(rig)
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_packets_wait_for_the_answer_and_leave_in_order() -> None:
    rig = Rig(config())
    requests(rig)
    packets = [punted(number=number) for number in range(PACKETS + 2)]
    for packet in packets:
        rig.send(packet)
    assert requests(rig) == []
    answer(rig)
    assert [effect.port for effect in rig.switch.forwarded] == [SERVER_PORT] * PACKETS
    assert [effect.frame for effect in rig.switch.forwarded] == [
        readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2) for packet in packets[2:]
    ]
    assert rig.controller.stats()["neighbor_queue_dropped"] == 2, "the oldest"


def jumbo(destination: Address, number: int = 0) -> PacketIn:
    packet = punted(destination, number)
    return packet._replace(frame=packet.frame + bytes(9000 - len(packet.frame)))


def test_jumbo_packets_are_bounded_by_their_bytes() -> None:
    rig = Rig(config())
    requests(rig)
    packets = [jumbo(SERVER, number) for number in range(60)]
    for packet in packets:
        rig.send(packet)
    answer(rig)
    held = BYTES // (9000 + OVERHEAD)
    assert [effect.frame for effect in rig.switch.forwarded] == [
        readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2) for packet in packets[-held:]
    ]
    assert rig.controller.stats()["neighbor_queue_dropped"] == 60 - held


def test_all_neighbors_together_are_bounded_and_none_goes_without() -> None:
    wide = replace(config().interfaces[1], address=IPv4Interface("10.0.0.1/16"))
    rig = Rig(config(interfaces=(config().interfaces[0], wide)))
    many = TOTAL_BYTES // BYTES + 1
    for stranger in range(many):
        for number in range(PACKETS):
            rig.send(jumbo(ip("10.0.8.0", stranger), number))
    for number in range(PACKETS):
        rig.send(punted(ip("10.0.9.0"), number))
    requests(rig)
    packets = [punted(number=number) for number in range(10)]
    for packet in packets:
        rig.send(packet)
    answer(rig)
    assert [effect.frame for effect in rig.switch.forwarded] == [
        readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2) for packet in packets[-FEW:]
    ]
    rig.advance(120)
    assert rig.controller.stats()["neighbor_queue_dropped"] == (many + 1) * PACKETS + 10 - FEW, "given up, and counted"
    for number in range(10):
        rig.send(punted(STRANGER, number))
    rig.switch.forwarded.clear()
    rig.send(arp_reply(STRANGER, SERVER_MAC, OUR_SERVER_SIDE, SWITCH_MAC_2, SERVER_PORT))
    assert len(rig.switch.forwarded) == 10, "there is room again"


def test_a_packet_punted_before_the_entry_took_effect_is_sent_at_once() -> None:
    rig = Rig(config())
    answer(rig)
    rig.switch.forwarded.clear()
    rig.send(punted())
    assert [effect.frame for effect in rig.switch.forwarded] == [readdressed(punted().frame, SERVER_MAC, SWITCH_MAC_2)]


def test_other_destinations_go_to_the_gateway() -> None:
    rig = Rig(config())
    rig.send(punted(ip("203.0.113.9")))
    rig.send(arp_reply(GATEWAY, ROUTER_MAC, ip("198.51.100.1"), SWITCH_MAC_1, CLIENT_PORT))
    sent = rig.switch.forwarded[-1]
    assert (sent.port, parse(sent.frame).destination_mac) == (CLIENT_PORT, ROUTER_MAC)


def test_a_stranger_in_a_subnet_is_resolved_and_given_up() -> None:
    rig = Rig(config())
    requests(rig)
    rig.send(punted(STRANGER))
    rig.advance(120)
    asked = [request for request in requests(rig) if request[2] == STRANGER]
    assert asked == [(SERVER_PORT, BROADCAST, STRANGER)] * 5
    assert rig.controller.stats()["neighbor_queue_dropped"] == 1


def test_a_real_server_is_asked_for_ever_with_patience() -> None:
    rig = Rig(config())
    requests(rig)
    rig.advance(2.5)
    assert rig.switch.logs == []
    rig.advance(1)
    assert rig.switch.logs, "3 s after the first question"
    rig.advance(600)
    asked = [request for request in requests(rig) if request[2] == SERVER]
    assert 20 <= len(asked) <= 25
    said = [log for log in rig.switch.logs if text(SERVER) in log.message]
    assert said == [Log("WARNING", f"neighbor {text(SERVER)} does not answer")], "once, however often it is asked"
    answer(rig)
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_neighbors_are_confirmed_and_stay() -> None:
    rig = Rig(config())
    answer(rig)
    requests(rig)
    rig.advance(61)
    assert (SERVER_PORT, SERVER_MAC, SERVER) in requests(rig)
    answer(rig)
    rig.advance(59)
    assert SERVER not in [target for _, _, target in requests(rig)]
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_a_silent_neighbor_is_asked_four_times_and_then_forgotten() -> None:
    rig = Rig(config())
    answer(rig)
    requests(rig)
    rig.advance(59)
    rig.advance(14)
    asked = [destination for _, destination, target in requests(rig) if target == SERVER]
    assert asked == [SERVER_MAC, SERVER_MAC, BROADCAST, BROADCAST]
    assert rig.switch.neighbors() == {SERVER_ROW}
    rig.advance(5)
    assert rig.switch.neighbors() == set()
    assert (SERVER_PORT, BROADCAST, SERVER) in requests(rig), "a real server is looked for again"


def test_a_new_mac_replaces_the_old() -> None:
    rig = Rig(config())
    answer(rig)
    answer(rig, mac=SERVER_MAC + 1)
    assert rig.switch.neighbors() == {SERVER_ROW._replace(destination=SERVER_MAC + 1)}
    assert rig.switch.log_of_updates[-1][0] is Op.MODIFY


def test_nobody_is_believed_unasked() -> None:
    rig = Rig(config())
    answer(rig, STRANGER)
    answer(rig, port=CLIENT_PORT)
    answer(rig, mac=0)
    answer(rig, mac=BROADCAST)
    assert rig.switch.neighbors() == set()
    assert rig.controller.stats()["arp_ignored"] == 4


def test_a_second_owner_of_our_address_is_reported_and_not_believed() -> None:
    rig = Rig(config())
    answer(rig, LOCAL)
    assert rig.controller.stats()["address_conflict"] == 1
    assert [log.level for log in rig.switch.logs] == ["WARNING"]
    assert "10.0.2.100" in rig.switch.logs[0].message
    answer(rig, LOCAL, SWITCH_MAC_2)
    assert rig.controller.stats()["address_conflict"] == 1, "our own announcement came back"
    for _ in range(30):
        rig.advance(1)
        answer(rig, LOCAL)
    assert rig.controller.stats()["address_conflict"] == 31
    assert ["10.0.2.100" in log.message for log in rig.switch.logs].count(True) == 1, "once a minute is enough"


def test_a_scan_fills_no_memory() -> None:
    wide = replace(config().interfaces[1], address=IPv4Interface("10.0.0.1/16"))
    rig = Rig(config(interfaces=(config().interfaces[0], wide)))
    requests(rig)
    for number in range(3000):
        rig.send(punted(ip("10.0.8.0", number)))
    assert len(requests(rig)) == UNRESOLVED_LIMIT - 2, "a server and a gateway are being resolved as well"
    assert rig.controller.stats()["neighbor_queue_dropped"] == 3000 - UNRESOLVED_LIMIT + 2
    rig.advance(60)
    rig.send(punted(ip("10.0.8.1")))
    assert ip("10.0.8.1") in [target for _, _, target in requests(rig)], "those that did not answer made room"


def test_unroutable_and_broken_punts_are_counted() -> None:
    rig = Rig(config(routes=()))
    rig.send(punted(ip("192.0.2.1")))
    drop = StaticRoute(prefix=IPv4Network("192.0.2.0/24"), gateway=None)
    rig.reconfigure(config(routes=(*ROUTES, drop)))
    rig.send(punted(ip("192.0.2.1")))
    rig.send(PacketIn(PUNT["NO_NEIGHBOR"], 0, 1, 0, b"short"))
    rig.send(PacketIn(PUNT["ARP"], 0, 1, 0, b"short"))
    stats = rig.controller.stats()
    assert (stats["neighbor_unroutable"], stats["bad_frame"]) == (2, 2)


def test_neighbors_found_on_the_switch_are_kept_and_confirmed() -> None:
    switch = FakeSwitch()
    first = Rig(config(), switch=switch)
    answer(first)
    switch.log_of_updates.clear()
    first.restart()
    assert switch.neighbors() == {SERVER_ROW}
    assert not switch.log_of_updates
    requests(first)
    first.advance(1)
    assert (SERVER_PORT, SERVER_MAC, SERVER) in requests(first)


def test_neighbors_that_fit_no_interface_are_deleted() -> None:
    switch = FakeSwitch()
    foreign = ip("192.0.2.9")
    switch.tables = {
        ("next_hop", 7): NextHop(7, Way(SERVER_PORT, 1, SERVER_MAC, 1500)),
        ("next_hop", 8): NextHop(8, Way(SERVER_PORT, SWITCH_MAC_2, SERVER_MAC, 1500)),
        ("ipv4_host", SERVER): Host(SERVER, 7),
        ("ipv4_host", foreign): Host(foreign, 8),
    }
    Rig(config(), switch=switch)
    assert switch.of(Host) == set()


def test_neighbors_are_restored_on_a_switch_that_restarted() -> None:
    rig = Rig(config())
    answer(rig)
    rig.switch.tables.clear()
    rig.up()
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_neighbors_follow_a_change_of_interfaces() -> None:
    rig = Rig(config())
    answer(rig)
    rig.reconfigure(config(virtual(), interfaces=config().interfaces[:1]))
    rig.settle()
    assert rig.switch.neighbors() == set()
    rig.reconfigure(config())
    rig.settle()
    answer(rig)
    assert rig.switch.neighbors() == {SERVER_ROW}


def test_unresolved_neighbors_are_forgotten_with_the_switch() -> None:
    rig = Rig(config())
    rig.send(punted(SERVER2))
    rig.send(SwitchDown("gone"))
    assert rig.controller.deadline() is None
    rig.switch.forwarded.clear()
    rig.up()
    assert SERVER2 not in [target for _, _, target in requests(rig)]
