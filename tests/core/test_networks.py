"""Several switches that all forward: the network of each is its own, and all else is told to THE_SWITCH alone."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from random import Random

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.config.model import Config, Interface, StaticRoute, VirtualServer
from fullnat.core.balancing.health import Verdict
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import AddInterface, CommandError
from fullnat.core.interface import (
    THE_SWITCH,
    Envelope,
    Event,
    Failure,
    Outcome,
    PacketIn,
    Sizes,
    SwitchDown,
    SwitchId,
    SwitchUp,
    Written,
)
from fullnat.core.network.switch_network import is_of_network
from fullnat.core.session.pool import home
from fullnat.net.flow import Endpoint, address
from fullnat.net.vlan import at_switch
from fullnat.p4constants import PuntReason
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.session import SessionEntry

from . import builders
from .builders import SERVER_MAC, arp_reply, real, syn, virtual
from .switch import SECRET, WALL_OFFSET, FakeSwitch, Neighbor

LEFT, RIGHT = SwitchId("left"), SwitchId("right")
LOCALS = tuple(IPv4Address("10.8.0.100") + i for i in range(4))
SERVICE = virtual(
    address=IPv4Address("203.0.113.80"), local_addresses=LOCALS, real_servers=(real("10.9.0.11"), real("10.9.0.12"))
)
VIP = address("203.0.113.80")


def network(number: int) -> Config:
    """The switch has number ``number`` in two subnets, of which clients and servers are behind the first host."""
    outer, inner = f"198.51.100.{number}/24", f"10.{number}.0.{number}/24"
    return Config(
        interfaces=(
            Interface(port=1, mac=0x0200_0000_0100 + number, address=IPv4Interface(outer)),
            Interface(port=2, mac=0x0200_0000_0200 + number, address=IPv4Interface(inner)),
        ),
        routes=(
            StaticRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("198.51.100.254")),
            StaticRoute(prefix=IPv4Network("10.9.0.0/16"), gateway=IPv4Address(f"10.{number}.0.254")),
        ),
    )


NETWORKS = {LEFT: network(1), RIGHT: network(2)}


class Rig:
    """A controller, and what THE_SWITCH and each network is told: switches hold both together, as a group has it."""

    def __init__(self, service: VirtualServer = SERVICE) -> None:
        self.now = 1000.0
        self.core = Controller(Sizes(1 << 20, 1 << 16), SECRET, Random(7), WALL_OFFSET, NETWORKS)
        self.config = Config(interfaces=(), virtual_servers=(service,))
        assert self.core.apply(diff(self.core.model, model_of(self.config)), self.now) == []
        self.switches = {name: FakeSwitch() for name in (THE_SWITCH, LEFT, RIGHT)}

    def up(self, *names: SwitchId) -> None:
        for name in names:
            self.send(name, SwitchUp(self.switches[name].entries()))
        self.settle()

    def send(self, name: SwitchId, event: Event) -> None:
        self.execute(self.core.handle(event, self.now, name))

    def execute(self, envelopes: list[Envelope]) -> None:
        for name, effects in envelopes:
            self.switches[name].execute(effects)

    def settle(self) -> None:
        while any(switch.writes for switch in self.switches.values()):
            for name, switch in self.switches.items():
                while switch.writes:
                    written = switch.apply(self.now)
                    if written is not None:
                        self.send(name, written)

    def resolve(self, name: SwitchId, number: int) -> None:
        """Both gateways of the switch answer ARP."""
        for port, host in ((1, "198.51.100.254"), (2, f"10.{number}.0.254")):
            interface = NETWORKS[name].interfaces[port - 1]
            mac = SERVER_MAC + number * 16 + port
            self.send(name, arp_reply(address(host), mac, address(interface.address.ip), interface.mac, port))
        self.settle()


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.up(THE_SWITCH, LEFT, RIGHT)
    return rig


def test_each_switch_has_its_own_network_and_the_rest_is_common(rig: Rig) -> None:
    rig.resolve(LEFT, 1)
    rig.resolve(RIGHT, 2)
    common = rig.switches[THE_SWITCH]
    assert not any(is_of_network(entry) for entry in common.entries())
    assert OwnAddress(VIP, "own_vip") in common.of(OwnAddress)
    for name, number in ((LEFT, 1), (RIGHT, 2)):
        switch, network = rig.switches[name], NETWORKS[name]
        assert all(is_of_network(entry) for entry in switch.entries())
        assert switch.of(Port) == {Port(each.port, each.mac) for each in network.interfaces}
        own = {OwnAddress(address(each.address.ip), "own_interface") for each in network.interfaces}
        assert switch.of(OwnAddress) == own
        assert {(route.prefix_len, route.action) for route in switch.of(Route)} == {
            (24, "route_connected"),
            (0, "route_via"),
            (16, "route_via"),
        }
        assert switch.neighbors() == {
            Neighbor(address(host), port, network.interfaces[port - 1].mac, SERVER_MAC + number * 16 + port, 1500)
            for port, host in ((1, "198.51.100.254"), (2, f"10.{number}.0.254"))
        }
        assert rig.core.forwards(name)


def test_the_gate_comes_when_all_else_is_there(rig: Rig) -> None:
    rig = Rig()
    rig.up(THE_SWITCH)
    rig.send(LEFT, SwitchUp(()))
    left = rig.switches[LEFT]
    assert not any(isinstance(entry, Port) for write in left.writes for _, entry in write.updates)
    assert not rig.core.forwards(LEFT)
    rig.settle()
    assert len(left.of(Port)) == 2
    assert rig.core.forwards(LEFT)
    assert not rig.core.forwards(RIGHT)
    rig.send(LEFT, SwitchDown("gone"))
    assert not rig.core.forwards(LEFT)


def test_a_gate_that_is_refused_is_not_open() -> None:
    rig = Rig()
    rig.up(THE_SWITCH)
    rig.send(LEFT, SwitchUp(()))
    left = rig.switches[LEFT]
    while left.writes:
        write = left.writes.popleft()
        is_gate = any(isinstance(entry, Port) for _, entry in write.updates)
        if is_gate:
            rig.send(LEFT, Written(write.token, {0: Failure(Outcome.REFUSED, "no")}))
        else:
            rig.send(LEFT, Written(write.token, {}))
    assert not rig.core.forwards(LEFT)
    assert any("insert Port" in log.message for log in left.logs)


def test_what_was_there_stays(rig: Rig) -> None:
    """A controller that finds a switch as it is to be writes nothing, and the switch forwards all the while."""
    rig.resolve(LEFT, 1)
    held = set(rig.switches[LEFT].entries())
    rig.send(LEFT, SwitchDown("the controller is another one"))
    rig.switches[LEFT].log_of_updates.clear()
    rig.send(LEFT, SwitchUp(tuple(held)))
    assert rig.core.forwards(LEFT)
    rig.settle()
    assert set(rig.switches[LEFT].entries()) == held
    assert rig.switches[LEFT].log_of_updates == []


def test_neighbors_are_resolved_on_each_by_itself(rig: Rig) -> None:
    asked = {name: [each.port for each in rig.switches[name].forwarded] for name in (LEFT, RIGHT)}
    assert {name: set(ports) for name, ports in asked.items()} == {LEFT: {1, 2}, RIGHT: {1, 2}}
    assert rig.switches[THE_SWITCH].forwarded == []
    rig.resolve(LEFT, 1)
    assert rig.switches[LEFT].neighbors()
    assert not rig.switches[RIGHT].neighbors()
    frame = builders.tcp_frame(VIP, 80, address("192.0.2.9"), 4000, 1, 1, 16)
    for name in (LEFT, RIGHT):
        rig.switches[name].forwarded.clear()
        rig.send(name, PacketIn(PuntReason.NO_NEIGHBOR, 0, 2, 0, frame))
    assert len(rig.switches[LEFT].forwarded) == 1
    assert rig.switches[RIGHT].forwarded == []
    rig.resolve(RIGHT, 2)
    assert [each.port for each in rig.switches[RIGHT].forwarded] == [1]


def test_time_passes_on_each(rig: Rig) -> None:
    """Who does not answer is asked again."""
    for name in (LEFT, RIGHT):
        rig.switches[name].forwarded.clear()
    due = rig.core.deadline()
    assert due is not None
    rig.now = due
    rig.execute(rig.core.handle_deadline(rig.now))
    assert all(rig.switches[name].forwarded for name in (LEFT, RIGHT))
    assert rig.switches[THE_SWITCH].forwarded == []


@pytest.mark.parametrize("switch", [1, 2])
def test_a_session_has_a_local_address_of_the_switch_that_it_came_by(rig: Rig, switch: int) -> None:
    """Answers come back by it then, as it announces that address before others."""
    for port in range(40000, 40008):
        event = syn(port, vip=VIP)
        rig.send(THE_SWITCH, event._replace(ingress_port=at_switch(event.ingress_port, switch)))
        rig.settle()
    common = rig.switches[THE_SWITCH]
    found = [entry for entry in common.sessions().values() if isinstance(entry, SessionEntry)]
    assert len(found) == 8
    assert {home(entry.local, 2) for entry in found} == {switch - 1}
    assert len({entry.local for entry in found}) == 2
    assert [each.port for each in common.injected] == [at_switch(1, switch)] * 8


def test_the_other_ones_addresses_do_where_there_is_no_other() -> None:
    rig = Rig(replace(SERVICE, local_addresses=LOCALS[:1]))
    rig.up(THE_SWITCH, LEFT, RIGHT)
    for switch in (1, 2):
        event = syn(40000 + switch, vip=VIP)
        rig.send(THE_SWITCH, event._replace(ingress_port=at_switch(event.ingress_port, switch)))
    rig.settle()
    assert len(rig.switches[THE_SWITCH].sessions()) == 2


def test_the_served_addresses_are_those_of_living_servers(rig: Rig) -> None:
    assert rig.core.served() == {VIP}
    changed = replace(rig.config, virtual_servers=(replace(SERVICE, real_servers=(real("10.9.0.11", weight=0),)),))
    rig.execute(rig.core.apply(diff(rig.core.model, model_of(changed)), rig.now))
    assert rig.core.served() == set()


def test_the_address_of_sessions_that_go_on_is_served_until_they_end(rig: Rig) -> None:
    """Their server is only to have no new ones; one that is down has none that go on."""
    rig.up(THE_SWITCH, LEFT, RIGHT)
    event = syn(40001, vip=VIP)
    rig.send(THE_SWITCH, event._replace(ingress_port=at_switch(event.ingress_port, 1)))
    rig.settle()
    changed = replace(rig.config, virtual_servers=(replace(SERVICE, real_servers=(real("10.9.0.11", weight=0),)),))
    rig.execute(rig.core.apply(diff(rig.core.model, model_of(changed)), rig.now))
    rig.settle()
    assert rig.core.served() == {VIP}
    key = 6, Endpoint(VIP, 80)
    server = next(iter(rig.core.model.services[key].servers))
    rig.execute(rig.core.judge(Verdict(key, server, healthy=False), rig.now))
    assert rig.core.served() == set()


def test_commands_change_no_network(rig: Rig) -> None:
    with pytest.raises(CommandError, match="each switch's own"):
        rig.core.apply([AddInterface(network(3).interfaces[0])], rig.now)


def test_servers_that_come_are_resolved_on_all(rig: Rig) -> None:
    """Where they are next door."""
    near = replace(SERVICE, real_servers=(*SERVICE.real_servers, real("198.51.100.77")))
    for name in (LEFT, RIGHT):
        rig.switches[name].forwarded.clear()
    rig.execute(rig.core.apply(diff(rig.core.model, model_of(replace(rig.config, virtual_servers=(near,)))), rig.now))
    for name in (LEFT, RIGHT):
        assert [each.port for each in rig.switches[name].forwarded] == [1]


def test_nothing_of_a_network_that_is_down_happens(rig: Rig) -> None:
    rig.send(RIGHT, SwitchDown("gone"))
    rig.switches[RIGHT].writes = deque()
    rig.switches[RIGHT].forwarded.clear()
    frame = builders.tcp_frame(VIP, 80, address("192.0.2.9"), 4000, 1, 1, 16)
    rig.send(RIGHT, PacketIn(PuntReason.NO_NEIGHBOR, 0, 2, 0, frame))
    rig.now += 100
    rig.execute(rig.core.handle_deadline(rig.now))
    assert (rig.switches[RIGHT].forwarded, list(rig.switches[RIGHT].writes)) == ([], [])
