"""Controllers that share etcd and a group of switches, all in one process and in virtual time: their core, runner,
owner, role and scribe are as they are; etcd, the switches and the ways to them are not."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar, cast

import pytest
from core import builders
from core.switch import SECRET
from etcd.controllers import Changes
from etcd.machines import Accepted, Machine
from etcd.store import Store
from etcd.virtual import now
from finsy.proto import p4r
from fullnat.app.group import group as group_module
from fullnat.app.group.member import Role as MemberRole
from fullnat.app.group.owner import GroupOwner
from fullnat.app.networks import Switch
from fullnat.app.runner import CoreRunner
from fullnat.app.shared.role import Role
from fullnat.app.shared.store import SharedStore
from fullnat.app.shared.switches import InEtcd
from fullnat.config.model import Config, Timeouts
from fullnat.config.servers import SwitchSettings
from fullnat.core.controller import Controller
from fullnat.core.interface import SwitchUp
from fullnat.etcd.client import Etcd
from fullnat.etcd.settings import Endpoint, Settings
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.schema import Schema
from fullnat.tables.session import SessionEntry

from .memory_switch import MemorySwitch
from .shared_switch import SharedSwitch

T = TypeVar("T")
PROGRAM = program.load()
SCHEMA = Schema(PROGRAM.p4info, PROGRAM.sizes)
GATES = frozenset(table.preamble.id for table in PROGRAM.p4info.tables if table.preamble.name == "port")
CONFIG: Config = builders.config(
    builders.virtual(established_timeout=3600.0), timeouts=Timeouts(close=0.1, time_wait=0.1, syn_recv=3600.0)
)
PREFIX = "/fullnat/group"


def in_virtual_time(patch: pytest.MonkeyPatch) -> None:
    """What asks for the monotonic clock gets the loop's; what works in threads works here."""

    async def here(call: Callable[..., T], *arguments: Any) -> T:
        return call(*arguments)

    patch.setattr(asyncio, "to_thread", here)
    patch.setattr(group_module, "TICK", 0.02)
    real = time.monotonic

    def clock() -> float:
        try:
            return now()
        except RuntimeError:
            return real()

    for name, module in list(sys.modules.items()):
        if name.startswith("fullnat.") and getattr(module, "monotonic", None) is real:
            patch.setattr(module, "monotonic", clock)
    patch.setattr(time, "monotonic", clock)


class WatchedRunner(CoreRunner):
    """``begun`` is called when a switch is ours."""

    def __init__(self, core: Controller, begun: Callable[[], None]) -> None:
        super().__init__(core)
        self._begun = begun

    def attach(self, switch: Switch, event: SwitchUp) -> None:
        super().attach(switch, event)
        self._begun()


class OneController:
    """A controller on a machine of its own; ``begun`` is called when it begins with a switch."""

    def __init__(
        self,
        name: str,
        store: Store,
        switches: dict[str, SharedSwitch],
        rng: Random,
        begun: Callable[[OneController], None],
    ) -> None:
        self.machine = Machine(name, store, rng)
        self._begun = begun
        self._switches = switches
        self._rng = rng
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        self.core = Controller(PROGRAM.sizes, SECRET, Random(self._rng.random()), time.time() - now())
        self.runner = WatchedRunner(self.core, lambda: self._begun(self))
        self.runner.reconfigure(CONFIG)
        store = SharedStore(cast(Etcd, self.machine), PREFIX, Path("/nowhere"))
        settings = Settings(endpoints=(Endpoint("x", 1),), name=self.machine.name)
        self.role = Role(store, settings, self.runner, cast(Any, self.core), self.machine.clock)
        self.owner = GroupOwner(
            self.runner,
            InEtcd(self.role),
            [SwitchSettings(name=name, grpc_addr=f"{name}:1") for name in self._switches],
            self._connected,
        )
        self._tasks = [asyncio.create_task(self.runner.run()), asyncio.create_task(self._run(store))]

    def _connected(self, switch: SwitchSettings) -> Client:
        bids = self.role.bids()
        transport = self._switches[switch.name].reached_by(self.machine.name)
        client = Client(cast(Any, transport), PROGRAM, device_id=1, election_id=lambda: bids.first)
        client.highest_bid = bids.highest
        return client

    async def _run(self, store: SharedStore) -> None:
        await store.open()
        await self.role.run(self.owner, cast(Any, Changes()))

    async def kill(self) -> None:
        """As SIGKILL: nothing is said to anybody but by the kernel, and what was known is forgotten."""
        self.machine.reaches_etcd = False
        self.machine.pause()
        await self.stop()
        self.machine.resume()
        self.machine.reaches_etcd = True

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def failure(self) -> BaseException | None:
        """A bug."""
        return next((task.exception() for task in self._tasks if task.done()), None)

    def known(self) -> set[int]:
        """Ports of clients whose sessions it has."""
        found = map(self.core.standing, self.core.session_ids())
        return {each.client_port for each in found if isinstance(each, SessionEntry)}

    def reaches(self, switch: SharedSwitch) -> bool:
        return switch.alive and self.machine.name not in switch.cut

    @property
    def leads(self) -> bool:
        return bool(self.role.election.term)

    def roles(self) -> list[MemberRole]:
        return [member.role for member in self.owner.group.members.values()]


