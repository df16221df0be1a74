"""Real TCP through the VIP on good wires: many connections, all ways to close, large transfers both ways."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from topo import rawtcp, standard
from topo.world import World, report, tcp_options

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, family: int) -> World:
    return make_world(standard.config(families=(family,), timeouts=CLOSING), family=family)


def test_round_robin_and_toa(world: World) -> None:
    """Each server answers in turn, sees a local address as its peer, and learns the client from one TOA option."""
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        assert answer.toa == answer.client
        assert answer.toa_options == 1
        assert world.plan.is_local(answer.peer)
    assert_clean(world)


MSS, WINDOW, TIMESTAMPS = b"\x02\x04\x05\xb4", b"\x01\x03\x03\x07", b"\x08\x0a" + bytes(8)
COOKIE = b"\x22\x12" + bytes(range(16))
"""Of TCP Fast Open, as long as it may be (RFC 7413)."""


@pytest.mark.parametrize(
    "options",
    [
        MSS + b"\x04\x02" + TIMESTAMPS + WINDOW + COOKIE + b"\x01\x01",
        MSS + b"\x04\x02" + TIMESTAMPS + COOKIE + b"\x01\x01",
        rawtcp.toa("192.0.2.66", 666) + MSS + b"\x01\x01\x04\x02" + COOKIE + b"\x01\x01",
    ],
    ids=["40 bytes", "36 bytes", "forged"],
)
def test_toa_in_a_full_syn(world: World, options: bytes) -> None:
    """What the switch removes from a SYN makes room for TOA; the kernel is content with the rest. Over IPv6 such a SYN
    goes without, and the client is told by what follows (PTF: test_toa)."""
    if world.family == 6:
        pytest.skip("a TOA of 20 bytes does not fit where timestamps were")
    client = ("10.1.0.200", 5555)
    with world.network.inside("c1"):
        for name in ("ip_forward", "conf/eth0/proxy_arp"):
            Path("/proc/sys/net/ipv4", name).write_text("1")
        with rawtcp.Wire("raw0", addresses=(), routes=(f"{client[0]}/32",)) as wire:
            connection = wire.connect((str(standard.VIP), standard.VPORT), client, options)
            connection.send(b"GET / HTTP/1.1\r\nHost: vip\r\nConnection: close\r\n\r\n")
            answer = connection.read_until(b"}\n")
            connection.reset()
    told = json.loads(answer[answer.index(b"{") :])
    assert (told["toa"], told["toa_options"]) == ("10.1.0.200:5555", 1)
    assert_clean(world)


def test_negotiated_options(world: World) -> None:
    """SACK and window scaling survive; timestamps are taken out of the SYN, so they are not used."""
    connection = world.http("c1")
    assert tcp_options(connection.sock) == {"sack", "window scaling"}
    connection.close()
    assert_clean(world)


def test_parallel(world: World, sizes: Sizes) -> None:
    half = sizes.parallel // 2
    loads = [
        world.start_load(client, n=half, c=half, request=2000, answer=20000, toa=True) for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), half)
    assert_clean(world)


def test_in_sequence(world: World, sizes: Sizes) -> None:
    assert_all_good(world.load("c1", n=sizes.connections, c=1, toa=True), sizes.connections)
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
