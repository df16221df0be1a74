"""Controllers' machines and their ways to etcd and to switches, in one process: each can be stopped, each way cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from random import Random
from typing import NamedTuple, TypeVar

from fullnat.etcd.channel import SECONDS
from fullnat.etcd.client import Change, Held, Lease, Left, News
from fullnat.etcd.election import Clock
from fullnat.etcd.errors import Compacted, Unreachable

from etcd.store import Store
from etcd.virtual import now

T = TypeVar("T")
WATCH_TICK = 0.1


class Members:
    """What :class:`fullnat.etcd.channel.Members` counts, where nobody looks."""

    up = True


class Machine:
    """With :class:`fullnat.etcd.client.Etcd`'s calls."""

    def __init__(self, name: str, store: Store, random: Random, slow: float = 0.01) -> None:
        self.name = name
        self.reaches_etcd = True
        self.members = Members()
        self.calls: list[str] = []
        self._store = store
        self._random = random
        self._slow = slow
        self._runs = asyncio.Event()
        self._runs.set()

    # ---- what becomes of it

    @property
    def is_paused(self) -> bool:
        return not self._runs.is_set()

    def pause(self) -> None:
        """As SIGSTOP: time goes on, and nothing is done."""
        self._runs.clear()

    def resume(self) -> None:
        self._runs.set()

    async def running(self) -> None:
        await self._runs.wait()

    @property
    def clock(self) -> Clock:
        return Clock(now, self.sleep, now)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.running()

    # ---- calls

    async def _call(self, name: str, answer: Callable[[], T], seconds: float = SECONDS) -> T:
        """It, or its answer, may be lost; then it was carried out or not."""
        self.calls.append(name)
        began = now()
        for step in (False, True):
            await self.running()
            await asyncio.sleep(self._random.uniform(0, self._slow))
            if not self.reaches_etcd or now() - began > seconds:
                await asyncio.sleep(max(0.0, began + seconds - now()))
                await self.running()
                raise Unreachable(f"{self.name} does not reach etcd")
            if not step:
                found = answer()
        await self.running()
        return found

    async def get(self, key: bytes) -> Held | None:
        return await self._call("get", lambda: self._store.get(key))

    async def everything(self, prefix: bytes) -> tuple[list[Held], int]:
        return await self._call("everything", lambda: (self._store.below(prefix), self._store.revision))

    async def create(self, key: bytes, value: bytes, lease: int = 0) -> int | None:
        return await self._call("create", lambda: self._store.create(key, value, lease))

    async def write(self, while_: tuple[bytes, int], changes: Iterable[Change], seconds: float = SECONDS) -> bool:
        some = list(changes)
        return await self._call("write", lambda: self._store.write(while_, some), seconds)

    async def grant(self, seconds: int) -> Lease:
        return await self._call("grant", lambda: self._store.grant(seconds))

    async def keep_alive(self, lease: int, seconds: float = SECONDS) -> bool:
        return await self._call("keep_alive", lambda: self._store.keep_alive(lease), seconds)

    async def time_to_live(self, lease: int) -> Left:
        return await self._call("time_to_live", lambda: self._store.time_to_live(lease))

    async def revoke(self, lease: int) -> None:
        await self._call("revoke", lambda: self._store.revoke(lease))

    async def watch(self, prefix: bytes, revision: int) -> AsyncIterator[News]:
        yield await self._call("watch", lambda: News([], 0))
        if self._store.revision < revision - 1:
            raise Compacted("it was made anew")
        while True:
            await self.sleep(WATCH_TICK)
            if not self.reaches_etcd:
                raise Unreachable("the stream has ended")
            if found := self._store.since(prefix, revision):
                revision = found[-1].revision + 1
                yield News([each.change for each in found], found[-1].revision)


class Accepted(NamedTuple):
    """A write that a switch has carried out."""

    at: float
    switch: str
    machine: str
    election_id: int


class Switch:
    """Of P4Runtime's arbitration: of those connected the one with the highest id is primary, if nobody has had a higher
    one."""

    def __init__(self, name: str, log: list[Accepted]) -> None:
        self.name = name
        self.highest = 0
        self.streams: dict[str, int] = {}
        self._log = log

    @property
    def primary(self) -> str | None:
        return next((name for name, number in self.streams.items() if number == self.highest), None)

    def bid(self, machine: str, election_id: int) -> None:
        self.streams[machine] = election_id
        self.highest = max(self.highest, election_id)

    def leave(self, machine: str) -> None:
        self.streams.pop(machine, None)

    def write(self, machine: str) -> bool:
        if self.primary != machine:
            return False
        self._log.append(Accepted(now(), self.name, machine, self.streams[machine]))
        return True
