"""Tunnels to real servers, with the kernel's TCP at both ends and a decapsulator in user space."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from topo import standard
from topo.process import poll
from topo.world import World

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import (
    CLOSES,
    assert_connections_close,
    assert_idle_ones_are_told,
    decapsulate,
    is_ready,
    shortcut,
    take_vip,
)

TUNNELLED, DIRECT, TRANSLATED = standard.SERVERS


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    """One server in each of TUNNEL, DR and FULLNAT."""
    modes = ("tunnel", "dr", "fullnat")
    made = make_world(standard.config(modes=modes, timeouts=CLOSING, established_timeout=2.0))
    ready = [take_vip(made, server) for server in (TUNNELLED, DIRECT)]
    ready.append(decapsulate(made, TUNNELLED))
    for process in ready:
        poll(partial(is_ready, process), 20, f"{process.name} is ready")
    for client in standard.CLIENTS:
        for server in (TUNNELLED, DIRECT):
            shortcut(made, server, client)
    return made


def test_one_service_mixes_tunnel_direct_routing_and_fullnat(world: World) -> None:
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        if answer.server == TRANSLATED:
            assert answer.toa == answer.client
        else:
            assert (answer.toa, answer.peer) == (None, answer.client)
    assert_clean(world)


@pytest.mark.parametrize("close", CLOSES)
def test_connections_close_in_every_way(world: World, sizes: Sizes, close: str) -> None:
    assert_connections_close(world, sizes.connections // 8, 20, close)


def test_a_large_request_when_icmp_is_the_only_hint_of_the_mtu(world: World, sizes: Sizes) -> None:
    """The server announces an MSS that leaves no room for the outer header."""
    before = world.stack.stats()["controller"]["too_big"]
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=sizes.transfer // 8, answer=10), 3)
    assert world.stack.stats()["controller"]["too_big"] > before
    assert_clean(world)


def test_both_ends_of_idle_connections_are_told(world: World) -> None:
    assert_idle_ones_are_told(world, len(standard.SERVERS))
