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


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, family: int) -> World:
    return make_world(standard.config(families=(family,), timeouts=CLOSING), family=family)


def test_a_client_is_known_by_its_own_question(world: World) -> None:
    """Its request for our address, by ARP or neighbor discovery, is enough: nothing had to wait for it."""
    before = world.stack.stats()
    kind = socket.AF_INET if world.family == 4 else socket.AF_INET6
    with world.network.inside("c1"), socket.socket(kind, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"the question comes first", (str(world.plan.gateways[0].ip), 9))

    def known() -> int:
        return int(world.stack.stats()["controller"]["neighbor_resolved"] - before["controller"]["neighbor_resolved"])

    poll(known, 10, "the client's address is learned")
    after = world.stack.stats()
    assert known() == 1
    counted = ("neighbor" if world.family == 4 else "neighbor6", "no_neighbor")
    punts = {name: after["punts"][name]["packets"] - before["punts"][name]["packets"] for name in counted}
    assert punts == dict(zip(counted, (1, 0), strict=True))


def test_a_burst_from_an_unknown_client(world: World) -> None:
    """No SYN-ACK of the burst is lost, for which its connection would wait a second."""
    report = world.load("c2", n=BURST, c=BURST, request=100, answer=100)
    assert_all_good(report, BURST)
    kernel = counters.read(world.network.namespace("c2"))
    stats = world.stack.stats()["controller"]
    assert kernel["TcpExtTCPSynRetrans"] == 0
    assert stats["neighbor_queue_dropped"] == 0
    assert_clean(world)
