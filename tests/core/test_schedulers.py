"""Schedulers pick as LVS does, in proportion to the weights, and whenever there is a server to pick."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import gcd
from random import Random
from typing import Any, ClassVar

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
    busy: int = 0
    inactive: int = 0
    is_open: bool = True

    @property
    def allotment(self) -> int:
        return self.effective_weight


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
        server.busy += 1
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


def test_a_busy_connection_costs_as_much_as_256_others() -> None:
    reals = servers(1, 1)
    scheduler = made("wlc", reals)
    reals[0].busy, reals[1].inactive = 1, 255
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
    """B17."""
    for number, real in enumerate(reals):
        real.endpoint = number
    scheduler = made(name, reals)
    for number, is_open in [(0, None), *changes]:
        if is_open is not None and number < len(reals):
            reals[number].is_open = is_open
            scheduler.opened(reals[number])
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
    scheduler.opened(reals[1])
    for client, server in home.items():
        assert pick(scheduler, flow(client)) is not reals[1]
        assert server is reals[1] or pick(scheduler, flow(client)) is server
    reals[1].is_open = True
    scheduler.opened(reals[1])
    assert {client: pick(scheduler, flow(client)) for client in range(300)} == home


@pytest.mark.parametrize("name", ["lblc", "lblcr"])
def test_a_destination_keeps_its_server_until_that_is_overloaded(name: str) -> None:
    reals = servers(2, 2)
    scheduler = made(name, reals)
    first = pick(scheduler)
    assert first is reals[0]
    first.busy = 2
    scheduler.loaded(first)
    assert pick(scheduler) is first
    first.busy = 3
    scheduler.loaded(first)
    assert pick(scheduler) is reals[1]
    scheduler.update([reals[0]])
    assert pick(scheduler) is reals[0]


def chi_square(counts: Counter[int], weights: list[int]) -> float:
    """Of ``counts`` against shares by ``weights``."""
    total = sum(counts.values())
    expected = [total * weight / sum(weights) for weight in weights]
    return sum((counts[number] - share) ** 2 / share for number, share in enumerate(expected))


WEIGHTS = [3, 1, 5, 2, 8, 1, 4]
CRITICAL = 22.46
"""Of 6 degrees of freedom: one sound sample in a thousand is above it."""


@pytest.mark.parametrize("name", ["sh", "dh", "mh"])
def test_random_keys_are_spread_by_weight_as_chance_has_it(name: str) -> None:
    scheduler = made(name, servers(*WEIGHTS))
    rng = Random(20)
    counts: Counter[int] = Counter()
    for _ in range(20_000):
        key = rng.getrandbits(32)
        server = pick(scheduler, flow(key, Endpoint(v4(key), 80)))
        assert server is not None
        counts[server.endpoint] += 1
    assert chi_square(counts, WEIGHTS) < CRITICAL


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        *((name, [1] * 7) for name in ("rr", "lc")),
        *((name, WEIGHTS) for name in ("wrr", "wlc", "sed", "nq", "lblc", "lblcr")),
    ],
)
def test_100000_connections_are_within_2_percent_of_the_weights(name: str, weights: list[int]) -> None:
    """Those that stay; by destination each to one of its own, of which there are many."""
    scheduler = made(name, servers(*weights))
    counts: Counter[int] = Counter()
    for number in range(100_000):
        server = pick(scheduler, flow(number, Endpoint(v4(number), 80)))
        assert server is not None
        server.busy += 1
        scheduler.loaded(server)
        counts[server.endpoint] += 1
    for number, weight in enumerate(weights):
        assert counts[number] == pytest.approx(100_000 * weight / sum(weights), rel=0.02)
    assert chi_square(counts, weights) < CRITICAL


@pytest.mark.parametrize("name", ["sh", "dh", "mh"])
def test_100000_keys_are_within_2_percent_of_the_weights(name: str) -> None:
    weights = [3, 5, 4, 8]
    scheduler = made(name, servers(*weights))
    counts: Counter[int] = Counter()
    for number in range(100_000):
        server = pick(scheduler, flow(number, Endpoint(v4(number), 80)))
        assert server is not None
        counts[server.endpoint] += 1
    for number, weight in enumerate(weights):
        assert counts[number] == pytest.approx(100_000 * weight / sum(weights), rel=0.02)


@pytest.mark.parametrize("name", ["fo", "ovf"])
def test_100000_connections_by_failover_and_overflow(name: str) -> None:
    """fo gives all to the heaviest; ovf as many as its weight to each, the heaviest first, and the rest to that."""
    counts = Counter(connected(made(name, servers(30_000, 10_000, 50_000)), 100_000))
    assert counts == ({2: 100_000} if name == "fo" else {2: 60_000, 0: 30_000, 1: 10_000})


def test_lblcr_gives_one_destination_to_more_servers_when_they_are_overloaded() -> None:
    counts = Counter(connected(made("lblcr", servers(*[10] * 50)), 700))
    assert len(counts) == 50
    assert max(counts.values()) < 3 * min(counts.values())


@pytest.mark.parametrize("name", ["rr", "wrr", "lc", "wlc", "sed", "nq", "lblc", "lblcr"])
def test_the_first_turn_begins_anywhere(name: str) -> None:
    """B16."""
    firsts = set()
    for start in range(10):
        scheduler = SCHEDULERS[name](start / 10)
        scheduler.update(servers(*[1] * 10))
        server = pick(scheduler)
        assert server is not None
        firsts.add(server.endpoint)
    assert firsts == set(range(10))


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any), st.floats(0, 1, exclude_max=True))
def test_a_wrr_round_that_begins_anywhere_is_exact(weights: list[int], start: float) -> None:
    scheduler = SCHEDULERS["wrr"](start)
    scheduler.update(servers(*weights))
    round_ = sum(weights) // gcd(*weights)
    first, second = [[server.endpoint for _ in range(round_) if (server := pick(scheduler))] for _ in range(2)]
    assert first == second
    assert Counter(first) == Counter({index: weight // gcd(*weights) for index, weight in enumerate(weights) if weight})


@pytest.mark.parametrize("name", ["rr", "wrr"])
def test_a_turn_goes_on_when_the_servers_change(name: str) -> None:
    """B16."""
    reals = servers(*[1] * 6)
    scheduler = made(name, reals)
    assert [pick(scheduler) for _ in range(3)] == reals[:3]
    scheduler.update([reals[0], reals[1], reals[4], reals[5], reals[3]])
    assert [pick(scheduler) for _ in range(3)] == [reals[3], reals[0], reals[1]]
    scheduler.update([*reals, *servers(1)])
    assert [pick(scheduler) for _ in range(2)] == [reals[4], reals[5]]


@pytest.mark.parametrize("name", ["rr", "wrr", "wlc"])
def test_a_change_after_every_connection_puts_no_burst_on_one_server(name: str) -> None:
    reals = servers(*[1] * 10)
    scheduler = made(name, reals)
    counts: Counter[int] = Counter()
    for number in range(200):
        spare = Real(100 + number, 1, is_open=False)
        scheduler.update([*reals, spare])
        server = pick(scheduler)
        assert server is not None
        server.busy += 1
        scheduler.loaded(server)
        counts[server.endpoint] += 1
    assert set(counts.values()) == {20}


@pytest.mark.parametrize("name", ["lc", "wlc", "sed", "nq"])
def test_servers_of_the_same_load_take_turns(name: str) -> None:
    """Connections that are over before the next one comes."""
    scheduler = made(name, servers(1, 1, 1))
    found = []
    for _ in range(6):
        (number,) = connected(scheduler, 1)
        server = scheduler.servers[number]
        assert isinstance(server, Real)
        server.busy -= 1
        scheduler.loaded(server)
        found.append(number)
    assert found == [0, 1, 2, 0, 1, 2]


@dataclass(eq=False)
class Watched(Real):
    """Counts how often it is looked at."""

    looks: ClassVar[int] = 0

    def __getattribute__(self, name: str) -> Any:
        if name in ("is_open", "effective_weight", "busy", "inactive"):
            Watched.looks += 1
        return super().__getattribute__(name)


@pytest.mark.parametrize("full", [0, 990])
@pytest.mark.parametrize("name", ALL)
def test_a_pick_among_1000_servers_looks_at_few(name: str, full: int) -> None:
    """Also when most are full, as all servers of a pool are together."""
    reals = [Watched(number, 1 + number * 7 % 10, is_open=number >= full) for number in range(1000)]
    scheduler = SCHEDULERS[name](0.5)
    scheduler.update(reals)
    worst = []
    for client in range(500):
        before = Watched.looks
        server = pick(scheduler, flow(client * 2_654_435_769 & 0xFFFFFFFF))
        worst.append(Watched.looks - before)
        assert server is not None
        server.busy += 1
        scheduler.loaded(server)
    assert sorted(worst)[450] <= 150
