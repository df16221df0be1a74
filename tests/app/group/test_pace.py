"""Packets a second of each switch, from counters that are read anyway."""

from __future__ import annotations

import pytest
from fullnat.app.group.pace import LOOKS, Pace
from fullnat.core.balancing.estimator import INTERVAL


def test_the_rate_is_that_of_the_last_rounds() -> None:
    """In and out are read one after the other, and both count."""
    pace = Pace()
    now, packets = 100.0, 1_000_000
    assert pace.rate(now) == 0.0
    for _ in range(5):
        for late, array in ((0.0, "in"), (0.3, "out")):
            pace.read(array, {3: (packets, 0), 4: (7, 0)}, now + late)
        now, packets = now + INTERVAL, packets + 100
    assert pace.rate(now) == 2 * 100 / INTERVAL
    assert pace.packets == 2 * 4 * 100
    for _ in range(LOOKS):
        pace.read("in", {3: (packets - 100, 0)}, now)
        now += INTERVAL
    assert pace.rate(now) == 0.0


def test_nothing_is_told_of_what_is_not_read_any_more() -> None:
    pace = Pace()
    for second in (0, 2, 4):
        pace.read("in", {1: (second * 50, 0)}, float(second))
    assert pace.rate(5.0) == pytest.approx(25.0)
    assert pace.rate(5.0 + LOOKS * INTERVAL) == 0.0


def test_a_switch_that_was_restarted_counts_from_zero() -> None:
    pace = Pace()
    for second, packets in ((0, 500), (2, 600), (4, 30)):
        pace.read("in", {1: (packets, 0)}, float(second))
    assert pace.packets == 130
