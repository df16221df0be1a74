"""Two controllers of one switch, which share etcd: kill -9 of the one that leads, of etcd, and of etcd's leader."""

from __future__ import annotations

import contextlib
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from fullnat.cli.controlclient import Refused, tell

from topo import standard
from topo.controllers import Controllers
from topo.process import Process, poll
from topo.world import World, lines, report
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean

pytestmark = pytest.mark.alone
MEGABYTE = 1 << 20
ATTEMPT_SECONDS = 0.05
TAKEOVER_SECONDS = 2.0


@pytest.fixture(params=[1], ids=["one etcd"])
def several(request: pytest.FixtureRequest, target: str) -> Iterator[tuple[World, Controllers]]:
    if target != "p4soft":
        pytest.skip("controllers are as with p4soft")
    if shutil.which("etcd") is None:
        pytest.skip("etcd is not on PATH: make peers")
    # Sessions that end while no controller looks are removed when they have been idle.
    config = standard.config(timeouts=CLOSING, established_timeout=5)
    with make_world(config, target=target, start=False) as world:
        controllers = Controllers(world, request.param)
        controllers.start()
        yield world, controllers


def transfer(world: World) -> Process:
    """One of some seconds that has begun."""
    rate = 2 * MEGABYTE
    load = world.start_load("c1", answer=6 * rate, throttle=rate, progress=True)

    def received() -> bool:
        load.check_running()
        progress = lines(load, "progress")
        return bool(progress) and int(progress[-1]["received"]) > rate // 4

    poll(received, 20, "the transfer has begun")
    return load


def of_transfer(world: World) -> set[tuple[str, str, int]]:
    """What makes out the sessions of the client c1 that have been there for more than a moment."""
    host = f"{world.network.address('c1')}:"
    found = [each for each in world.stack.sessions() if each["client"].startswith(host) and each["in_packets"] > 10]
    return {(each["client"], each["local"], each["session_id"]) for each in found}


def first_connection(world: World, client: str) -> float:
    """Seconds until a connection that is begun from now on comes about; another one is begun every now and then."""
    began = time.monotonic()
    with contextlib.ExitStack() as open_ones, world.network.inside(client):
        waiting: list[socket.socket] = []
        while time.monotonic() < began + 20:
            made = open_ones.enter_context(socket.socket())
            made.setblocking(False)
            made.connect_ex((str(standard.VIP), standard.VPORT))
            waiting.append(made)
            _, ready, _ = select.select([], waiting, [], ATTEMPT_SECONDS)
            for each in ready:
                if not each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return time.monotonic() - began
                waiting.remove(each)
    raise TimeoutError("no connection within 20 s")


def under_way(load: Process, goal: int) -> bool:
    progress = lines(load, "progress")
    return bool(progress) and int(progress[-1]["done"]) > goal


def weight(world: World) -> int:
    """Of the first server."""
    (service,) = world.stack.stats()["services"]
    return int(service["servers"][0]["weight"])


def weighted(world: World, value: int) -> dict[str, Any]:
    """The commands that have it."""
    (service,) = world.stack.stats()["services"]
    server = {"protocol": "tcp", "virtual": service["virtual"], "server": service["servers"][0]["server"]}
    return {"commands": [{"edit_server": {**server, "settings": {"weight": value}}}]}


def test_kill_9_of_the_leader(several: tuple[World, Controllers]) -> None:
    """No connection breaks, and the other takes over within 2 s, with what commands have changed; who comes back stands
    by, and takes no commands."""
    world, controllers = several
    first = controllers.follow()
    assert world.stack.stats()["etcd"]["leader"] == first
    tell(world.stack.socket, "apply", weighted(world, 7))
    assert weight(world) == 7
    long = transfer(world)
    load = world.start_load("c2", n=400, c=400, rate=80, progress=True)
    poll(partial(under_way, load, 80), 30, "connections come and go")
    before = of_transfer(world)
    assert len(before) == 1
    controllers.processes[first].kill()
    took = first_connection(world, "c1")
    second = controllers.follow()
    print(f"the first connection came about {took:.2f} s after kill -9 of the leader")
    assert second != first
    assert before == of_transfer(world)
    assert took < TAKEOVER_SECONDS
    assert weight(world) == 7
    controllers.start_controller(first)
    poll(lambda: controllers.reason(first) == f"{second} leads", 20, "the first stands by", 0.1)
    with pytest.raises(Refused, match="this controller stands by"):
        tell(controllers.socket(first), "apply", weighted(world, 9))
    with pytest.raises(Refused, match=f"^{second} leads; send commands to the leader$"):
        tell(controllers.socket(first), "reload", {})
    assert controllers.follow() == second
    assert_all_good(report(load), 400)
    assert_all_good(report(long), 1)
    controllers.processes[second].signal(signal.SIGTERM)
    took = first_connection(world, "c1")
    assert controllers.processes[second].wait(10) == 0
    assert controllers.follow() == first
    assert took < TAKEOVER_SECONDS
    assert weight(world) == 7
    assert_clean(world)


def test_kill_9_of_etcd(several: tuple[World, Controllers]) -> None:
    """Nothing happens: the leader goes on as the switch says that it is primary, and leads when etcd is back."""
    world, controllers = several
    first = controllers.follow()
    long = transfer(world)
    controllers.members.kill()
    poll(lambda: world.stack.stats()["etcd"]["unconfirmed_for"] > 1.5, 20, "the leader is not confirmed", 0.1)
    assert world.stack.stats()["etcd"]["up"] is False
    assert_all_good(world.load("c2", n=100, c=100, rate=100), 100)
    assert len(controllers.standing_by) == 1
    controllers.members.start()
    poll(lambda: not world.stack.stats()["etcd"]["unconfirmed_for"], 20, "the leader is confirmed", 0.1)
    assert controllers.follow() == first
    assert world.stack.stats()["etcd"]["elections"] == 1
    assert world.stack.stats()["switch"]["connects"] == 1
    assert_all_good(report(long), 1)
    assert_clean(world)


@pytest.mark.parametrize("several", [3], indirect=True, ids=["three of etcd"])
def test_kill_9_of_the_leader_of_etcd(several: tuple[World, Controllers]) -> None:
    """The others elect another; the controllers notice only that calls take longer."""
    world, controllers = several
    first = controllers.follow()
    long = transfer(world)
    load = world.start_load("c2", n=300, c=300, rate=80, progress=True)
    poll(partial(under_way, load, 40), 30, "connections come and go")
    gone = controllers.members.leader
    controllers.members.kill(gone)
    poll(lambda: controllers.members.leader != gone, 20, "etcd has elected", 0.1)
    poll(lambda: not world.stack.stats()["etcd"]["unconfirmed_for"], 20, "the leader is confirmed", 0.1)
    assert_all_good(report(load), 300)
    assert_all_good(report(long), 1)
    assert controllers.follow() == first
    assert world.stack.stats()["etcd"]["elections"] == 1
    assert world.stack.stats()["switch"]["connects"] == 1
    assert_clean(world)
