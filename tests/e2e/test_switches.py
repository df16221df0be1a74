"""Two switches, of which one is active: kill -9 of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from topo import standard
from topo.netns import Network
from topo.pair import Pair
from topo.process import poll
from topo.world import World, lines, report

from .checks import CLOSING, assert_all_good, assert_clean

MEGABYTE = 1 << 20


@contextlib.contextmanager
def pair(targets: tuple[str, str] = ("p4soft", "p4soft")) -> Iterator[tuple[World, Pair]]:
    with Network(standard.topology(), offloads="bmv2" not in targets) as network:
        stack = Pair(network, standard.config(timeouts=CLOSING), targets)
        world = World(network, stack)
        world.start_servers()
        stack.start()
        yield world, stack


def test_the_active_one_is_killed(target: str) -> None:
    """No transfer breaks, and no connection that begins fails: the SYNs meanwhile are repeated."""
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    is_full = os.environ.get("FULLNAT_E2E") == "full"
    transfers, rate, seconds = (100, 500, 20) if is_full else (10, 100, 4)
    with pair() as (world, stack):
        first = stack.active()
        assert first is not None
        long = world.start_load(
            "c1",
            n=transfers,
            c=transfers,
            answer=(8 * MEGABYTE * seconds) // transfers,
            throttle=8 * MEGABYTE,
            progress=True,
        )
        short = world.start_load("c2", n=rate * seconds, c=rate * seconds, rate=rate, toa=True, progress=True)
        poll(lambda: any(line["done"] > rate for line in lines(short, "progress")), 20, "connections come and go")
        stack.switches[first].kill()
        (second,) = set(stack.switches) - {first}
        poll(lambda: stack.active() == second, 5, f"{second} is active")
        told = report(short)
        print(told, report(long), stack.members())
        assert_all_good(told, rate * seconds)
        assert_all_good(report(long), transfers)
        assert stack.members()[second]["takeovers"] == 1
        assert_clean(world)
