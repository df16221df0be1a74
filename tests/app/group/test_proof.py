"""A switch whose server answers, and whose data plane does not."""

from __future__ import annotations

import asyncio

import pytest
from core import builders
from fullnat.app.group.member import MUTE
from fullnat.app.group.shown import NotNow
from fullnat.core.interface import PacketIn
from p4rt.waiting import until

from .conftest import Cluster, MakeCluster


def shown(cluster: Cluster, name: str) -> tuple[str, str, str]:
    found = cluster.member(name).shown(0)
    return found["role"], found["state"], found["reason"]


async def proved(cluster: Cluster) -> None:
    await until(lambda: all(member.lives for member in cluster.group.members.values()))


async def test_a_mute_one_is_given_up(make: MakeCluster) -> None:
    """Another one takes over, and says why. The mute one stands by with everything, and is made active by nobody until
    it proves to live again."""
    cluster = make()
    await cluster.full()
    await cluster.connect(10)
    await proved(cluster)
    cluster.switches["a"].hangs = True
    await until(lambda: cluster.roles() == {"a": "standby", "b": "active"})
    takeover = cluster.member("b").takeover
    assert takeover is not None
    assert takeover.why == f"a: {MUTE}"
    await cluster.settled()
    cluster.assert_agreed()
    assert shown(cluster, "a") == ("standby", "mute", MUTE)
    with pytest.raises(NotNow, match="switch a would forward nothing"):
        await cluster.owner.activate("a")
    cluster.switches["a"].hangs = False
    await until(lambda: shown(cluster, "a") == ("standby", "serving", ""))
    assert await cluster.owner.activate("a") == "b"
    await cluster.connect(5)


async def test_there_is_no_better_one(make: MakeCluster) -> None:
    """Where nothing comes back, no switch is given up for it: not when all have fallen mute, and not when the program
    hands nothing back at all."""
    cluster = make()
    for switch in cluster.switches.values():
        switch.hangs = True
    await cluster.full()
    await until(lambda: all(member.is_mute for member in cluster.group.members.values()))
    active = cluster.group.active
    assert active is not None
    await asyncio.sleep(0.2)
    await cluster.connect(5)
    assert cluster.group.active is active
    assert cluster.owner.counts.connects == 2
    for switch in cluster.switches.values():
        switch.hangs = False
    await proved(cluster)
    for name in "ba":
        cluster.switches[name].hangs = True
        await until(lambda: cluster.member(name).is_mute)  # noqa: B023
    await asyncio.sleep(0.2)
    assert cluster.group.active is active
    assert cluster.owner.counts.connects == 2


async def test_who_is_known_to_live_takes_over(make: MakeCluster) -> None:
    """The first one that stands by is mute: the next one is taken. The mute one is, when there is no other."""
    cluster = make("abc")
    await cluster.full()
    await proved(cluster)
    cluster.switches["b"].hangs = True
    await until(lambda: cluster.member("b").is_mute)
    cluster.switches["a"].kill()
    await until(lambda: cluster.roles() == {"a": "away", "b": "standby", "c": "active"})
    cluster.switches["c"].kill()
    await until(lambda: cluster.roles() == {"a": "away", "b": "active", "c": "away"})


async def test_a_flood_that_drops_ours(make: MakeCluster) -> None:
    """Whatever else the data plane tells is proof enough, though nothing of ours comes back."""
    cluster = make()
    await cluster.full()
    await proved(cluster)
    cluster.active.hangs = True
    for _ in range(100):
        cluster.active.punt(builders.syn(1000, 1))
        await asyncio.sleep(0.005)
    assert cluster.roles() == {"a": "active", "b": "standby"}
    assert not cluster.member("a").is_mute


async def test_the_core_hears_nothing_of_it(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    await proved(cluster)
    await asyncio.sleep(0.2)
    assert cluster.runner.events[PacketIn] == 0
