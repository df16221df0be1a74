"""Pools never hand out the same thing twice, and hand out everything they have."""

from __future__ import annotations

from random import Random

import pytest
from fullnat.core.session.pool import IdPool, LocalPool, Peer
from fullnat.net.flow import Address, Endpoint, address
from hypothesis import given
from hypothesis import strategies as st

A, B = address("10.0.2.100"), address("10.0.2.101")
RS1, RS2 = (Peer(6, Endpoint(address(f"10.0.2.{host}"), 8080)) for host in (11, 12))


def pool(low: int = 5000, high: int = 65535, addresses: tuple[Address, ...] = (A, B), seed: int = 3) -> LocalPool:
    made = LocalPool(Random(seed), low, high)
    made.add(addresses)
    return made


def test_one_address_serves_every_server_with_every_port() -> None:
    ports = pool(5000, 5099, (A,))
    for server in (RS1, RS2):
        taken = [ports.take((A,), 0, server) for _ in range(100)]
        assert {place.port for place in taken if place} == set(range(5000, 5100))
        assert ports.take((A,), 0, server) is None
    (local,) = ports
    assert local.used == 200
    assert local.exhausted == 2


def test_all_addresses_are_tried_before_giving_up() -> None:
    ports = pool(5000, 5003)
    places = [ports.take((A, B), 0, RS1) for _ in range(8)]
    assert sorted(place for place in places if place) == [
        (address, port) for address in (A, B) for port in range(5000, 5004)
    ]
    assert ports.take((A, B), 1, RS1) is None
    assert [local.exhausted for local in ports] == [5, 1]


def test_start_position_is_the_callers() -> None:
    ports = pool()
    assert [place.address for start in (0, 1, 0, 1) if (place := ports.take((A, B), start, RS1))] == [A, B, A, B]


def test_start_port_is_random() -> None:
    starts = {place.port for seed in range(20) if (place := pool(seed=seed).take((A,), 0, RS1))}
    assert len(starts) > 15


def test_a_freed_port_rests_for_a_round() -> None:
    ports = pool(5000, 5999, (A,))
    first = ports.take((A,), 0, RS1)
    assert first is not None
    ports.release(first, RS1)
    others = [ports.take((A,), 0, RS1) for _ in range(999)]
    assert first not in others
    assert ports.take((A,), 0, RS1) == first


def test_a_single_free_port_in_a_full_pool_is_found() -> None:
    ports = pool(5000, 65535, (A,))
    places = [ports.take((A,), 0, RS1) for _ in range(60536)]
    assert len(set(places)) == 60536
    free = places[12345]
    assert free is not None
    for _ in range(50):
        ports.release(free, RS1)
        assert ports.take((A,), 0, RS1) == free
    assert ports.take((A,), 0, RS1) is None


def test_conflicts_are_counted() -> None:
    ports = pool(5000, 5009, (A,))
    place = ports.take((A,), 0, RS1)
    assert place is not None
    (local,) = ports
    local.next_port = place.port
    assert ports.take((A,), 0, RS1) == (A, place.port + 1 if place.port < 5009 else 5000)
    assert local.conflicts == 1


def test_a_removed_address_stays_until_its_last_session_is_gone() -> None:
    ports = pool()
    place = ports.take((A, B), 0, RS1)
    assert place is not None
    ports.remove((A,))
    assert [(local.address, local.configured) for local in ports] == [(A, False), (B, True)]
    assert not ports.retired
    ports.release(place, RS1)
    assert ports.retired == [A]
    assert [local.address for local in ports] == [B]


def test_claimed_ports_are_not_handed_out() -> None:
    ports = pool(5000, 5001, (A,))
    assert ports.claim(Endpoint(A, 5000), RS1)
    assert not ports.claim(Endpoint(A, 5000), RS1)
    assert ports.take((A,), 0, RS1) == (A, 5001)
    assert ports.take((A,), 0, RS1) is None
    assert ports.claim(Endpoint(A, 4000), RS1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 1)), max_size=120), st.integers(5000, 5040))
