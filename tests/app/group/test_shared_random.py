"""Controllers that share a group of switches, under random kills and partitions in virtual time: never two that write,
nothing leaks, no session on a switch that the leader does not know, and no connection is lost that was not bound to
be."""

from __future__ import annotations

import asyncio
import os
from random import Random

import pytest
from etcd.controllers import later_than_later
from etcd.virtual import run

from .shared_world import SharedWorld, in_virtual_time

pytestmark = pytest.mark.interpreted
SEQUENCES = int(os.environ.get("FULLNAT_SEQUENCES", "6"))
STEPS = 25
SETTLED_SECONDS = 60.0
EVENTS = {
    "connect": 8,
    "finish": 3,
    "kill a controller": 2,
    "kill a switch": 2,
    "revive a switch": 4,
    "cut a controller off from etcd": 2,
    "cut a controller off from a switch": 3,
    "join a controller": 4,
    "activate": 1,
}


class Fate:
    def __init__(self, world: SharedWorld, seed: int) -> None:
        self.world = world
        self.rng = Random(seed)

    async def step(self) -> None:
        world, rng = self.world, self.rng
        world.note()
        controller, switch = rng.choice(world.controllers), rng.choice(list(world.switches.values()))
        match rng.choices(list(EVENTS), list(EVENTS.values()))[0]:
            case "connect":
                world.connect(rng.randrange(1, 8))
            case "finish":
                world.finish(rng.randrange(1, 4))
            case "kill a controller" if self._is_kept():
                await controller.kill()
                controller.start()
            case "kill a switch" if world.are_well() and not any(each.cut for each in world.switches.values()):
                switch.kill()
            case "revive a switch":
                for each in world.switches.values():
                    if not each.alive:
                        each.revive(emptied=True)
            case "cut a controller off from etcd":
                controller.machine.reaches_etcd = False
            case "cut a controller off from a switch" if all(each.alive for each in world.switches.values()):
                switch.set_cut(controller.machine.name, cut=True)
            case "join a controller":
                self._join(controller.machine.name)
                controller.machine.reaches_etcd = True
            case "activate":
                await self._activate(switch.name)
        await asyncio.sleep(rng.choice((0.0, 0.01, 0.3, 1.0, 4.0, 12.0)))
        for one in world.controllers:
            assert one.failure is None, one.failure
            assert one.runner.errors == 0

    def _is_kept(self) -> bool:
        """What the leader knows a switch has as well, that etcd knows to have it."""
        return self.world.are_well()

    async def _activate(self, name: str) -> None:
        leader = self.world.leader
        if leader is not None:
            await asyncio.gather(leader.owner.activate(name), return_exceptions=True)

    def _join(self, controller: str) -> None:
        for switch in self.world.switches.values():
            switch.set_cut(controller, cut=False)

    async def heal(self) -> None:
        for controller in self.world.controllers:
            controller.machine.reaches_etcd = True
            self._join(controller.machine.name)
        for switch in self.world.switches.values():
            if not switch.alive:
                switch.revive(emptied=True)
        await self.world.within(SETTLED_SECONDS, self.world.is_quiet)


async def whole(names: str, seed: int) -> None:
    world = SharedWorld(names, seed)
    fate = Fate(world, seed)
    world.start()
    await fate.heal()
    assert world.is_quiet()
    for _ in range(STEPS):
        await fate.step()
    await fate.heal()
    assert world.is_quiet(), told(world)
    world.note()
    assert later_than_later(world.log) == []
    assert_agreed(world)
    leader = world.leader
    assert leader is not None
    assert world.lost() == set()
    for _ in range(10):
        world.finish(len(leader.core.session_ids()))
        await asyncio.sleep(1)
    assert leader.core.session_ids() == []
    await fate.heal()
    assert_agreed(world)
    assert all(world.sessions(switch) == {} for switch in world.switches.values())
    assert [local.used for local in leader.core.local_addresses()] == [0]
    await world.end()


def assert_agreed(world: SharedWorld) -> None:
    """All switches hold the same, which is what the leader does, and one alone has a gate."""
    leader = world.leader
    assert leader is not None
    held = [switch.held() for switch in world.switches.values()]
    for each in held:
        assert each == held[0]
    for switch in world.switches.values():
        assert len(world.sessions(switch)) == 2 * leader.core.stats()["sessions"]
    active = leader.owner.group.active
    assert active is not None
    assert [name for name, switch in world.switches.items() if switch.gate_entries()] == [active.name]


def told(world: SharedWorld) -> str:
    roles = {each: [role.value for role in each.roles()] for each in world.controllers}
    return "; ".join(f"{each.machine.name}: leads {each.leads}, {said}" for each, said in roles.items())


@pytest.mark.parametrize("names", ["ab", "abc"])
@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_whatever_happens(monkeypatch: pytest.MonkeyPatch, names: str, seed: int) -> None:
    in_virtual_time(monkeypatch)
    run(whole(names, seed))
