"""Neighbors learned from their own ARP requests."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

from fullnat.core.interface import NeighborHeard
from fullnat.core.network.frames import readdressed
from fullnat.core.network.neighbors import HEARD_LIMIT
from fullnat.net.flow import Address
from fullnat.net.headers import BROADCAST

from .builders import ANY, CLIENT_PORT, LOCAL, SERVER, SERVER_MAC, SERVER_PORT, SWITCH_MAC_2, config, ip
from .switch import Rig
from .test_neighbors import SERVER_ROW, STRANGER, answer, punted, requests

STRANGER_ROW = SERVER_ROW._replace(address=STRANGER)


def hear(rig: Rig, address: Address = STRANGER, mac: int = SERVER_MAC, port: int = SERVER_PORT) -> None:
    rig.send(NeighborHeard(address, mac, port))
    rig.settle()


def test_a_neighbor_that_asks_is_known_before_its_packets_come() -> None:
    rig = Rig(config())
    hear(rig)
    assert rig.switch.neighbors() == {STRANGER_ROW}
    requests(rig)
    packet = punted(STRANGER)
    rig.send(packet)
    assert [effect.frame for effect in rig.switch.forwarded] == [readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2)]


def test_a_neighbor_that_asks_is_asked_and_stays_if_it_answers() -> None:
    rig = Rig(config())
    requests(rig)
    hear(rig)
    rig.advance(1.5)
    assert (SERVER_PORT, SERVER_MAC, STRANGER) in requests(rig)
    answer(rig, STRANGER)
    rig.advance(59)
    assert STRANGER not in [target for _, _, target in requests(rig)]
    assert rig.switch.neighbors() == {STRANGER_ROW}


def test_a_neighbor_that_asks_and_never_answers_is_forgotten() -> None:
    rig = Rig(config())
    hear(rig)
    rig.advance(15)
    assert rig.switch.neighbors() == {STRANGER_ROW}
    rig.advance(3)
    assert rig.switch.neighbors() == set()


def test_packets_that_wait_leave_when_their_neighbor_asks() -> None:
    rig = Rig(config())
    requests(rig)
    packets = [punted(number=number) for number in range(4)]
    for packet in packets:
        rig.send(packet)
    hear(rig, SERVER)
    assert rig.switch.neighbors() == {SERVER_ROW}
    assert [effect.frame for effect in rig.switch.forwarded] == [
        readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2) for packet in packets
    ]


def test_only_hosts_of_the_subnet_at_the_port_are_heard() -> None:
    rig = Rig(config())
    hear(rig, port=CLIENT_PORT)
    hear(rig, ip("192.0.2.1"))
    hear(rig, ANY)
    hear(rig, ip("10.0.2.0"))
    hear(rig, ip("10.0.2.255"))
    hear(rig, mac=0)
    hear(rig, mac=BROADCAST)
    assert rig.switch.neighbors() == set()
    assert rig.controller.stats()["arp_ignored"] == 7
    hear(rig, LOCAL)
    assert rig.controller.stats()["address_conflict"] == 1


def test_a_known_address_is_changed_by_requests_once_a_second() -> None:
    rig = Rig(config())
    answer(rig)
    for number in range(1, 5):
        hear(rig, SERVER, SERVER_MAC + number)
    assert rig.switch.neighbors() == {SERVER_ROW}
    rig.advance(1)
    hear(rig, SERVER, SERVER_MAC + 9)
    hear(rig, SERVER, SERVER_MAC + 8)
    assert rig.switch.neighbors() == {SERVER_ROW._replace(destination=SERVER_MAC + 9)}


def test_invented_senders_fill_a_bounded_part_of_the_table_for_a_while() -> None:
    wide = replace(config().interfaces[1], address=IPv4Interface("10.0.0.1/16"))
    rig = Rig(config(interfaces=(config().interfaces[0], wide)))
    for number in range(3000):
        hear(rig, ip("10.0.8.1", number))
    assert len(rig.switch.neighbors()) == HEARD_LIMIT
    assert rig.controller.stats()["arp_ignored"] == 3000 - HEARD_LIMIT
    rig.send(punted(STRANGER))
    assert STRANGER in [target for _, _, target in requests(rig)], "whom we have to ask is asked as ever"
    answer(rig, ip("10.0.8.1"))
    hear(rig, ip("10.0.8.0", 3000))
    assert len(rig.switch.neighbors()) == HEARD_LIMIT + 1, "who answers is no longer counted"
    rig.advance(18)
    hear(rig, STRANGER)
    assert len(rig.switch.neighbors()) == 2
