from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest
from core import builders
from core.switch import SECRET
from finsy.proto import p4r
from fullnat.app import switch as switch_module
from fullnat.app.group import choice
from fullnat.app.group import group as group_module
from fullnat.app.group.member import Member, Role
from fullnat.app.group.owner import GroupOwner
from fullnat.app.group.proof import Patience
from fullnat.app.group.remembered import OnDisk
from fullnat.app.runner import CoreRunner
from fullnat.config.model import Config, Timeouts
from fullnat.config.servers import SwitchSettings
from fullnat.core.controller import Controller
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.tables.session import SessionEntry
from p4rt.waiting import until

from .memory_switch import MemorySwitch

SOON = Timeouts(close=0.1, time_wait=0.1)
PROGRAM = program.load()


class Cluster:
    """A controller with its core, and switches in memory."""

    vip = builders.VIP

    def __init__(self, directory: Path, names: str = "ab", seed: int = 1) -> None:
        self.directory = directory
        self.rng = Random(seed)
        self.switches = {name: MemorySwitch(Random(self.rng.random())) for name in names}
        self.config: Config = builders.config(builders.virtual(established_timeout=3600.0), timeouts=SOON)
        self._ports = itertools.count(1024)
        self._tasks: list[asyncio.Task[None]] = []
        self.beside: list[asyncio.Task[None]] = []
        """What a test does at the same time."""
        self.start()

    def start(self) -> None:
        """A controller, whether the one before is gone or not."""
        offset = time.time() - time.monotonic()
        self.core = Controller(PROGRAM.sizes, SECRET, Random(self.rng.random()), offset)
        self.runner = CoreRunner(self.core)
        self.runner.reconfigure(self.config)
        elections = itertools.count(time.time_ns())
        self.owner = GroupOwner(
            self.runner,
            OnDisk(self.directory),
            [SwitchSettings(name=name, grpc_addr=f"{name}:1") for name in self.switches],
            lambda switch: Client(
                self.switches[switch.name].transport(), PROGRAM, device_id=1, election_id=lambda: next(elections)
            ),
            Patience(0.02, 5),
        )
        self.group = self.owner.group

    def run(self) -> None:
        self._tasks = [asyncio.create_task(self.runner.run()), asyncio.create_task(self.owner.run())]

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends

    @property
    def active(self) -> MemorySwitch:
        assert self.group.active is not None
        return self.switches[self.group.active.name]

    def member(self, name: str) -> Member:
        return self.group.members[name]

    def roles(self) -> dict[str, str]:
        return {name: member.role.value for name, member in self.group.members.items()}

    async def full(self, *names: str) -> None:
        """Until one of these is active, and all others stand by."""
        try:
            await until(lambda: self._is_full(*names))
        except AssertionError:
            told = {name: (member.shown(0), member.progress) for name, member in self.group.members.items()}
            raise AssertionError(f"not full: {told}, {self.group.moving}, {self.core.stats()}") from None

    def _is_full(self, *names: str) -> bool:
        roles = [self.member(name).role for name in names or self.group.members]
        is_full = roles.count(Role.ACTIVE) == 1 and roles.count(Role.STANDBY) == len(roles) - 1
        return is_full and self.runner.serving and not self.group.moving

    async def connect(self, count: int = 1) -> None:
        """Clients open connections, and the core has the sessions. A SYN that a switch has taken with it is repeated,
        as clients do."""
        waiting = {next(self._ports): self.rng.getrandbits(32) for _ in range(count)}
        end = asyncio.get_running_loop().time() + 20
        while waiting:
            assert asyncio.get_running_loop().time() < end, "no sessions"
            if self.group.active is not None:
                for port, seq in waiting.items():
                    self.active.punt(builders.syn(port, seq, vip=self.vip))
            for _ in range(50):
                await asyncio.sleep(0.005)
                for number in self.core.session_ids():
                    entry = self.core.standing(number)
                    if isinstance(entry, SessionEntry):
                        waiting.pop(entry.client_port, None)
                if not waiting:
                    break

    def syns(self, count: int = 1) -> None:
        for _ in range(count):
            self.active.punt(builders.syn(next(self._ports), self.rng.getrandbits(32), vip=self.vip))

    def end(self, session_id: int) -> None:
        """Both its ends reset it."""
        for direction, event in ((builders.IN, "RST_IN"), (builders.OUT, "RST_OUT")):
            message = p4r.StreamMessageResponse()
            client = self.owner.client
            if client is None:
                return
            message.digest.digest_id = client.schema.packets.digest_id
            members = message.digest.data.add().struct.members
            for value in (session_id, direction, builders.EVENT[event], 0):
                content = int(value).to_bytes(max(1, (int(value).bit_length() + 7) // 8), "big")
                members.add().bitstring = content
            self.active.say(message)

    async def settled(self, *names: str) -> None:
        """The same, and nothing is under way anywhere."""

        def quiet() -> bool:
            outgoing = self.group.outgoing
            return (
                self._is_full(*names)
                and outgoing is not None
                and outgoing.writer.idle
                and not any(member.behind for member in self.group.members.values())
                and all(self.core.standing(number) not in ("changing", None) for number in self.core.session_ids())
            )

        await until(quiet)

    def assert_agreed(self, *names: str) -> None:
        """All of these hold the same, which is what the core does; one alone has a gate."""
        wanted = names or tuple(self.switches)
        held = [self.switches[name].held() for name in wanted]
        for each in held:
            assert each.keys() ^ held[0].keys() == set()
            assert each == held[0]
        schema = program_schema(self)
        sessions = [key for key in held[0] if key[0] in schema]
        assert len(sessions) == 2 * self.core.stats()["sessions"]
        assert [name for name in wanted if self.switches[name].gate_entries()] == [self.group.active.name]  # type: ignore[union-attr]


def program_schema(cluster: Cluster) -> tuple[int, ...]:
    client = cluster.owner.client
    assert client is not None
    return client.schema.session_tables


MakeCluster = Callable[..., Cluster]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeCluster]:
    monkeypatch.setattr(switch_module, "BACKOFF_FIRST", 0.01)
    monkeypatch.setattr(switch_module, "BACKOFF_LAST", 0.02)
    monkeypatch.setattr(choice, "PATIENCE", 0.3)
    monkeypatch.setattr(group_module, "REFILL", 0.02)
    monkeypatch.setattr(group_module, "TICK", 0.005)
    made: list[Cluster] = []

    def make(names: str = "ab", seed: int = 1, kind: type[Cluster] = Cluster) -> Cluster:
        cluster = kind(tmp_path, names, seed)
        gates = frozenset(table.preamble.id for table in PROGRAM.p4info.tables if table.preamble.name == "port")
        for switch in cluster.switches.values():
            switch.gate_tables = gates
        cluster.run()
        made.append(cluster)
        return cluster

    yield make
    for cluster in made:
        await cluster.stop()
