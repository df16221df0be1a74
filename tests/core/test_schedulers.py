"""Schedulers pick as LVS does, in proportion to the weights, and whenever there is a server to pick."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import gcd
from time import process_time

import pytest
from fullnat.core.schedulers.base import SCHEDULERS, Scheduler
from fullnat.net.flow import Endpoint, Flow, v4
from hypothesis import given, settings
from hypothesis import strategies as st

ALL = sorted(SCHEDULERS)
BY_CLIENT = ("sh", "mh")
VIP = Endpoint(v4(0xCB007150), 80)


@dataclass(eq=False)
class Real:
    endpoint: int
    effective_weight: int
    active: int = 0
    inactive: int = 0
    is_open: bool = True


def flow(client: int = 1, vip: Endpoint = VIP) -> Flow:
    return Flow(6, Endpoint(v4(client), 40000), vip)


def servers(*weights: int) -> list[Real]:
    return [Real(number, weight) for number, weight in enumerate(weights)]


def made(name: str, reals: list[Real]) -> Scheduler:
    scheduler = SCHEDULERS[name]()
    scheduler.update(reals)
    return scheduler


def pick(scheduler: Scheduler, of: Flow | None = None) -> Real | None:
    picked = scheduler.pick(of or flow())
    assert picked is None or isinstance(picked, Real)
    return picked


def connected(scheduler: Scheduler, count: int) -> list[int]:
    """The picks of connections that stay."""
    found = []
    for _ in range(count):
        server = pick(scheduler)
        assert server is not None
        server.active += 1
        scheduler.loaded(server)
        found.append(server.endpoint)
    return found


def test_every_scheduler_of_ipvsadm_is_there() -> None:
    assert {"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "lblc", "lblcr", "mh", "fo", "ovf"} <= set(ALL)


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("rr", [1, 1, 1], [0, 1, 2, 0, 1, 2, 0]),
        ("rr", [5, 0, 1], [0, 2, 0, 2]),
        ("wrr", [4, 3, 2], [0, 0, 1, 0, 1, 2, 0, 1, 2] * 2),
        ("wrr", [1, 1], [0, 1, 0, 1]),
        ("wrr", [100, 100, 0], [0, 1, 0, 1]),
        ("wrr", [2, 4], [1, 0, 1, 1, 0, 1]),
        ("fo", [1, 3, 3], [1, 1, 1]),
    ],
)
def test_order(name: str, weights: list[int], expected: list[int]) -> None:
    scheduler = made(name, servers(*weights))
    assert [server.endpoint if (server := pick(scheduler)) else None for _ in expected] == expected


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("lc", [1, 9, 1], [0, 1, 2, 0, 1, 2]),
        ("wlc", [1, 2], [0, 1, 1, 0, 1, 1]),
        ("sed", [1, 3], [1, 1, 0, 1, 1, 1, 0]),
        ("nq", [1, 3], [0, 1, 1, 1, 1, 1, 0]),
        ("ovf", [1, 3, 2], [1, 1, 1, 2, 2, 0, 1, 1]),
    ],
)
def test_order_of_connections_that_stay(name: str, weights: list[int], expected: list[int]) -> None:
    assert connected(made(name, servers(*weights)), len(expected)) == expected


def test_an_active_connection_costs_as_much_as_256_others() -> None:
    reals = servers(1, 1)
    scheduler = made("wlc", reals)
    reals[0].active, reals[1].inactive = 1, 255
    for server in reals:
        scheduler.loaded(server)
    assert pick(scheduler) is reals[1]
    reals[1].inactive = 257
    scheduler.loaded(reals[1])
    assert pick(scheduler) is reals[0]


@pytest.mark.parametrize("name", ALL)
def test_no_weight_no_server(name: str) -> None:
    scheduler = made(name, [])
    assert pick(scheduler) is None
    scheduler.update(servers(0, 0))
    assert pick(scheduler) is None


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=40)
@given(
    reals=st.lists(
        st.builds(
            Real,
            st.just(0),
            st.integers(0, 5) | st.just(65535),
            st.integers(0, 9),
            st.integers(0, 9),
            is_open=st.booleans(),
        ),
        max_size=8,
    ),
    clients=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5),
    changes=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=10),
)
def test_whenever_there_is_an_eligible_server_one_is_picked(
    name: str, reals: list[Real], clients: list[int], changes: list[tuple[int, bool]]
) -> None:
    for number, real in enumerate(reals):
        real.endpoint = number
    scheduler = made(name, reals)
    for number, is_open in [(0, None), *changes]:
        if is_open is not None and number < len(reals):
            reals[number].is_open = is_open
            scheduler.loaded(reals[number])
        eligible = {real.endpoint for real in reals if real.effective_weight and real.is_open}
        for client in clients:
            picked = pick(scheduler, flow(client))
            assert (picked is None) == (not eligible)
            assert picked is None or picked.endpoint in eligible


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any))
def test_wrr_is_exact_over_a_round(weights: list[int]) -> None:
    scheduler = made("wrr", servers(*weights))
    round_ = sum(weights) // gcd(*weights)
    counts = Counter(server.endpoint for _ in range(round_) if (server := pick(scheduler)))
    assert counts == Counter({index: weight // gcd(*weights) for index, weight in enumerate(weights) if weight})


@pytest.mark.parametrize("name", ["wrr", "wlc", "sed", "nq"])
def test_connections_that_stay_are_in_proportion_to_the_weights(name: str) -> None:
    weights = [1, 2, 3, 10]
    counts = Counter(connected(made(name, servers(*weights)), 16_000))
    for number, weight in enumerate(weights):
        assert counts[number] == pytest.approx(1000 * weight, rel=0.02)


@pytest.mark.parametrize("name", BY_CLIENT)
def test_clients_are_spread_by_weight(name: str) -> None:
    weights = [1, 2, 3, 10]
    scheduler = made(name, servers(*weights))
    counts: Counter[int] = Counter()
    for client in range(100_000):
        server = pick(scheduler, flow(client * 2_654_435_769 & 0xFFFFFFFF))
        assert server is not None
        counts[server.endpoint] += 1
    for number, weight in enumerate(weights):
        assert counts[number] == pytest.approx(100_000 * weight / 16, rel=0.03)


@pytest.mark.parametrize("name", BY_CLIENT)
def test_a_client_stays_with_its_server(name: str) -> None:
    scheduler = made(name, servers(1, 1, 1))
    for client in range(100):
        assert len({pick(scheduler, flow(client)) for _ in range(3)}) == 1


def test_maglev_moves_few_that_need_not_move() -> None:
    reals = servers(*[1] * 10)
    scheduler = made("mh", reals)
    clients = range(20_000)
    before = [pick(scheduler, flow(client)) for client in clients]
    scheduler.update([real for real in reals if real.endpoint != 4])
    after = [pick(scheduler, flow(client)) for client in clients]
    kept = [(old, new) for old, new in zip(before, after, strict=True) if old is not reals[4]]
    moved = sum(old is not new for old, new in kept)
    assert moved / len(kept) < 0.15
    assert all(new is not reals[4] for new in after)


def test_a_full_servers_clients_go_on_and_come_back() -> None:
    reals = servers(1, 1, 1)
    scheduler = made("mh", reals)
    home = {client: pick(scheduler, flow(client)) for client in range(300)}
    reals[1].is_open = False
    scheduler.loaded(reals[1])
    for client, server in home.items():
        assert pick(scheduler, flow(client)) is not reals[1]
        assert server is reals[1] or pick(scheduler, flow(client)) is server
    reals[1].is_open = True
    scheduler.loaded(reals[1])
    assert {client: pick(scheduler, flow(client)) for client in range(300)} == home


@pytest.mark.parametrize("name", ["lblc", "lblcr"])
def test_a_destination_keeps_its_server_until_that_is_overloaded(name: str) -> None:
    reals = servers(2, 2)
    scheduler = made(name, reals)
    first = pick(scheduler)
    assert first is reals[0]
    first.active = 2
    scheduler.loaded(first)
    assert pick(scheduler) is first
    first.active = 3
    scheduler.loaded(first)
    assert pick(scheduler) is reals[1]
    scheduler.update([reals[0]])
    assert pick(scheduler) is reals[0]


@pytest.mark.parametrize("name", ALL)
def test_a_pick_among_1000_servers_takes_no_longer_than_ten_among_10(name: str) -> None:
    """Weights of 1 to 10; processor time of 2,000 connections that stay, which only schedulers by load look at."""

    def seconds(count: int) -> float:
        scheduler = made(name, servers(*(1 + number % 10 for number in range(count))))
        start = process_time()
        for client in range(2_000):
            server = pick(scheduler, flow(client))
            assert server is not None
            server.active += 1
            if scheduler.wants_loads:
                scheduler.loaded(server)
        return process_time() - start

    # lblc and lblcr look for a server with room whenever theirs is overloaded, as LVS does; ovf passes full ones.
    assert min(seconds(1000) for _ in range(3)) < 10 * min(seconds(10) for _ in range(3)) + 0.05
