"""A cluster of switches that all forward, each on a network of its own."""

from __future__ import annotations

import itertools
import time
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from random import Random

from core import builders
from core.switch import SECRET
from finsy.proto import p4r
from fullnat.app.group.all_active import AllActive
from fullnat.app.group.owner import GroupOwner
from fullnat.app.group.proof import Patience
from fullnat.app.group.remembered import OnDisk
from fullnat.app.runner import CoreRunner
from fullnat.app.switches import networks
from fullnat.config.model import Config, Interface, StaticRoute
from fullnat.config.servers import SwitchSettings
from fullnat.core.controller import Controller
from fullnat.core.network.switch_network import is_of_network
from fullnat.net.flow import address
from fullnat.p4constants import PacketOutAction, PacketOutFlag
from fullnat.p4rt.client import Client
from fullnat.p4rt.schema import Schema
from fullnat.tables.next_hop import NextHop
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.table import Entry

from .conftest import PROGRAM, SOON, Cluster
from .memory_switch import MemorySwitch

SCHEMA = Schema(PROGRAM.p4info, PROGRAM.sizes)
VIP = IPv4Address("203.0.113.80")
LOCALS = tuple(IPv4Address("10.8.0.100") + i for i in range(6))


def settings(name: str, number: int) -> SwitchSettings:
    return SwitchSettings(
        name=name,
        grpc_addr=f"{name}:1",
        interfaces=(
            Interface(port=1, mac=0x0200_0000_0100 + number, address=IPv4Interface(f"198.51.100.{number}/24")),
            Interface(port=2, mac=0x0200_0000_0200 + number, address=IPv4Interface(f"10.{number}.0.{number}/24")),
        ),
        routes=(
            StaticRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("198.51.100.254")),
            StaticRoute(prefix=IPv4Network("10.9.0.0/16"), gateway=IPv4Address(f"10.{number}.0.254")),
        ),
    )


class Several(Cluster):
    vip = address(VIP)

    def __init__(self, directory: Path, names: str = "ab", seed: int = 1) -> None:
        self.settings = [settings(name, number) for number, name in enumerate(names, 1)]
        self.early: list[str] = []
        """SYNs that went on before all switches that forward had their sessions."""
        super().__init__(directory, names, seed)
        for name, switch in self.switches.items():
            switch.on_packet_out = lambda packet, name=name: self._packet_out(name, packet)  # type: ignore[misc]

    def start(self) -> None:
        service = builders.virtual(
            address=VIP,
            local_addresses=LOCALS,
            real_servers=(builders.real("10.9.0.11"),),
            established_timeout=3600.0,
        )
        self.config = Config(interfaces=(), virtual_servers=(service,), timeouts=SOON)
        offset = time.time() - time.monotonic()
        rng = Random(self.rng.random())
        self.core = Controller(PROGRAM.sizes, SECRET, rng, offset, networks(self.settings))
        self.runner = CoreRunner(self.core)
        self.runner.reconfigure(self.config)
        elections = itertools.count(time.time_ns())
        self.owner = GroupOwner(
            self.runner,
            OnDisk(self.directory),
            self.settings,
            lambda switch: Client(
                self.switches[switch.name].transport(), PROGRAM, device_id=1, election_id=lambda: next(elections)
            ),
            Patience(0.02, 5),
        )
        self.group = self.owner.group

    @property
    def several(self) -> AllActive:
        assert isinstance(self.group, AllActive)
        return self.group

    @property
    def active(self) -> MemorySwitch:
        """Any that forwards, as routers choose one."""
        there = [name for name, switch in self.switches.items() if switch.alive and self.forwards(name)]
        return self.switches[self.rng.choice(there or list(self.switches))]

    def forwards(self, name: str) -> bool:
        return self.several.forwards(name)

    def _is_full(self, *names: str) -> bool:
        wanted = names or tuple(self.switches)
        return all(map(self.forwards, wanted)) and self.runner.serving and not self.group.moving

    def _packet_out(self, name: str, packet: p4r.PacketOut) -> None:
        """The switch ``name`` was given a packet: a SYN that begins a session may meet any other one next."""
        request, flags, _, session_id = (int.from_bytes(field.value, "big") for field in packet.metadata)
        if request != PacketOutAction.INJECT or not flags & PacketOutFlag.NEW_SESSION:
            return
        for other, switch in self.switches.items():
            if switch.alive and self.forwards(other) and session_id not in self.session_ids(other):
                self.early.append(f"session {session_id} went on by {name} before {other} had it")

    def session_ids(self, name: str) -> set[int]:
        """Those that the switch has both halves of."""
        return {entry.session_id for entry in self.switches[name].sessions(SCHEMA)}

    def network(self, name: str) -> set[Entry]:
        """What the switch has for itself."""
        tables = SCHEMA.session_tables
        entries = [entry for key, entry in self.switches[name].entries.items() if key[0] not in tables]
        found = (SCHEMA.cold.decode(entry) for entry in entries)
        return {entry for entry in found if entry is not None and is_of_network(entry)}

    def common(self, name: str) -> dict[object, bytes]:
        """What all have."""
        held: dict[object, bytes] = {}
        for key, entry in self.switches[name].entries.items():
            of = None if key[0] in SCHEMA.session_tables else SCHEMA.cold.decode(entry)
            if of is None or not is_of_network(of):
                held[key] = entry.SerializeToString(deterministic=True)
        return held

    def assert_agreed(self, *names: str) -> None:
        """All hold the same but for their networks, and each of these is as the configuration has it, gate and all."""
        wanted = names or tuple(self.switches)
        assert self.early == [], self.early
        for name in wanted:
            assert self.common(name) == self.common(wanted[0])
            assert self.session_ids(name) == set(self.core.session_ids())
            own = self.network(name)
            (settings,) = (each for each in self.settings if each.name == name)
            assert {entry for entry in own if isinstance(entry, Port)} == {
                Port(interface.number, interface.mac) for interface in settings.interfaces
            }
            assert {entry.address for entry in own if isinstance(entry, OwnAddress)} == {
                address(interface.address.ip) for interface in settings.interfaces
            }
            assert len([entry for entry in own if isinstance(entry, Route)]) == 4
            assert len([entry for entry in own if isinstance(entry, NextHop)]) == 2
