"""Real TCP through the VIP while the clients' wire loses, reorders or damages packets."""

from __future__ import annotations

import pytest

from topo import counters, standard
from topo.model import Impairment
from topo.world import World, lines
from topo.world import world as make_world_of_one

from .checks import assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, family: int) -> World:
    """1 % lost, 2 % reordered."""
    return make_world(impairment=Impairment(loss=0.01, reorder=0.02), family=family)


@pytest.mark.parametrize("direction", ["request", "answer"])
def test_transfer(world: World, sizes: Sizes, direction: str) -> None:
    """SACK repairs the losses both ways: the sender recovered by SACK and every byte arrived."""
    senders = ("c1",) if direction == "request" else standard.SERVERS

    def recoveries() -> int:
        return sum(counters.read(world.network.namespace(name))["TcpExtTCPSackRecovery"] for name in senders)

    before = recoveries()
    options = {"request": 0, "answer": 0, direction: sizes.transfer}
    assert_all_good(world.load("c1", timeout=110, limit=115, **options), 1)
    assert recoveries() > before
    assert world.errors() == {}


def test_connections(world: World, sizes: Sizes) -> None:
    """Lost SYNs, SYN-ACKs, FINs and data: every connection comes through, and every server knows its client."""
    connections = sizes.connections // 4
    assert_all_good(world.load("c2", n=connections, c=100, request=3000, answer=3000, toa=True), connections)
    assert_clean(world)


def test_damage_is_never_repaired(target: str, sizes: Sizes, family: int) -> None:
    """A segment with a wrong checksum leaves the switch with a wrong checksum: the server's kernel rejects the
    damaged ones, and no byte is wrong. A switch that computed checksums anew would have made them all good."""
    with make_world_of_one(impairment=Impairment(damage=0.005), target=target, family=family) as world:
        assert_all_good(world.load("c1", timeout=110, limit=115, request=sizes.transfer), 1)
        wire = world.network.process("wire-clients")
        wire.stop()
        damaged = {line["from"]: line["damaged"] for line in lines(wire, "wire")}["outer"]
        rejected = [counters.read(world.network.namespace(name))["TcpInCsumErrors"] for name in standard.SERVERS]
        # A switch with full queues may have dropped some of them.
        assert damaged / 2 < sum(rejected) <= damaged
