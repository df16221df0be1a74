"""Interfaces by VLAN: neighbors are where their VLAN is, and what goes there keeps its priority."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface
from random import Random

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import AddInterface, CommandError, Reason, RemoveInterface
from fullnat.core.interface import Forward, NeighborHeard, Sizes
from fullnat.core.network.frames import readdressed
from fullnat.net.vlan import interface_number
from fullnat.tables.port import Port

from .builders import INTERFACES, SERVER, SERVER_MAC, SERVER_PORT, SWITCH_MAC_1, SWITCH_MAC_2, config
from .switch import SECRET, Rig
from .test_neighbors import SERVER_ROW, answer, punted, requests

VLAN = 12
STICK = (INTERFACES[0], replace(INTERFACES[1], port=INTERFACES[0].port, vlan=VLAN))
NUMBER = interface_number(INTERFACES[0].port, VLAN)
PRIORITY = 0xA << 28


def test_a_neighbor_is_resolved_in_its_vlan() -> None:
    rig = Rig(config(interfaces=STICK))
    assert rig.switch.of(Port) == {Port(INTERFACES[0].port, SWITCH_MAC_1), Port(NUMBER, SWITCH_MAC_2)}
    assert NUMBER in {port for port, _, target in requests(rig) if target == SERVER}
    for elsewhere in (INTERFACES[0].port, interface_number(SERVER_PORT, VLAN)):
        answer(rig, SERVER, port=elsewhere)
        rig.send(NeighborHeard(SERVER, SERVER_MAC, elsewhere))
        assert rig.switch.neighbors() == set()
    answer(rig, SERVER, port=PRIORITY | NUMBER)
    assert rig.switch.neighbors() == {SERVER_ROW._replace(port=NUMBER)}


def test_packets_that_wait_for_a_neighbor_keep_their_priority() -> None:
    rig = Rig(config(interfaces=STICK))
    requests(rig)
    packets = [punted(number=number)._replace(ingress_port=number << 29 | 1) for number in range(3)]
    for packet in packets:
        rig.send(packet)
    rig.send(NeighborHeard(SERVER, SERVER_MAC, NUMBER))
    rig.settle()
    assert list(rig.switch.forwarded) == [
        Forward(number << 29 | NUMBER, readdressed(packet.frame, SERVER_MAC, SWITCH_MAC_2) or b"")
        for number, packet in enumerate(packets)
    ]


def test_interfaces_of_one_port_are_told_apart() -> None:
    rig = Rig(config())
    more = replace(INTERFACES[1], vlan=VLAN)
    with pytest.raises(CommandError) as caught:
        rig.apply(AddInterface(more))
    (problem,) = caught.value.problems
    assert problem.message == "ports 2 and 2 VLAN 12 have the same address 10.0.2.1"
    other = replace(more, address=IPv4Interface("10.0.3.1/24"))
    rig.apply(AddInterface(other))
    rig.settle()
    assert Port(interface_number(SERVER_PORT, VLAN), SWITCH_MAC_2) in rig.switch.of(Port)
    with pytest.raises(CommandError) as caught:
        rig.apply(AddInterface(other))
    assert [problem.message for problem in caught.value.problems] == ["port 2 VLAN 12 has an interface already"]
    rig.apply(RemoveInterface(SERVER_PORT, VLAN))
    rig.settle()
    assert rig.switch.of(Port) == {Port(1, SWITCH_MAC_1), Port(SERVER_PORT, SWITCH_MAC_2)}
    with pytest.raises(CommandError) as caught:
        rig.apply(RemoveInterface(SERVER_PORT, VLAN))
    assert [(p.reason, p.message) for p in caught.value.problems] == [
        (Reason.UNKNOWN, "port 2 VLAN 12 has no interface")
    ]


def test_a_program_without_vlans_refuses_them_by_name() -> None:
    controller = Controller(Sizes(64, 64, has_vlans=False), SECRET, Random(1))
    with pytest.raises(CommandError) as caught:
        controller.apply(diff(controller.model, model_of(config(interfaces=STICK))), 0.0)
    assert [(problem.reason, problem.message) for problem in caught.value.problems] == [
        (Reason.INVALID, "the interface of port 1 VLAN 12 has a VLAN, which this program of the switch does not have")
    ]
    controller.apply(diff(controller.model, model_of(config())), 0.0)
