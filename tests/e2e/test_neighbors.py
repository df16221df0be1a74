"""Clients whose link-layer address the switch does not know when their first packets come."""

from __future__ import annotations

import pytest

from topo import counters, standard
from topo.world import World

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld

BURST = 64


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world(standard.config(timeouts=CLOSING))


def test_a_burst_from_an_unknown_client(world: World) -> None:
    """No SYN-ACK of the burst is lost, for which its connection would wait a second."""
    report = world.load("c2", n=BURST, c=BURST, request=100, answer=100)
    assert_all_good(report, BURST)
    kernel = counters.read(world.network.namespace("c2"))
    stats = world.stack.stats()["controller"]
    assert kernel["TcpExtTCPSynRetrans"] == 0
    assert stats["neighbor_queue_dropped"] == 0
    assert_clean(world)
