"""Forwarding modes other than FULLNAT, with the kernel's TCP at both ends."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest

from topo import standard
from topo.world import World, tcp_options

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import CLOSES, assert_connections_close, assert_idle_ones_are_told, route_to_clients


@pytest.fixture(scope="module")
def mixed(make_world: MakeWorld) -> World:
    """One service whose first server is in FULLNAT and has no route to the clients; the others are in NAT, and their
    answers go by the switch."""
    world = make_world(standard.config(modes=("fullnat", "nat", "nat"), timeouts=CLOSING))
    route_to_clients(world, *standard.SERVERS[1:])
    return world


@pytest.fixture(scope="module")
def only_nat(make_world: MakeWorld) -> World:
    """A service that has no local address at all."""
    modes = ("nat",) * len(standard.SERVERS)
    world = make_world(standard.config(modes=modes, local_addresses=(), timeouts=CLOSING, established_timeout=2.0))
    route_to_clients(world, *standard.SERVERS)
    return world


def test_one_service_mixes_fullnat_and_nat(mixed: World) -> None:
    """Servers in NAT see the client itself, and no TOA; the one in FULLNAT a local address, and the client in TOA."""
    answers = [mixed.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        if answer.server == standard.SERVERS[0]:
            assert (answer.toa, answer.toa_options) == (answer.client, 1)
            assert answer.peer.partition(":")[0] in {str(local) for local in standard.LOCAL_ADDRESSES}
        else:
            assert (answer.toa, answer.toa_options, answer.peer) == (None, 0, answer.client)
    assert_clean(mixed)


def test_timestamps_are_negotiated_where_numbers_stay(mixed: World) -> None:
    found = []
    for _ in standard.SERVERS:
        with contextlib.closing(mixed.http("c1")) as connection:
            found.append(frozenset(tcp_options(connection.sock)))
    without = frozenset({"sack", "window scaling"})
    assert Counter(found) == {without: 1, without | {"timestamps"}: 2}
    assert_clean(mixed)


@pytest.mark.parametrize("close", CLOSES)
def test_connections_close_in_every_way(mixed: World, sizes: Sizes, close: str) -> None:
    assert_connections_close(mixed, sizes.connections // 8, 50, close)


@pytest.mark.parametrize(("request_share", "answer_share"), [(1, 0), (0, 1)], ids=["up", "down"])
def test_a_large_transfer_in_nat(only_nat: World, sizes: Sizes, request_share: int, answer_share: int) -> None:
    transfer = {"request": request_share * sizes.transfer, "answer": answer_share * sizes.transfer}
    assert_all_good(only_nat.load("c1", timeout=110, limit=115, **transfer), 1)
    assert_clean(only_nat)


def test_both_ends_of_an_idle_connection_in_nat_are_told(only_nat: World) -> None:
    assert_idle_ones_are_told(only_nat, 1)
