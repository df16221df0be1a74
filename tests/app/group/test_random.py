"""Whatever dies and comes back, in whatever order: at the end all hold what the core does, and one alone forwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from random import Random

import pytest
from fullnat.app.group.member import Role
from fullnat.app.group.shown import NotNow
from p4rt.waiting import until

from .conftest import Cluster, MakeCluster

FOUND = 178
"""A standby that was just found out of step was made active by command."""
SEEDS = [*range(200)] if os.environ.get("FULLNAT_E2E") == "full" else [*range(15), FOUND]
STEPS = 12


class Fate:
    """Does things to a cluster."""

    def __init__(self, cluster: Cluster, rng: Random) -> None:
        self.cluster = cluster
        self.rng = rng
        self.restarting = asyncio.Lock()

    async def step(self) -> None:
        what: Callable[[], None] = self.rng.choices(
            (self.connect, self.end, self.kill, self.revive, self.activate, self.refuse, self.restart),
            (6, 3, 3, 4, 2, 1, 1),
        )[0]
        what()
        for _ in range(self.rng.choice((0, 1, 5, 30))):
            await asyncio.sleep(0)
            self.look()
        if self.rng.random() < 0.3:
            await asyncio.sleep(self.rng.random() * 0.05)
            self.look()

    def look(self) -> None:
        """None that is told that it does nothing has a gate."""
        for name, member in self.cluster.group.members.items():
            switch = self.cluster.switches[name]
            if switch.alive and member.role in (Role.FILLING, Role.STANDBY):
                assert not switch.gate_entries(), (name, self.cluster.roles())

    def connect(self) -> None:
        if self.cluster.group.active is not None:
            self.cluster.syns(self.rng.randrange(1, 20))

    def end(self) -> None:
        ids = self.cluster.core.session_ids()
        if self.cluster.group.active is not None:
            for number in self.rng.sample(ids, min(len(ids), self.rng.randrange(1, 10))):
                self.cluster.end(number)

    def kill(self) -> None:
        self.rng.choice(list(self.cluster.switches.values())).kill()

    def revive(self) -> None:
        dead = [switch for switch in self.cluster.switches.values() if not switch.alive]
        if dead:
            self.rng.choice(dead).revive(emptied=self.rng.random() < 0.5)

    def activate(self) -> None:
        task = asyncio.ensure_future(self._activate(self.rng.choice(list(self.cluster.switches))))
        self.cluster.beside.append(task)

    async def _activate(self, name: str) -> None:
        try:
            await self.cluster.owner.activate(name)
        except NotNow:
            return

    def refuse(self) -> None:
        """One of them refuses one update of a table."""
        switch = self.rng.choice(list(self.cluster.switches.values()))

        def once(update: object) -> tuple[int, str] | None:
            switch.refuse = lambda _update: None
            return 8, "no room"

        switch.refuse = once

    def restart(self) -> None:
        """Another controller goes on, and knows what it reads."""
        self.cluster.beside.append(asyncio.ensure_future(self._restart()))

    async def _restart(self) -> None:
        async with self.restarting:
            await self.cluster.stop()
            self.cluster.start()
            self.cluster.run()


async def assert_nothing_leaks(cluster: Cluster, fate: Fate, rng: Random) -> None:
    """Whatever the ``fate`` of the cluster: in the end all of it has gone well, and no session is left."""
    for _ in range(STEPS):
        await fate.step()
    await asyncio.gather(*cluster.beside)
    for switch in cluster.switches.values():
        switch.refuse = lambda _update: None
        if not switch.alive:
            switch.revive(emptied=rng.random() < 0.5)
    await cluster.full()
    await cluster.connect(3)
    await cluster.settled()
    fate.look()
    cluster.assert_agreed()
    assert cluster.runner.errors == 0
    for number in cluster.core.session_ids():
        cluster.end(number)
    await until(lambda: not cluster.core.session_ids())
    await cluster.settled()
    cluster.assert_agreed()
    assert {local.used for local in cluster.core.local_addresses()} == {0}


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_leaks_and_one_forwards(make: MakeCluster, seed: int) -> None:
    rng = Random(seed)
    cluster = make("abc" if seed % 3 == 0 else "ab", seed)
    await cluster.full()
    await assert_nothing_leaks(cluster, Fate(cluster, rng), rng)
    assert len(cluster.core.local_addresses()) == 1
