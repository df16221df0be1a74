"""Floods of every kind, at a small size: what is established goes on, and connections begin beside them.

``make bench`` has the full size (:mod:`bench.floods`). SYNs are told apart by cookies (``syn_proxy``).
"""

from __future__ import annotations

import os
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
    config = standard.config(extra=floods.BEHIND, timeouts=timeouts, options=('syn_proxy = "auto"',))
    with make_world(config, target=target) as everything:
        everything.load("c1", n=20, c=20)
        yield everything


QUICK = ("syn", "ack", "answer", "udp", "arp", "scan")
"""Of the kinds those that lead furthest; at full size all of them."""


@pytest.mark.parametrize("kind", KINDS if os.environ.get("FULLNAT_E2E") == "full" else QUICK)
def test_a_flood_takes_nothing_of_others(world: World, kind: str) -> None:
    """Every connection that begins beside it succeeds, and nothing of it is left."""
    found = floods.measure(world, (), "", kind, SECONDS, rate=RATE, new=NEW, left=partial(floods.settled, world))
    assert found.sent > RATE / 10
    assert (found.good, found.left) == (found.asked, 0)
