"""Controllers, etcd and switches under random kills, pauses and partitions, in virtual time: never two that write, the
secret of sequence numbers stays, and what was remembered survives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import pytest
from fullnat.app.shared.keys import Keys, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etcd.controllers import PREFIX, Controller, later_than_later, memo, template
from etcd.machines import Accepted, Switch
from etcd.store import Store
from etcd.virtual import now, run

T = TypeVar("T")
EVENTS = ("kill", "pause", "resume", "cut etcd", "join etcd", "cut switch", "join switch", "lose etcd", "find etcd")
SEQUENCES = int(os.environ.get("FULLNAT_SEQUENCES", "12"))
"""That are tried with each number of switches."""
SETTLED_SECONDS = 10.0
SHORT_SECONDS = 2.5


class World:
    def __init__(self, switches: int, seed: int) -> None:
        self.random = Random(seed)
        self.log: list[Accepted] = []
        self.store = Store(now)
        self.switches = [Switch(f"s{number}", self.log) for number in range(switches)]
        self.controllers = [Controller(name, self.store, self.switches, self.random) for name in "ab"]
        self.remembered: set[int] = set()

    async def begin(self) -> None:
        for controller in self.controllers:
            controller.start()
        await asyncio.sleep(1)

    async def happen(self, event: str, who: int, where: int) -> None:
        controller = self.controllers[who]
        machine, switch = controller.machine, self.switches[where % len(self.switches)]
        match event:
            case "kill":
                await controller.kill(self.switches)
                controller.start()
            case "pause":
                machine.pause()
            case "resume":
                machine.resume()
            case "cut etcd":
                machine.reaches_etcd = False
            case "join etcd":
                machine.reaches_etcd = True
            case "cut switch":
                controller.cut.add(switch.name)
            case "join switch":
                controller.cut.discard(switch.name)
            case "lose etcd" | "find etcd":
                for each in self.controllers:
                    each.machine.reaches_etcd = event == "find etcd"

    def remember(self, number: int) -> None:
        """A client's connection goes to a server, as the leader says."""
        for controller in self.controllers:
            if controller.role.election.confirmed and not controller.machine.is_paused:
                controller.core.memory.put(template(number), memo(number))

    def stored(self) -> set[int]:
        """Which of them etcd has, as they were."""
        keys = Keys(PREFIX.encode())
        found = {held.key: held.value for held in self.store.below(keys.memo)}
        has = set()
        for number in range(1, 200):
            key, value = written(template(number), memo(number))
            if found.get(keys.memo + key) == value:
                has.add(number)
        return has

    async def heal(self) -> None:
        for controller in self.controllers:
            controller.machine.resume()
            controller.machine.reaches_etcd = True
            controller.cut.clear()
        await asyncio.sleep(SETTLED_SECONDS)

    async def end(self) -> None:
        for controller in self.controllers:
            await controller.stop()

    @property
    def leading(self) -> list[Controller]:
        return [each for each in self.controllers if each.role.election.term]


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time would pass while one works."""

    async def now(call: Callable[..., T], *arguments: Any) -> T:
        return call(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", now)


STEPS = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(0, 1), st.integers(0, 1), st.floats(0.01, 4)),
    min_size=1,
    max_size=25,
)


async def whole(world: World, steps: list[tuple[str, int, int, float]]) -> None:
    await world.begin()
    assert len(world.leading) == 1
    for number, (event, who, where, seconds) in enumerate(steps, 1):
        world.remember(number)
        await asyncio.sleep(0.1)
        await world.happen(event, who, where)
        before = world.stored()
        await asyncio.sleep(seconds)
        assert before <= world.stored(), "what etcd had is gone"
        for controller in world.controllers:
            assert controller.failure is None, controller.failure
    await world.heal()
    assert later_than_later(world.log) == []
    (leader,) = world.leading
    assert leader.role.election.confirmed
    assert all(switch.primary == leader.machine.name for switch in world.switches)
    assert len(world.log) > 10
    assert now() - world.log[-1].at < SHORT_SECONDS
    assert world.log[-1].machine == leader.machine.name
    secrets = {secret for controller in world.controllers for secret in controller.secrets}
    assert len(secrets) == 1
    assert world.stored() <= {
        number for number in range(1, 200) if leader.core.memory.memos.get(template(number)) == memo(number)
    }
    await world.end()


@pytest.mark.parametrize("switches", [1, 2])
@settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, seed=st.integers(0, 1 << 30))
def test_whatever_happens(switches: int, steps: list[tuple[str, int, int, float]], seed: int) -> None:
    async def tried() -> None:
        await whole(World(switches, seed), steps)

    run(tried())


LED_MEANWHILE = [
    ("kill", 1, 0, 0.21),
    ("cut switch", 0, 0, 2.71),
    ("cut etcd", 1, 0, 3.86),
    ("cut etcd", 0, 0, 2.65),
    ("find etcd", 0, 0, 1.11),
    ("pause", 0, 0, 4.0),
    ("pause", 1, 0, 3.0),
]
"""Both are stopped for longer than their leases last, one after the other, and go on at once."""


@pytest.mark.parametrize("seed", range(20))
def test_who_goes_on_knows_what_another_one_wrote(seed: int) -> None:
    run(whole(World(1, seed), LED_MEANWHILE))


@pytest.mark.parametrize("dies", [False, True])
def test_etcd_that_is_made_anew_gets_what_it_had(dies: bool) -> None:
    """Configuration, secret and memos, from the controllers that know them, whether the one that led lives or not; who
    comes later is told by the leader as before."""

    async def anew() -> None:
        world = World(1, 5)
        await world.begin()
        for number in range(1, 20):
            world.remember(number)
        await asyncio.sleep(2)
        before = {key: held.value for key, held in world.store.keys.items() if not key.endswith(b"/leader")}
        assert set(range(1, 20)) == world.stored()
        for controller in world.controllers:
            controller.machine.reaches_etcd = False
        await asyncio.sleep(0.5)
        world.store.__init__(now)  # type: ignore[misc]
        (leader,) = world.leading
        if dies:
            await leader.stop()
        for controller in world.controllers:
            controller.machine.reaches_etcd = True
        await asyncio.sleep(SETTLED_SECONDS)
        after = {key: held.value for key, held in world.store.keys.items()}
        assert {key: after.get(key) for key in before} == before
        if dies:
            leader.start()
            await asyncio.sleep(SETTLED_SECONDS)
        world.remember(50)
        await asyncio.sleep(2)
        assert 50 in world.stored()
        standby = next(each for each in world.controllers if each not in world.leading)
        assert template(50) in standby.role.store.found
        assert len({secret for controller in world.controllers for secret in controller.secrets}) == 1
        await world.end()

    run(anew())
