"""ISNs rise with every SYN of one 4-tuple, whatever the clock does, and tell nothing of other tuples."""

from __future__ import annotations

import pytest
from fullnat.core.isn import TICKS_PER_SECOND, IsnGenerator
from hypothesis import given
from hypothesis import strategies as st

from .builders import LOCAL, SERVER

SECRET = bytes(range(16))


def rises(old: int, new: int) -> bool:
    return 0 < (new - old) & 0xFFFFFFFF < 1 << 31


@given(st.lists(st.floats(0, 10, allow_nan=False), min_size=2, max_size=30), st.floats(0, 2e9))
def test_rises_even_within_one_tick(steps: list[float], start: float) -> None:
    isn = IsnGenerator(SECRET, start)
    now, numbers = 5.0, []
    for step in steps:
        now += step
        numbers.append(isn.next(LOCAL, 5000, SERVER, 80, now))
    assert all(map(rises, numbers, numbers[1:]))


def test_rises_when_the_clock_stands_still_or_goes_back() -> None:
    isn = IsnGenerator(SECRET)
    numbers = [isn.next(LOCAL, 5000, SERVER, 80, now) for now in (100.0, 100.0, 99.0, 50.0, 100.0)]
    assert all(map(rises, numbers, numbers[1:]))


def test_rises_while_other_tuples_are_served() -> None:
    isn = IsnGenerator(SECRET)
    first = isn.next(LOCAL, 5000, SERVER, 80, 1.0)
    for port in range(5001, 6000):
        isn.next(LOCAL, port, SERVER, 80, 1.0)
    assert rises(first, isn.next(LOCAL, 5000, SERVER, 80, 1.0))


def test_rises_over_a_restart_with_the_same_secret_and_the_time_of_day() -> None:
    before = IsnGenerator(SECRET, 1.7e9 - 500.0).next(LOCAL, 5000, SERVER, 80, 500.0)
    after = IsnGenerator(SECRET, 1.7e9 + 2.0).next(LOCAL, 5000, SERVER, 80, 0.0)
    assert after == (before + 2 * TICKS_PER_SECOND) & 0xFFFFFFFF


@pytest.mark.parametrize("change", range(4))
def test_every_part_of_the_tuple_counts(change: int) -> None:
    def isn(local: int, local_port: int, server: int, server_port: int) -> int:
        return IsnGenerator(SECRET).next(local, local_port, server, server_port, 1.0)

    parts = [LOCAL, 5000, SERVER, 80]
    plain = isn(*parts)
    parts[change] ^= 1 << 8
    other = isn(*parts)
    assert abs(plain - other) > 1 << 16
    assert plain != IsnGenerator(SECRET[::-1]).next(LOCAL, 5000, SERVER, 80, 1.0)


def test_clock_ticks_every_64_ns() -> None:
    first, second = (IsnGenerator(SECRET).next(LOCAL, 1, SERVER, 2, now) for now in (10.0, 11.0))
    assert (second - first) & 0xFFFFFFFF == 15_625_000


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_poor_secret_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="secret must have 16 to 64 bytes"):
        IsnGenerator(bytes(length))
