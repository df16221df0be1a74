"""A service without sessions, with the kernel's TCP: connections begin while there is no controller."""

from __future__ import annotations

import signal
from collections import Counter
from functools import partial

from topo import standard
from topo.process import poll
from topo.world import World

from .checks import assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import is_ready, shortcut, take_vip

OPTIONS = ("sessions = false", "buckets = 256")


def test_connections_begin_and_go_on_without_a_controller(make_world: MakeWorld, sizes: Sizes) -> None:
    """All that the servers' kernels get is what the clients sent; the switch alone decides who is served by whom."""
    told = partial(standard.config, modes=("dr",) * 3, local_addresses=(), scheduler="mh", options=OPTIONS)
    world = make_world(told())
    for server in standard.SERVERS:
        poll(partial(is_ready, take_vip(world, server)), 10, f"{server} listens on the VIP")
        shortcut(world, server, "c1")
    went = Counter(world.get("c1").server for _ in range(20))
    assert set(went) == set(standard.SERVERS)
    assert world.stack.controller is not None
    world.stack.controller.kill()
    connections = sizes.connections // 10
    assert_all_good(world.load("c1", n=connections, c=20, timeout=20, limit=60), connections)
    world.stack.start_controller()
    world.stack.wait_ready()
    (service,) = world.stack.stats()["services"]
    assert (service["active"], service["inactive"], service["connections"]) == (0, 0, 0)
    assert all(server["in_packets"] > 0 for server in service["servers"])
    world.stack.configure(told(weights=(1, 0, 1)))
    world.stack.controller.signal(signal.SIGHUP)
    poll(lambda: weights(world) == [1, 0, 1], 10, "the new weights hold")
    assert set(Counter(world.get("c1").server for _ in range(20))) == set(standard.SERVERS) - {standard.SERVERS[1]}
    assert_clean(world)


def weights(world: World) -> list[int]:
    (service,) = world.stack.stats()["services"]
    return [server["effective_weight"] for server in service["servers"]]