class SharedWorld:
    """Two controllers, and switches of one group."""

    def __init__(self, names: str, seed: int) -> None:
        self.rng = Random(seed)
        self.log: list[Accepted] = []
        self.store = Store(now)
        self.switches = {name: SharedSwitch(name, Random(self.rng.random()), self.log) for name in names}
        for switch in self.switches.values():
            switch.gate_tables = GATES
        self.controllers = [
            OneController(name, self.store, self.switches, self.rng, self._begun) for name in ("one", "two")
        ]
        self.ports = itertools.count(1024)
        self.established: set[int] = set()
        """Ports of clients whose sessions a leader's core has had."""
        self.finished: set[int] = set()
        """Those whose connections have ended."""
        self.unreachable: set[int] = set()
        """Those whose sessions no controller could have kept."""

    def _begun(self, leader: OneController) -> None:
        """``leader`` goes on with what one switch holds. What that lacks, and no other one holds that it reaches, it
        cannot know of, unless it would serve nobody for as long as the others are away."""
        active = leader.owner.group.active
        assert active is not None
        held = {name: {each.client_port for each in switch.sessions(SCHEMA)} for name, switch in self.switches.items()}
        reached = [held[name] for name, switch in self.switches.items() if leader.reaches(switch)]
        self.unreachable |= self.established - leader.known() - held[active.name].union(*reached)

    def start(self) -> None:
        for controller in self.controllers:
            controller.start()

    async def end(self) -> None:
        for controller in self.controllers:
            await controller.stop()

    @property
    def leader(self) -> OneController | None:
        """Who leads and is confirmed."""
        return next((each for each in self.controllers if each.role.election.confirmed), None)

    def are_well(self) -> bool:
        """One switch is active, and each other one stands by."""
        if (leader := self.leader) is None:
            return False
        roles = leader.roles()
        is_full = roles.count(MemberRole.ACTIVE) == 1 and roles.count(MemberRole.STANDBY) == len(roles) - 1
        return is_full and leader.runner.serving and not leader.owner.group.moving

    def is_quiet(self) -> bool:
        """The same, and nothing is under way."""
        leader = self.leader
        if leader is None or not self.are_well():
            return False
        outgoing = leader.owner.group.outgoing
        core = leader.core
        return (
            outgoing is not None
            and outgoing.writer.idle
            and not any(member.behind for member in leader.owner.group.members.values())
            and all(core.standing(number) not in ("changing", None) for number in core.session_ids())
        )

    async def within(self, seconds: float, what: Callable[[], bool]) -> bool:
        """Whether ``what`` comes about."""
        end = now() + seconds
        while now() < end and not what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return what()

    # clients

    def forwards(self) -> SharedSwitch | None:
        """The switch that frames go to: the one that its leader says is active."""
        leader = self.leader
        active = leader.owner.group.active if leader is not None else None
        return self.switches[active.name] if active is not None else None

    def connect(self, count: int) -> None:
        if (switch := self.forwards()) is not None and switch.gate_entries():
            for _ in range(count):
                switch.punt(builders.syn(next(self.ports), self.rng.getrandbits(32)))

    def note(self) -> None:
        """What is established from now on is not to be lost."""
        if (leader := self.leader) is None:
            return
        self.established |= leader.known()

    def lost(self) -> set[int]:
        """Of these, those whose sessions the leader has not, and could have."""
        leader = self.leader
        assert leader is not None
        return self.established - self.finished - self.unreachable - leader.known()

    def finish(self, count: int) -> None:
        """Both ends reset some connections."""
        leader, switch = self.leader, self.forwards()
        if leader is None or switch is None:
            return
        ids = leader.core.session_ids()
        for number in self.rng.sample(ids, min(len(ids), count)):
            entry = leader.core.standing(number)
            if isinstance(entry, SessionEntry):
                self.finished.add(entry.client_port)
                _reset(switch, leader.owner.client, number)

    # the end

    def sessions(self, switch: MemorySwitch) -> dict[Any, bytes]:
        return {key: value for key, value in switch.held().items() if key[0] in SCHEMA.session_tables}


def _reset(switch: SharedSwitch, client: Client | None, number: int) -> None:
    if client is None:
        return
    for direction, event in ((builders.IN, "RST_IN"), (builders.OUT, "RST_OUT")):
        message = p4r.StreamMessageResponse()
        message.digest.digest_id = client.schema.packets.digest_id
        members = message.digest.data.add().struct.members
        for value in (number, direction, builders.EVENT[event], 0):
            members.add().bitstring = int(value).to_bytes(max(1, (int(value).bit_length() + 7) // 8), "big")
        switch.say(message)
