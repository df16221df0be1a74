"""Clients whose link-layer address the switch does not know when their first packets come."""

from __future__ import annotations

import socket

import pytest

from topo import counters, standard
from topo.process import poll
from topo.world import World

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld

BURST = 64
NAMES = ("neighbor", "no_neighbor")


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world(standard.config(timeouts=CLOSING))


def test_a_client_is_known_by_its_own_question(world: World) -> None:
    """Its ARP request for our address is enough: nothing had to wait for it."""
    before = world.stack.stats()
    with world.network.inside("c1"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"the question comes first", (str(standard.CLIENT_GATEWAY.ip), 9))

    def known() -> int:
        return int(world.stack.stats()["controller"]["neighbor_resolved"] - before["controller"]["neighbor_resolved"])

    poll(known, 10, "the client's address is learned")
    after = world.stack.stats()
    assert known() == 1
    punts = {name: after["punts"][name]["packets"] - before["punts"][name]["packets"] for name in NAMES}
    assert punts == {"neighbor": 1, "no_neighbor": 0}


def test_a_burst_from_an_unknown_client(world: World) -> None:
    """No SYN-ACK of the burst is lost, for which its connection would wait a second."""
    report = world.load("c2", n=BURST, c=BURST, request=100, answer=100)
    assert_all_good(report, BURST)
    kernel = counters.read(world.network.namespace("c2"))
    stats = world.stack.stats()["controller"]
    assert kernel["TcpExtTCPSynRetrans"] == 0
    assert stats["neighbor_queue_dropped"] == 0
    assert_clean(world)