def test_never_a_pair_twice(steps: list[tuple[bool, int, int]], high: int) -> None:
    ports = pool(5000, high)
    held: list[tuple[Endpoint, Peer]] = []
    for take, position, server in steps:
        endpoint = (RS1, RS2)[server]
        if take:
            place = ports.take((A, B), position, endpoint)
            in_use = [place for place, rs in held if rs == endpoint]
            if place is None:
                assert len(in_use) == 2 * (high - 4999)
            else:
                assert place not in in_use
                assert 5000 <= place.port <= high
                held.append((place, endpoint))
        elif held:
            ports.release(*held.pop(position % len(held)))
    assert sum(local.used for local in ports) == len(held)
    for place, endpoint in held:
        ports.release(place, endpoint)
    assert [(local.used, local.ports) for local in ports] == [(0, {}), (0, {})]


@given(st.lists(st.tuples(st.sampled_from(["take", "claim", "release"]), st.integers(0, 9)), max_size=80))
def test_ids_are_unique_and_none_is_lost(steps: list[tuple[str, int]]) -> None:
    ids = IdPool(10)
    used: set[int] = set()
    for action, number in steps:
        if action == "take":
            taken = ids.take()
            assert taken not in used
            assert (taken is None) == (len(used) == 10)
            if taken is not None:
                used.add(taken)
        elif action == "claim":
            assert ids.claim(number) == (number not in used)
            used.add(number)
        elif used:
            gone = sorted(used)[number % len(used)]
            used.remove(gone)
            ids.release(gone)
    assert len(ids) == len(used)
    rest = {ids.take() for _ in range(10 - len(used))}
    assert rest == set(range(10)) - used
    assert ids.take() is None


def test_ids_rest_before_they_are_used_again() -> None:
    ids = IdPool(4)
    assert [ids.take() for _ in range(2)] == [0, 1]
    ids.release(1)
    ids.release(0)
    assert [ids.take() for _ in range(5)] == [2, 3, 1, 0, None]


@pytest.mark.parametrize("number", [-1, 10])
def test_ids_out_of_range_are_not_claimed(number: int) -> None:
    assert not IdPool(10).claim(number)


def test_spare_numbers_are_the_last_ones() -> None:
    pool = IdPool(8, spare=3)
    assert [pool.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    pool.release(2)
    assert [pool.take() for _ in range(5)] == [2, 5, 6, 7, None]
    pool.release(6)
    assert [pool.take(), pool.take()] == [6, None]


def test_spare_numbers_can_be_had_first() -> None:
    pool = IdPool(8, spare=3)
    found = [pool.take_spare(Random(seed)) for seed in range(3)]
    assert len(pool) == len(set(found) - {None})
    assert set(found) - {None} <= {5, 6, 7}
    assert [pool.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    while (number := pool.take_spare(Random(1))) is not None:
        assert number in (5, 6, 7)
    assert IdPool(8).take_spare(Random(1)) is None


def test_a_smaller_pool_gives_no_number_that_it_has_no_room_for() -> None:
    """What is in use stays so, and comes back for a larger one."""
    pool = IdPool(8, spare=1)
    assert [pool.take() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    pool.release(1)
    pool.release(5)
    pool.resize(4, 8)
    assert not pool.fits(4)
    assert [pool.take(), pool.take()] == [1, None]
    pool.release(4)
    assert pool.fits(4)
    pool.resize(8, 8, spare=1)
    assert {pool.take() for _ in range(4)} == {4, 5, 6, 7}
    assert pool.take() is None


def test_numbers_of_a_larger_pool_can_be_claimed_before_they_are_given() -> None:
    pool = IdPool(4)
    pool.resize(4, 16)
    assert pool.claim(9)
    assert not pool.claim(16)
    assert [pool.take() for _ in range(5)] == [0, 1, 2, 3, None]
    pool.release(9)
    assert 9 not in pool
    pool.resize(16, 16)
    assert pool.take() == 4


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=60))
def test_a_pool_of_changing_size_gives_each_number_to_one(steps: list[tuple[int, int]]) -> None:
    """And all of those that it has room for, before it has none."""
    pool, size, used = IdPool(6), 6, set[int]()
    for kind, number in steps:
        if kind == 0:
            size = number
            pool.resize(size, 12, spare=size // 3)
        elif kind == 1 and used:
            number = sorted(used)[number % len(used)]
            pool.release(number)
            used.remove(number)
        else:
            given_number = pool.take()
            free = set(range(size)) - used
            assert (given_number is None) == (not free)
            if given_number is not None:
                assert given_number in free
                used.add(given_number)
    assert len(pool) == len(used)
    assert pool.fits(size) == all(number < size for number in used)
