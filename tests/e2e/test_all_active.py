"""Two switches that both forward, and routers that spread flows over them by BGP: kill -9 of a switch, of a speaker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import pytest

from bench.tools import build
from topo import frr
from topo.all_active import SERVERS, AllActive, topology
from topo.netns import Network
from topo.process import poll
from topo.world import World, _ready

from .checks import CLOSING

pytestmark = pytest.mark.skipif(frr.unavailable() is not None, reason=str(frr.unavailable()))


@contextlib.contextmanager
def all_active() -> Iterator[tuple[World, AllActive]]:
    with Network(topology()) as network:
        stack = AllActive(network, timeouts=CLOSING)
        world = World(network, stack)
        for name in SERVERS:
            command = [str(build.tool("echo_server")), "--address", str(network.address(name)), "--port", "80"]
            world.servers[name] = network.start(name, f"server-{name}", [*command, "--name", name])
        for process in world.servers.values():
            poll(partial(_ready, process), 10, f"{process.name} listens")
        stack.start()
        yield world, stack


def test_it() -> None:
    with all_active() as (world, stack):
        print(stack.members())
        print(stack.returning(), stack.spread())
        for _ in range(20):
            world.get("c1")
        print(stack.stats())
