"""Plain TCP over IPv6 through the VIP: kernels, IPv6 TOA, large transfers, many connections."""

from __future__ import annotations

from collections import Counter

import pytest

from topo import standard
from topo.world import World, report, tcp_options

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world(standard.config(families=(6,), timeouts=CLOSING), family=6)


def test_round_robin_and_toa(world: World) -> None:
    """Each server answers in turn, sees a local address as its peer, and learns the client from one TOA option."""
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        assert answer.toa == answer.client
        assert answer.toa_options == 1
        assert answer.peer.rpartition(":")[0].strip("[]") in {str(each) for each in world.plan.local_addresses}
    assert_clean(world)


def test_negotiated_options(world: World) -> None:
    """As over IPv4: SACK and window scaling survive, timestamps are not used."""
    connection = world.http("c1")
    assert tcp_options(connection.sock) == {"sack", "window scaling"}
    connection.close()
    assert_clean(world)


@pytest.mark.parametrize("close", ["fin", "half", "server", "rst"])
def test_many(world: World, sizes: Sizes, close: str) -> None:
    """Short connections from both clients at once, closed in every way."""
    each = sizes.connections // 8
    loads = [
        world.start_load(client, n=each, c=50, request=100, answer=1000, toa=True, close=close)
        for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_clean(world)


@pytest.mark.parametrize(("request_share", "answer_share"), [(1, 0), (0, 1), (1, 1)], ids=["up", "down", "both"])
def test_transfer(world: World, sizes: Sizes, request_share: int, answer_share: int) -> None:
    transfer = {"request": request_share * sizes.transfer, "answer": answer_share * sizes.transfer}
    assert_all_good(world.load("c1", timeout=110, limit=115, **transfer), 1)
    assert_clean(world)
