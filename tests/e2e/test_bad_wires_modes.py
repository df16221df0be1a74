"""Modes other than FULLNAT while the clients' wire loses and reorders."""

from __future__ import annotations

from functools import partial

from topo import standard
from topo.model import Impairment
from topo.process import poll
from topo.world import report

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import decapsulate, is_ready, route_to_clients, shortcut, take_vip

MASQUERADED, TUNNELLED, DIRECT = standard.SERVERS


def test_connections(make_world: MakeWorld, sizes: Sizes) -> None:
    """One service has a server in each of NAT, TUNNEL and DR: every connection comes through, and nothing is left."""
    config = standard.config(modes=("nat", "tunnel", "dr"), timeouts=CLOSING)
    world = make_world(config, impairment=Impairment(loss=0.01, reorder=0.02))
    route_to_clients(world, MASQUERADED)
    ready = [take_vip(world, server) for server in (TUNNELLED, DIRECT)]
    ready.append(decapsulate(world, TUNNELLED))
    for process in ready:
        poll(partial(is_ready, process), 20, f"{process.name} is ready")
    for client in standard.CLIENTS:
        for server in (TUNNELLED, DIRECT):
            shortcut(world, server, client)
    count = sizes.connections // 40
    loads = [world.start_load(client, n=count, c=100, request=3000, answer=3000) for client in standard.CLIENTS]
    for load in loads:
        assert_all_good(report(load), count)
    (service,) = world.stack.stats()["services"]
    assert all(server["connections"] for server in service["servers"])
    assert_clean(world)
