"""Controllers that share a group of switches: what a takeover by another machine may not lose, and never two write.

Each of these was found by tests/app/group/test_shared_random.py or by ``make chaos``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from etcd.controllers import later_than_later
from etcd.virtual import now, run
from fullnat.app.group.admission import NOTICE_SECONDS
from fullnat.app.group.choice import PATIENCE
from fullnat.core.interface import Moved

from .shared_world import OneController, SharedWorld, in_virtual_time

pytestmark = pytest.mark.interpreted
SOON = 3.0
"""Seconds that another controller may take to lead and to have its switches."""


def play(monkeypatch: pytest.MonkeyPatch, scene: Callable[[SharedWorld], Awaitable[None]]) -> None:
    """With two switches, a and b, of which a is active and both are full, and two controllers, of which one leads."""
    in_virtual_time(monkeypatch)

    async def played() -> None:
        world = SharedWorld("ab", 1)
        world.start()
        assert await world.within(20, world.is_quiet)
        if active_of(world) != "a":
            await leader_of(world).owner.activate("a")
            assert await world.within(20, world.is_quiet)
        await connect(world, 5)
        await scene(world)
        assert later_than_later(world.log) == []
        await world.end()

    run(played())


def leader_of(world: SharedWorld) -> OneController:
    assert world.leader is not None
    return world.leader


def other(world: SharedWorld) -> OneController:
    leader = leader_of(world)
    return next(each for each in world.controllers if each is not leader)


def active_of(world: SharedWorld) -> str:
    active = leader_of(world).owner.group.active
    assert active is not None
    return active.name


async def connect(world: SharedWorld, count: int) -> None:
    """Connections begin, and are not to be lost from then on."""
    before = len(world.established)

    def begun() -> bool:
        world.note()
        return len(world.established) >= before + count

    world.connect(count)
    assert await world.within(5, begun)


def leads(world: SharedWorld, one: OneController) -> Callable[[], bool]:
    return lambda: world.leader is one and one.runner.serving


def test_the_next_leader_knows_which_switch_is_active_and_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """That was known on the machine of the leader alone: the other one began with the switch that had fallen behind,
    and deleted what it did not have from the one that had it."""

    async def scene(world: SharedWorld) -> None:
        first, second = leader_of(world), other(world)
        world.switches["a"].set_cut(first.machine.name, cut=True)
        assert await world.within(10, lambda: active_of(world) == "b")
        await connect(world, 5)
        await first.kill()
        assert await world.within(SOON, leads(world, second))
        assert active_of(world) == "b"
        assert await world.within(20, world.are_well)
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_the_next_leader_waits_for_the_switch_that_was_active(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited since it was started, and not since it led: so not at all."""

    async def scene(world: SharedWorld) -> None:
        first, second = leader_of(world), other(world)
        world.switches["a"].set_cut(first.machine.name, cut=True)
        assert await world.within(10, lambda: active_of(world) == "b")
        await connect(world, 5)
        world.switches["b"].set_cut(second.machine.name, cut=True)
        await first.kill()
        assert await world.within(SOON, lambda: second.leads)
        assert not await world.within(1.0, lambda: second.runner.serving)
        world.switches["b"].set_cut(second.machine.name, cut=False)
        assert await world.within(SOON, leads(world, second))
        assert active_of(world) == "b"
        assert await world.within(20, world.are_well)
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_a_new_leader_writes_to_no_switch_while_the_one_before_may_write_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """etcd's majority and a on one side, the leader before and b on the other."""

    async def scene(world: SharedWorld) -> None:
        first, second = leader_of(world), other(world)
        first.machine.reaches_etcd = False
        world.switches["a"].set_cut(first.machine.name, cut=True)
        world.switches["b"].set_cut(second.machine.name, cut=True)
        began = now()
        assert await world.within(SOON, lambda: second.leads)
        assert await world.within(NOTICE_SECONDS + SOON, leads(world, second))
        written = [each.at for each in world.log if each.machine == second.machine.name]
        last = [each.at for each in world.log if each.machine == first.machine.name][-1]
        assert last < written[0]
        assert NOTICE_SECONDS < written[0] - began < NOTICE_SECONDS + SOON
        assert not first.leads
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_a_new_leader_that_had_to_wait_begins_with_the_switch_that_was_active(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It could write to neither before it had both: when the time to wait for the better one was over, it began with
    the one that came back empty, if that was first by a hair."""

    async def scene(world: SharedWorld) -> None:
        first, second = leader_of(world), other(world)
        await first.owner.activate("b")
        assert await world.within(20, world.is_quiet)
        first.machine.reaches_etcd = False
        world.switches["a"].kill()
        assert await world.within(SOON, lambda: second.leads)
        assert not await world.within(PATIENCE + 1, lambda: second.runner.serving)
        world.switches["a"].revive(emptied=True)
        assert await world.within(SOON, leads(world, second))
        assert active_of(world) == "b"
        assert await world.within(20, world.are_well)
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_a_switch_that_is_away_keeps_no_new_leader_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader before did not hold it, and has said so: it holds none without etcd's word."""

    async def scene(world: SharedWorld) -> None:
        first, second = leader_of(world), other(world)
        world.switches["b"].kill()
        await connect(world, 3)
        await first.kill()
        assert await world.within(SOON, leads(world, second))
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_a_leader_is_back_as_soon_as_the_way_to_a_switch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It bid the id of the connection before, which the switch had not noticed to be gone, and refused."""

    async def scene(world: SharedWorld) -> None:
        leader = leader_of(world)
        for switch in world.switches.values():
            switch.set_cut(leader.machine.name, cut=True)
        assert await world.within(10, lambda: not leader.runner.serving)
        for switch in world.switches.values():
            switch.set_cut(leader.machine.name, cut=False)
        assert await world.within(5, world.are_well)
        assert world.leader is leader
        assert world.lost() == set()

    play(monkeypatch, scene)


@pytest.mark.parametrize("seconds", [2.7, 4.0])
def test_a_leader_that_reaches_no_switch_for_a_while_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """It took the first one for lost or mute while it did not know yet that the other one says nothing either, and had
    that forward when it was back."""

    async def scene(world: SharedWorld) -> None:
        leader = leader_of(world)
        for active in ("a", "b"):
            for switch in world.switches.values():
                switch.set_cut(leader.machine.name, cut=True)
            await world.within(seconds, lambda: False)
            for switch in world.switches.values():
                switch.set_cut(leader.machine.name, cut=False)
            assert await world.within(20, world.are_well)
            assert active_of(world) == active
            members = leader.owner.group.members.values()
            assert await world.within(5, lambda: all(member.lives for member in members))  # noqa: B023
            await leader.owner.activate("b" if active == "a" else "a")
            assert await world.within(20, world.is_quiet)
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_a_leader_that_ends_leaves_everything_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its switches went one after the other, and the second one was remembered as the active one, alone full."""

    async def scene(world: SharedWorld) -> None:
        first, second = leader_of(world), other(world)
        await first.stop()
        assert await world.within(1.0, leads(world, second))
        assert active_of(world) == "a"
        assert await world.within(5, world.are_well)
        assert not any(member.takeovers for member in second.owner.group.members.values())
        assert world.lost() == set()

    play(monkeypatch, scene)


def test_our_addresses_are_announced_again_when_the_switch_before_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It forwarded until then, so that bridges may have learnt that our MAC addresses are there: the announcements of
    the takeover were over."""

    async def scene(world: SharedWorld) -> None:
        leader = leader_of(world)
        world.switches["a"].set_cut(leader.machine.name, cut=True)
        assert await world.within(10, lambda: active_of(world) == "b")
        await world.within(30, lambda: False)
        announced = leader.runner.events[Moved]
        world.switches["a"].set_cut(leader.machine.name, cut=False)
        assert await world.within(5, world.are_well)
        assert leader.runner.events[Moved] == announced + 1

    play(monkeypatch, scene)
