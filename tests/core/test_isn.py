"""ISNs rise with every SYN of one 4-tuple, whatever the clock does, and tell nothing of other tuples."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.core.interface import SessionEvents
from fullnat.core.session.isn import TICKS_PER_SECOND, IsnGenerator
from fullnat.net.flow import Endpoint
from fullnat.tables.session import SessionEntry
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import EVENT, IN, LOCAL, LOCAL2, SERVER, SERVER2, config
from .helpers import again, established, only, opened, tell, time_wait
from .switch import Rig

SECRET = bytes(range(16))
PLACE = Endpoint(LOCAL, 5000), Endpoint(SERVER, 80)


def rises(old: int, new: int) -> bool:
    return 0 < (new - old) & 0xFFFFFFFF < 1 << 31


@given(st.lists(st.floats(0, 10, allow_nan=False), min_size=2, max_size=30), st.floats(0, 2e9))
def test_rises_even_within_one_tick(steps: list[float], start: float) -> None:
    isn = IsnGenerator(SECRET, start)
    now, numbers = 5.0, []
    for step in steps:
        now += step
        numbers.append(isn.next(*PLACE, now))
    assert all(map(rises, numbers, numbers[1:]))


def test_rises_when_the_clock_stands_still_or_goes_back() -> None:
    isn = IsnGenerator(SECRET)
    numbers = [isn.next(*PLACE, now) for now in (100.0, 100.0, 99.0, 50.0, 100.0)]
    assert all(map(rises, numbers, numbers[1:]))


def test_rises_while_other_tuples_are_served() -> None:
    isn = IsnGenerator(SECRET)
    first = isn.next(*PLACE, 1.0)
    for port in range(5001, 6000):
        isn.next(Endpoint(LOCAL, port), PLACE[1], 1.0)
    assert rises(first, isn.next(*PLACE, 1.0))


def test_rises_over_a_restart_with_the_same_secret_and_the_time_of_day() -> None:
    before = IsnGenerator(SECRET, 1.7e9 - 500.0).next(*PLACE, 500.0)
    after = IsnGenerator(SECRET, 1.7e9 + 2.0).next(*PLACE, 0.0)
    assert after == (before + 2 * TICKS_PER_SECOND) & 0xFFFFFFFF


@pytest.mark.parametrize("change", range(4))
def test_every_part_of_the_tuple_counts(change: int) -> None:
    def isn(parts: list[Any]) -> int:
        return IsnGenerator(SECRET).next(Endpoint(*parts[:2]), Endpoint(*parts[2:]), 1.0)

    parts: list[Any] = [LOCAL, 5000, SERVER, 80]
    plain = isn(parts)
    parts[change] = (LOCAL2, 5256, SERVER2, 336)[change]
    other = isn(parts)
    assert abs(plain - other) > 1 << 16
    assert plain != IsnGenerator(SECRET[::-1]).next(*PLACE, 1.0)


def test_clock_ticks_every_64_ns() -> None:
    first, second = (IsnGenerator(SECRET).next(*PLACE, now) for now in (10.0, 11.0))
    assert (second - first) & 0xFFFFFFFF == 15_625_000


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_poor_secret_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="secret must have 16 to 64 bytes"):
        IsnGenerator(bytes(length))


# ---- above what the last connection sent

FASTER = 40_000_000
"""Bytes per second, more than the clock."""


@settings(deadline=None)
@given(
    st.floats(0, 2000),
    st.integers(0, 1 << 33),
    st.floats(0, 60),
)
def test_a_new_connection_is_above_what_the_last_one_sent(life: float, sent: int, pause: float) -> None:
    """However long it lived and however much it sent, as long as the server may be in TIME-WAIT."""
    isn = IsnGenerator(SECRET, 1.7e9)
    end = isn.next(*PLACE, 10.0) + sent & 0xFFFFFFFF
    isn.ended(*PLACE, end, 10.0 + life)
    assert rises(end, isn.next(*PLACE, 10.0 + life + pause))


def test_the_clock_alone_would_not_do() -> None:
    isn = IsnGenerator(SECRET, 1.7e9)
    fast = isn.next(*PLACE, 10.0) + 20 * FASTER & 0xFFFFFFFF
    assert not rises(fast, isn.next(*PLACE, 30.0))
    slow = isn.next(*PLACE, 100.0) + 1000 & 0xFFFFFFFF
    assert not rises(slow, isn.next(*PLACE, 300.0)), "half of the clock's round is over"


def test_only_what_matters_is_remembered() -> None:
    isn = IsnGenerator(SECRET)
    for port in range(2000, 3000):
        place = Endpoint(LOCAL, port), PLACE[1]
        isn.ended(*place, isn.next(*place, 10.0) + 1000, 11.0)
    assert not isn._ends, "the clock is past them"
    for port in range(2000, 3000):
        place = Endpoint(LOCAL, port), PLACE[1]
        isn.ended(*place, isn.next(*place, 10.0) + FASTER, 11.0)
    assert len(isn._ends) == len(isn._order) == 1000
    isn.ended(*PLACE, isn.next(*PLACE, 200.0) + FASTER, 201.0)
    assert len(isn._ends) == len(isn._order) == 1


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fullnat.core.session.isn.REMEMBERED", 100)
    isn = IsnGenerator(SECRET)
    for port in range(2000, 3000):
        place = Endpoint(LOCAL, port), PLACE[1]
        isn.ended(*place, isn.next(*place, 10.0) + FASTER, 11.0)
    assert len(isn._ends) == len(isn._order) == 100


# ---- in the controller


def server_isn(entry: SessionEntry) -> int:
    return entry.client_isn + entry.delta & 0xFFFFFFFF


def one_port() -> Rig:
    return Rig(config(local_port_min=5000, local_port_max=5000))


def test_the_switch_tells_of_the_end_when_the_client_comes_back() -> None:
    rig = one_port()
    old = time_wait(rig, seq=7)
    end = server_isn(old) + 20 * FASTER & 0xFFFFFFFF
    rig.now += 5
    rig.send(again(old, 500)._replace(seq=end))
    rig.settle()
    assert rises(end, server_isn(only(rig).entry))


def test_a_client_that_comes_back_is_above_anything_where_nobody_tells() -> None:
    """As an ASIC does not; up to 2 GB."""
    rig = one_port()
    old = time_wait(rig, seq=7)
    rig.now += 5
    rig.send(again(old, 500))
    rig.settle()
    new = server_isn(only(rig).entry)
    for sent in (0, 1000, 20 * FASTER, 2_000_000_000):
        assert rises(server_isn(old) + sent, new)


def test_the_switch_tells_of_the_end_with_the_last_segment() -> None:
    rig = one_port()
    old = established(rig)
    end = server_isn(old) + 20 * FASTER & 0xFFFFFFFF
    rig.send(SessionEvents(old.session_id, IN, EVENT["FIN_IN"], end))
    tell(rig, old.session_id, "FIN_OUT")
    rig.advance(10)
    assert list(rig.controller.sessions()) == []
    assert rises(end, server_isn(opened(rig, 40001)))


@pytest.mark.parametrize("restarts", [False, True])
def test_counters_bound_what_nobody_told(restarts: bool) -> None:
    """Also after a restart of the controller, which knows nothing but the entries."""
    rig = one_port()
    old = established(rig)
    rig.switch.frame = 1500
    packets = 20 * FASTER // 1500
    rig.hit(old.session_id, into=packets)
    if restarts:
        rig.restart()
    rig.advance(90)
    rig.advance(3)
    assert list(rig.controller.sessions()) == []
    assert rises(server_isn(old) + packets * 1448, server_isn(opened(rig, 40001)))
