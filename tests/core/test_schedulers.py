"""rr and wrr pick as LVS does."""

from __future__ import annotations

from collections import Counter
from math import gcd

import pytest
from fullnat.core.schedulers import SCHEDULERS, RoundRobin, WeightedRoundRobin
from hypothesis import given
from hypothesis import strategies as st


def picks(name: str, weights: list[int], count: int) -> list[int | None]:
    scheduler = SCHEDULERS[name]()
    scheduler.update(weights)
    return [scheduler.pick() for _ in range(count)]


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("rr", [1, 1, 1], [0, 1, 2, 0, 1, 2, 0]),
        ("rr", [5, 0, 1], [0, 2, 0, 2]),
        ("rr", [0, 0], [None, None]),
        ("rr", [], [None]),
        ("wrr", [4, 3, 2], [0, 0, 1, 0, 1, 2, 0, 1, 2] * 2),
        ("wrr", [1, 1], [0, 1, 0, 1]),
        ("wrr", [100, 100, 0], [0, 1, 0, 1]),
        ("wrr", [2, 4], [1, 0, 1, 1, 0, 1]),
        ("wrr", [0, 0], [None, None]),
        ("wrr", [], [None]),
    ],
)
def test_order(name: str, weights: list[int], expected: list[int | None]) -> None:
    assert picks(name, weights, len(expected)) == expected


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any))
def test_wrr_is_exact_over_a_round(weights: list[int]) -> None:
    step = gcd(*weights)
    counts = Counter(picks("wrr", weights, sum(weights) // step))
    assert [counts[index] for index in range(len(weights))] == [weight // step for weight in weights]


@given(st.sampled_from(sorted(SCHEDULERS)), st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=6))
def test_weight_zero_is_never_picked_whatever_changes(name: str, changes: list[list[int]]) -> None:
    scheduler = SCHEDULERS[name]()
    for weights in changes:
        scheduler.update(weights)
        for _ in range(7):
            index = scheduler.pick()
            assert (index is None) == (not any(weights))
            assert index is None or weights[index] > 0


def test_update_goes_back_to_the_head() -> None:
    for scheduler in (RoundRobin(), WeightedRoundRobin()):
        scheduler.update([1, 1, 1])
        scheduler.pick()
        scheduler.update([1, 1, 1])
        assert scheduler.pick() == 0
