"""Switches of one group whose programs have less room: the group has what the smallest one has."""

from __future__ import annotations

from core import builders
from p4rt.variants import variant
from p4rt.waiting import until

from .builds import SMALL, held, ids, led_by, programs, refused, running, shown
from .conftest import PROGRAM, SOON, MakeCluster
from .test_members import built, settings


async def test_the_group_has_room_for_what_the_smallest_one_has(make: MakeCluster) -> None:
    cluster = make(kind=programs(b=SMALL))
    await led_by(cluster, "a")
    assert cluster.core.capacity.room.session_ids == 30
    await cluster.connect(30)
    cluster.syns(3)
    await until(lambda: cluster.core.stats()["table_full"] == 3)
    await cluster.settled()
    assert ids(held(cluster.switches["b"], SMALL)) == set(range(30))
    assert shown(cluster, "b")["role"] == "standby"
    await cluster.owner.change(settings(cluster, "a"))
    assert cluster.core.capacity.room == PROGRAM.sizes
    await cluster.connect(10)
    assert len(cluster.core.session_ids()) == 40


async def test_one_with_less_room_than_there_are_sessions_does_not_join(make: MakeCluster) -> None:
    cluster = make("a")
    await cluster.full()
    await cluster.connect(31)
    running(built(cluster, "b"), SMALL)
    await cluster.owner.change(settings(cluster, "a", "b"))
    assert "is too small: there are more sessions, and it has room for 30" in await refused(cluster, "b")
    assert cluster.core.capacity.room == PROGRAM.sizes
    assert not cluster.switches["b"].entries


async def test_one_with_less_room_waits_for_those_with_higher_ids(make: MakeCluster) -> None:
    """From then on none has such an id."""
    cluster = make("a")
    await cluster.full()
    await cluster.connect(35)
    for number in range(20):
        cluster.end(number)
    await until(lambda: len(cluster.core.session_ids()) == 15)
    running(built(cluster, "b"), SMALL)
    await cluster.owner.change(settings(cluster, "a", "b"))
    said = await refused(cluster, "b")
    assert "has no room for sessions with ids from 30 on, and waits until these have ended" in said
    await cluster.connect(10)
    assert all(number < 30 for number in set(cluster.core.session_ids()) - set(range(30, 35)))
    for number in range(30, 35):
        cluster.end(number)
    await cluster.full()
    await cluster.settled()
    assert ids(held(cluster.switches["b"], SMALL)) == set(cluster.core.session_ids())
    assert len(cluster.core.session_ids()) == 20


async def test_one_whose_table_fills_up_later_is_refused_by_name(make: MakeCluster) -> None:
    cluster = make(kind=programs(b=variant(PROGRAM, {"virtual_service": 1})))
    await led_by(cluster, "a")
    cluster.switches["b"].refuse = lambda _update: (8, "full")
    services = [builders.virtual(), builders.virtual(port=81)]
    cluster.runner.reconfigure(builders.config(*services, timeouts=SOON))
    said = await refused(cluster, "b")
    assert "is too small: there are more entries of table virtual_service, and it has room for 1" in said
    assert cluster.roles()["a"] == "active"
    cluster.runner.reconfigure(cluster.config)
    cluster.switches["b"].refuse = lambda _update: None
    await cluster.full("a", "b")
    await cluster.settled()
    assert cluster.runner.errors == 0
