"""The ASIC's order and way through egress: common option lists in the data plane, the others by the controller."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator

import pytest

from topo import namespaces, standard
from topo.model import Impairment
from topo.world import World, ask
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean

TCP_FASTOPEN_CONNECT = 30
TRANSFER = 16 << 20
"""Bytes each way of a transfer."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    lossy = Impairment(loss=0.01, reorder=0.02)
    with make_world(standard.config(timeouts=CLOSING), target="asic", impairment=lossy) as made:
        yield made


def edited(world: World) -> int:
    return int(world.stack.stats()["controller"]["options_edited"])


def test_the_kernels_lists_stay_in_the_data_plane(world: World) -> None:
    """Handshakes, SACKs under loss and all else that Linux sends: no segment takes the detour."""
    assert_all_good(world.load("c1", timeout=110, limit=115, request=TRANSFER, answer=TRANSFER), 1)
    assert_all_good(world.load("c2", n=200, c=50, request=3000, answer=3000, toa=True), 200)
    assert edited(world) == 0
    assert_clean(world)


def test_an_uncommon_list_takes_the_detour_and_arrives(world: World) -> None:
    """A client that asks for a TCP Fast Open cookie has an option in its SYN that no layout has."""
    before = edited(world)
    with world.network.inside("c1"):
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        sock.settimeout(20)
        sock.connect((str(standard.VIP), standard.VPORT))
    connection = http.client.HTTPConnection(str(standard.VIP), standard.VPORT)
    connection.sock = sock
    with contextlib.closing(connection):
        answer = ask(connection)
    assert answer.toa == answer.client
    assert edited(world) > before
    assert world.stack.stats()["controller"]["options_refused"] == 0
    assert_clean(world)
