"""kill -9 of the controller and of the switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from topo import standard
from topo.process import Process, poll
from topo.stack import Json
from topo.world import World, lines, report
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean

IDENTITY = ("session_id", "protocol", "client", "virtual", "local", "server", "delta")
MEGABYTE = 1 << 20


@pytest.fixture
def world(target: str, family: int) -> Iterator[World]:
    config = standard.config(families=(family,), timeouts=CLOSING)
    with make_world(config, target=target, family=family) as made:
        yield made


def identities(sessions: list[Json]) -> set[tuple[str, ...]]:
    return {tuple(str(session[name]) for name in IDENTITY) for session in sessions}


def transfer(world: World, rate: float) -> tuple[Process, Callable[[], int]]:
    """One of some seconds that has begun, and what says how many bytes have come."""
    load = world.start_load("c1", answer=int(8 * rate), throttle=int(rate), progress=True)

    def received() -> int:
        load.check_running()
        progress = lines(load, "progress")
        return int(progress[-1]["received"]) if progress else 0

    poll(lambda: received() > rate, 20, "the transfer has begun")
    return load, received


def under_way(load: Process, goal: int) -> bool:
    progress = lines(load, "progress")
    return bool(progress) and int(progress[-1]["done"]) > goal


def test_controller(world: World, target: str) -> None:
    """A transfer outlives its controller; the next controller has the same sessions, serves, and removes them later."""
    if target == "embedded":
        pytest.skip("the embedded switch dies with its controller")
    rate = (2 if target == "p4soft" else 0.1) * MEGABYTE
    load, received = transfer(world, rate)
    before = identities(world.stack.sessions())
    assert len(before) == 1
    assert world.stack.controller is not None
    world.stack.controller.kill()
    mark = received()
    poll(lambda: received() > mark + rate, 20, "the transfer goes on without controller")
    world.stack.start_controller()
    world.stack.wait_ready()
    assert identities(world.stack.sessions()) == before
    assert world.stack.stats()["controller"]["sessions_adopted"] == 1
    assert world.get("c2").toa is not None
    assert_all_good(report(load), 1)
    assert_clean(world)


def test_controller_under_load(target: str) -> None:
    """The controller is killed twice while connections come and go. None of them fails: their SYNs are repeated until
    the next controller answers. Sessions that ended unseen are removed once idle for the established timeout."""
    if target == "embedded":
        pytest.skip("the embedded switch dies with its controller")
    rate = 100 if target == "p4soft" else 20
    with make_world(standard.config(timeouts=CLOSING, established_timeout=3), target=target) as world:
        for _ in range(2):
            load = world.start_load("c1", n=5 * rate, c=5 * rate, rate=rate, toa=True, progress=True)
            poll(partial(under_way, load, rate), 30, "connections come and go")
            assert world.stack.controller is not None
            world.stack.controller.kill()
            world.stack.start_controller()
            world.stack.wait_ready()
            assert_all_good(report(load), 5 * rate)
        assert_clean(world)


def test_switch(world: World, target: str) -> None:
    """A new switch gets the pipeline and every entry again: a transfer goes on, and new connections are served."""
    if target == "embedded":
        pytest.skip("the embedded switch dies with its controller")
    rate = (2 if target == "p4soft" else 0.1) * MEGABYTE
    load, _ = transfer(world, rate)
    idle = world.http("c2")
    before = identities(world.stack.sessions())
    assert len(before) == 2
    assert world.stack.switch is not None
    world.stack.switch.kill()
    world.stack.start_switch()
    poll(lambda: world.stack.stats()["switch"]["pipeline_pushes"] == 2, 30, "the pipeline was pushed again", 0.1)
    world.stack.wait_ready()
    poll(lambda: world.stack.stats()["controller"]["sessions_restored"] == 2, 10, "the sessions are back")
    assert identities(world.stack.sessions()) == before
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert {answer.server for answer in answers} == set(standard.SERVERS)
    assert all(answer.toa == answer.client for answer in answers)
    idle.request("GET", "/")
    assert idle.getresponse().status == 200
    idle.close()
    assert_all_good(report(load), 1)
    assert_clean(world)
