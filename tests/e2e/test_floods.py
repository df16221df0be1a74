"""Floods of every kind, at a small size: what is established goes on, and connections begin beside them.

``make bench`` has the full size (:mod:`bench.floods`). A SYN flood takes connections that begin with it, as long as
nothing tells its SYNs from theirs: that is for SYN cookies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from bench import floods
from topo import standard
from topo.flood import KINDS
from topo.world import World
from topo.world import world as make_world

SECONDS = 1.5
RATE = 5000
NEW = 40


@pytest.fixture(scope="module")
def world(target: str) -> Iterator[World]:
    if target == "bmv2":
        pytest.skip("BMv2 itself does not forward so many")
    timeouts = {"syn_recv": 2.0, "time_wait": 1.0, "close": 1.0, "fin_wait": 2.0, "close_wait": 2.0}
    with make_world(standard.config(extra=floods.BEHIND, timeouts=timeouts), target=target) as everything:
        everything.load("c1", n=20, c=20)
        yield everything


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "syn"])
def test_a_flood_takes_nothing_of_others(world: World, kind: str) -> None:
    left = partial(floods.settled, world)
    found = floods.measure(world, (), "", kind, SECONDS, rate=RATE, new=NEW, left=left)
    assert found.sent > RATE / 10
    assert (found.good, found.left) == (found.asked, 0)


def test_established_connections_go_on_under_a_syn_flood(world: World) -> None:
    """And what it has begun ends by itself."""
    found = floods.measure(world, (), "", "syn", SECONDS, rate=RATE, new=NEW, left=partial(floods.settled, world))
    assert found.kept > 0.5
    assert found.left == 0
