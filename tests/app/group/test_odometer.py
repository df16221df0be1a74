"""What switches of a group have counted, added up."""

from __future__ import annotations

from fullnat.app.group.odometer import Odometer
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import MakeCluster

ARRAY = "server_in_ctr"


def read(odometer: Odometer, name: str, *cell: int) -> tuple[int, int]:
    (packets, octets) = cell
    return odometer.read(name, ARRAY, {1: (packets, octets)})[1]


def test_it_goes_on_where_the_other_one_stopped() -> None:
    odometer = Odometer()
    assert read(odometer, "a", 10, 1000) == (10, 1000)
    assert read(odometer, "b", 0, 0) == (10, 1000)
    assert read(odometer, "b", 3, 300) == (13, 1300)
    # a has counted one more than was read of it before it went.
    assert read(odometer, "a", 11, 1100) == (14, 1400)


def test_one_that_was_restarted_begins_at_zero() -> None:
    odometer = Odometer()
    read(odometer, "a", 10, 1000)
    assert read(odometer, "a", 2, 200) == (12, 1200)
    odometer.anew("a")
    assert read(odometer, "a", 20, 2000) == (32, 3200)


def test_what_counts_something_else_begins_at_zero() -> None:
    odometer = Odometer()
    read(odometer, "a", 10, 1000)
    read(odometer, "b", 10, 1000)
    odometer.forget([ARRAY], 1)
    assert read(odometer, "b", 0, 0) == (0, 0)
    assert read(odometer, "b", 1, 100) == (1, 100)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans())))
def test_nothing_is_counted_twice_or_lost(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever forwards and is restarted, if it is read before it goes."""
    odometer = Odometer()
    counters = dict.fromkeys("abc", 0)
    total = 0
    for name, packets, restarts in steps:
        if restarts:
            counters[name] = 0
            odometer.anew(name)
        counters[name] += packets
        total += packets
        assert read(odometer, name, counters[name], counters[name]) == (total, total)


async def test_a_server_counts_on_after_a_takeover(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    client = cluster.owner.client
    assert client is not None
    array = client.schema.server_in_counter
    cluster.switches["a"].counters[array.id, 1] = (10, 1000)
    assert await cluster.owner.counters(array, [1]) == {1: (10, 1000)}
    cluster.switches["a"].kill()
    await cluster.full("b")
    cluster.switches["b"].counters[array.id, 1] = (2, 200)
    assert await cluster.owner.counters(array, [1]) == {1: (12, 1200)}
    cluster.switches["a"].revive(emptied=True)
    cluster.switches["a"].counters.clear()
    await cluster.full()
    await cluster.owner.activate("a")
    await cluster.full("a", "b")
    assert await cluster.owner.counters(array, [1]) == {1: (12, 1200)}
