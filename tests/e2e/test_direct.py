"""Direct routing, with the kernel's TCP: servers that have the VIP on lo, and a way to the clients past the switch."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial

import pytest

from topo import standard
from topo.process import poll
from topo.world import World, tcp_options

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import (
    CLOSES,
    assert_connections_close,
    assert_idle_ones_are_told,
    is_ready,
    route_to_clients,
    shortcut,
    take_vip,
)

DIRECT = standard.SERVERS[:2]


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    """Two servers in DR and one in NAT."""
    modes = ("dr", "dr", "nat")
    made = make_world(standard.config(modes=modes, local_addresses=(), timeouts=CLOSING, established_timeout=2.0))
    route_to_clients(made, standard.SERVERS[2])
    for server in DIRECT:
        listener = take_vip(made, server)
        poll(partial(is_ready, listener), 10, f"{server} listens on the VIP")
        for client in standard.CLIENTS:
            shortcut(made, server, client)
    return made


def test_servers_in_dr_are_the_vip_and_answer_past_the_switch(world: World) -> None:
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        assert (answer.toa, answer.toa_options, answer.peer) == (None, 0, answer.client)
    assert_clean(world)
    (service,) = world.stack.stats()["services"]
    sent = {server["server"]: server["out_packets"] for server in service["servers"]}
    assert [bool(sent[f"{world.network.address(server)}:80"]) for server in standard.SERVERS] == [False, False, True]


def test_nothing_of_the_clients_syn_is_lost(world: World) -> None:
    with contextlib.closing(world.http("c1")) as connection:
        assert tcp_options(connection.sock) == {"sack", "window scaling", "timestamps"}
    assert_clean(world)


@pytest.mark.parametrize("close", CLOSES)
def test_connections_close_in_every_way(world: World, sizes: Sizes, close: str) -> None:
    assert_connections_close(world, sizes.connections // 8, 50, close)


def test_a_large_request(world: World, sizes: Sizes) -> None:
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=sizes.transfer // 4, answer=10), 3)
    assert_clean(world)


def test_both_ends_of_idle_connections_are_told(world: World) -> None:
    assert_idle_ones_are_told(world, len(standard.SERVERS))
