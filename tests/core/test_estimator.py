"""Rates are smoothed as LVS does it."""

from __future__ import annotations

import pytest
from fullnat.core.balancing.estimator import INTERVAL, Estimator
from hypothesis import given, settings
from hypothesis import strategies as st


def lvs(counts: list[int]) -> list[float]:
    """The rates that LVS would show of ``counts`` of every two seconds (ip_vs_est.c: cps += (rate - cps) >> 2)."""
    scaled, shown = 0, []
    for count in counts:
        scaled += ((count << 9) - scaled) >> 2
        shown.append(scaled / 1024)
    return shown


@settings(deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=40))
def test_every_two_seconds_it_is_what_lvs_shows(counts: list[int]) -> None:
    estimator = Estimator((0,), 100.0)
    total, found = 0, []
    for number, count in enumerate(counts, 1):
        total += count
        estimator.sample((total,), 100.0 + number * INTERVAL)
        found.append(estimator.rates[0])
    assert found == pytest.approx(lvs(counts), abs=0.01)


@pytest.mark.parametrize("seconds", [0.5, 2.0, 7.0])
def test_a_steady_rate_is_found_however_often_it_is_looked_for(seconds: float) -> None:
    estimator = Estimator((0, 7), 0.0)
    now = 0.0
    while now < 60:
        now += seconds
        estimator.sample((int(now * 1000), 7), now)
        if now >= 16:
            assert estimator.rates[0] == pytest.approx(1000, rel=0.11)
    assert estimator.rates[0] == pytest.approx(1000, rel=0.01)
    assert estimator.rates[1] == 0.0


def test_a_counter_that_begins_anew_counts_nothing_and_no_time_changes_nothing() -> None:
    estimator = Estimator((1000,), 0.0)
    estimator.sample((3000,), 2.0)
    assert estimator.rates == (250.0,)
    estimator.sample((9000,), 2.0)
    assert estimator.rates == (250.0,)
    estimator.sample((10,), 4.0)
    assert estimator.rates == (187.5,)
