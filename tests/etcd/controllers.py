"""Controllers in simulation: their role, store and scribe as they are, on machines and switches that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, cast

from fullnat.app.shared.role import Role
from fullnat.app.shared.store import SharedStore
from fullnat.core.declared.model import Model
from fullnat.core.declared.modes import Mode
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.etcd.client import Etcd
from fullnat.etcd.settings import Endpoint, Settings
from fullnat.net.flow import Endpoint as Server
from fullnat.net.flow import address
from fullnat.p4rt.errors import ConnectionLost

from etcd.machines import Accepted, Machine, Switch
from etcd.store import Store
from etcd.virtual import now

PREFIX = "/fullnat/sim"
SERVICE = (6, Server(address("203.0.113.80"), 80))
WRITE_SECONDS = 0.1
LOST_SECONDS = 7.0
"""As fullnat.app.liveness."""


def template(number: int) -> MemoryKey:
    return MemoryKey(Kind.TEMPLATE, SERVICE, address(f"192.0.2.{number}"))


def memo(number: int) -> Memo:
    return Memo(Server(address("10.0.0.1"), 8000 + number), Mode.FULLNAT, None, 4e9)


class Memory:
    """What the core remembers."""

    def __init__(self) -> None:
        self.memos: dict[MemoryKey, Memo] = {}
        self._news: dict[MemoryKey, None] = {}

    def put(self, key: MemoryKey, value: Memo) -> None:
        self.memos[key] = value
        self._news[key] = None

    def news(self, most: int) -> list[tuple[MemoryKey, Memo | None]]:
        keys = list(self._news)[:most]
        for key in keys:
            del self._news[key]
        return [(key, self.memos.get(key)) for key in keys]

    def everything(self) -> Iterator[tuple[MemoryKey, Memo]]:
        yield from self.memos.items()

    def review(self, keys: Iterable[MemoryKey]) -> None:
        self._news |= dict.fromkeys(keys)


class Core:
    def __init__(self) -> None:
        self.memory = Memory()
        self.model = Model()

    def recall(self, memos: list[tuple[MemoryKey, Memo]], _now: float) -> None:
        self.memory.memos |= dict(memos)


class Runner:
    def on_change(self, call: Any) -> None:
        call(Model())

    def apply(self, _commands: Iterable[Any]) -> None:
        pass


class Changes:
    model = Model()

    async def adopt(self, text: str, name: str) -> None:
        pass

    def close(self, reason: str) -> None:
        pass

    def keep(self, kept: Any) -> None:
        pass


class Owner:
    """Of all switches: what :class:`fullnat.app.switch.SwitchOwner` is of one. It writes to each as often as it can,
    but to none unless it is primary on all, or has been on one of them for so long that whoever was so before has given
    up: either that one has told him, or he has heard nothing of it for so long."""

    surpassed = 0

    def __init__(self, controller: Controller, switches: list[Switch]) -> None:
        self._controller = controller
        self._switches = switches
        self._heard: dict[str, float] = {}
        """When each switch last said that we are primary."""
        self._since = 0.0
        """Since when one of them has said so."""

    def stand_by(self, _leader: str | None) -> None:
        pass

    @property
    def is_held(self) -> bool:
        return len(self._heard) == len(self._switches)

    async def run(self) -> None:
        controller, machine = self._controller, self._controller.machine
        try:
            while True:
                await machine.sleep(WRITE_SECONDS)
                for switch in self._switches:
                    self._look(switch)
                if self.is_held or (self._heard and now() - self._since > LOST_SECONDS + WRITE_SECONDS):
                    for switch in self._switches:
                        if switch.name in self._heard and controller.reaches(switch):
                            switch.write(machine.name)
        finally:
            for switch in self._switches:
                switch.leave(machine.name)
            self._heard.clear()

    def _look(self, switch: Switch) -> None:
        """Connect, hear that we are primary or not, or notice that nothing is heard."""
        name, heard = self._controller.machine.name, self._heard
        if not self._controller.reaches(switch):
            if now() - heard.get(switch.name, now()) > LOST_SECONDS:
                del heard[switch.name]
            return
        if name not in switch.streams or switch.name not in heard:
            try:
                bids = self._controller.role.bids()
            except ConnectionLost:
                return
            switch.bid(name, bids.first)
        if switch.primary == name:
            self._since = self._since if heard else now()
            heard[switch.name] = now()
        else:
            heard.pop(switch.name, None)


class Controller:
    def __init__(self, name: str, store: Store, switches: list[Switch], random: Random, prefix: str = PREFIX) -> None:
        self.prefix = prefix
        self.machine = Machine(name, store, random)
        self.secrets: set[bytes] = set()
        self.cut: set[str] = set()
        """Switches that it does not reach."""
        self.core = Core()
        self.owner = Owner(self, switches)
        self.role = self._role()
        self._task: asyncio.Task[Any] | None = None

    def reaches(self, switch: Switch) -> bool:
        return switch.name not in self.cut

    def _role(self) -> Role:
        shared = SharedStore(cast(Etcd, self.machine), self.prefix, Path("/nowhere"))
        settings = Settings(endpoints=(Endpoint("x", 1),), name=self.machine.name)
        core, runner = cast(Any, self.core), cast(Any, Runner())
        return Role(shared, settings, runner, core, self.machine.clock)

    async def _run(self) -> None:
        await self.role.store.open()
        self.secrets.add(await self.role.store.secret())
        await self.role.run(cast(Any, self.owner), cast(Any, Changes()))

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.machine.name)

    async def kill(self, switches: list[Switch]) -> None:
        """As SIGKILL: nothing is said to anybody, and what was known is forgotten."""
        task, self._task = self._task, None
        self.machine.reaches_etcd = False
        self.machine.pause()
        if task is not None:
            task.cancel()
        for switch in switches:
            switch.leave(self.machine.name)
        self.machine.resume()
        await asyncio.gather(*filter(None, [task]), return_exceptions=True)
        self.machine.reaches_etcd = True
        self.core = Core()
        self.owner = Owner(self, switches)
        self.role = self._role()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def failure(self) -> BaseException | None:
        """A bug."""
        return self._task.exception() if self._task is not None and self._task.done() else None


def later_than_later(log: list[Accepted]) -> list[tuple[Accepted, Accepted]]:
    """Writes that switches have taken after one of a later leader, on whatever switch; who leads on in a later term is
    known to each by the term in which it was connected to."""
    found = []
    highest = log[0] if log else None
    for each in log:
        assert highest is not None
        if each.election_id < highest.election_id and each.machine != highest.machine:
            found.append((highest, each))
        highest = max(highest, each, key=lambda one: one.election_id)
    return found
