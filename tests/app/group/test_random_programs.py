"""The same where the switches run different builds of the program, and are upgraded meanwhile."""

from __future__ import annotations

import asyncio
import os
from random import Random

import pytest
from fullnat.app.group.shown import NotNow
from fullnat.tables.session import SessionEntry
from p4rt.variants import room, variant

from .builds import OTHER, held, running
from .conftest import PROGRAM, Cluster, MakeCluster
from .memory_switch import MemorySwitch
from .test_random import Fate, assert_nothing_leaks

BUILDS = {build.cookie: build for build in (PROGRAM, OTHER, variant(PROGRAM, room(sessions=1 << 12)))}
SEEDS = range(100) if os.environ.get("FULLNAT_E2E") == "full" else range(8)


def given(switch: MemorySwitch, rng: Random) -> None:
    """Its operator has started it with one of the builds, or without any."""
    if rng.random() < 0.7:
        running(switch, rng.choice(list(BUILDS.values())))


class Builds(Cluster):
    def run(self) -> None:
        for switch in self.switches.values():
            if switch.config is None:
                given(switch, self.rng)
        super().run()

    def assert_agreed(self, *names: str) -> None:
        wanted = names or tuple(self.switches)
        found = []
        for name in wanted:
            config = self.switches[name].config
            assert config is not None
            found.append(held(self.switches[name], BUILDS[config.cookie.cookie]))
        assert all(each == found[0] for each in found)
        sessions = [entry for entry in found[0] if isinstance(entry, SessionEntry)]
        assert len(sessions) == self.core.stats()["sessions"]
        assert [name for name in wanted if self.switches[name].gate_entries()] == [self.group.active.name]  # type: ignore[union-attr]


class Upgrades(Fate):
    async def step(self) -> None:
        if self.rng.random() < 0.15:
            try:
                self.cluster.owner.upgrade(self.rng.choice(list(self.cluster.switches)))
            except NotNow:
                await asyncio.sleep(0)
        await super().step()

    def revive(self) -> None:
        dead = [switch for switch in self.cluster.switches.values() if not switch.alive]
        if dead:
            switch, emptied = self.rng.choice(dead), self.rng.random() < 0.5
            switch.revive(emptied=emptied)
            if emptied:
                given(switch, self.rng)


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_leaks_whatever_they_run(make: MakeCluster, seed: int) -> None:
    rng = Random(seed)
    cluster = make("abc" if seed % 3 == 0 else "ab", seed, kind=Builds)
    await cluster.full()
    await assert_nothing_leaks(cluster, Upgrades(cluster, rng), rng)
