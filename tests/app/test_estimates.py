"""The rates of services and servers follow the switch's counters, and cost others no more than their turn."""

from __future__ import annotations

import asyncio

import pytest
from fullnat.app.estimates import PER_TURN, RATES, Cells, Estimates
from fullnat.core.declared.modes import Mode
from fullnat.core.views import ServerView, ServiceView
from fullnat.net.flow import Endpoint, v4

from app.fake_core import FakeCore


def view(number: int, connections: int = 0, mode: Mode = Mode.FULLNAT) -> ServiceView:
    """A service with one server, whose id is ``number``."""
    server = ServerView(Endpoint(v4(number), 80), 1, (number,), False, 0, 0, connections, 0, mode)
    return ServiceView(6, Endpoint(v4(1000 + number), 80), "wrr", (server,), connections + 5, 0, {})


class Switch:
    def __init__(self) -> None:
        self.cells: Cells | None = {}
        self.asked: list[int] = []

    async def read(self, ids: list[int]) -> tuple[Cells, Cells] | None:
        self.asked.append(len(ids))
        return None if self.cells is None else (self.cells, {})


class Clock:
    """The loop's time, as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)


async def test_rates_follow_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, core, switch = Clock(monkeypatch), FakeCore(), Switch()
    of = Estimates(core, switch.read)
    core.service_views = (view(1),)
    await of.sample()
    assert of.rates(view(1)) == dict.fromkeys(RATES, 0.0)
    for _ in range(30):
        clock.now += 2.0
        turn = int(clock.now - 100)
        switch.cells = {1: (turn * 100, turn * 6400)}
        core.service_views = (view(1, connections=turn * 10),)
        await of.sample()
    server = core.service_views[0].servers[0]
    expected = {"connections": 10, "in_packets": 100, "out_packets": 0, "in_bytes": 6400, "out_bytes": 0}
    for found in (of.rates(view(1), server), of.rates(view(1))):
        assert found == pytest.approx(expected, rel=0.01)


async def test_what_goes_is_forgotten_and_what_is_not_told_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, core, switch = Clock(monkeypatch), FakeCore(), Switch()
    of = Estimates(core, switch.read)
    for connections in (0, 80):
        core.service_views = (view(1, connections), view(2, connections))
        await of.sample()
        clock.now += 2.0
    before = of.rates(view(1))
    assert before["connections"] == 10.0
    switch.cells = None
    core.service_views = (view(1, 500),)
    await of.sample()
    assert of.rates(view(1)) == before
    assert of.rates(view(2)) == dict.fromkeys(RATES, 0.0)
    nat = view(1, mode=Mode.NAT)
    assert of.rates(nat, nat.servers[0]) == dict.fromkeys(RATES, 0.0)


async def test_many_services_are_sampled_in_turns() -> None:
    core, switch = FakeCore(), Switch()
    core.service_views = tuple(view(number) for number in range(3 * PER_TURN + 1))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await Estimates(core, switch.read).sample()
    task.cancel()
    assert switch.asked == [PER_TURN] * 3 + [1]
    assert turns >= 4


async def test_sampling_takes_a_small_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, core, switch = Clock(monkeypatch), FakeCore(), Switch()
    slept: list[float] = []

    class Enough(Exception):
        pass

    async def sample() -> None:
        clock.now += 0.01 if not slept else 3.0

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise Enough

    of = Estimates(core, switch.read)
    monkeypatch.setattr(of, "sample", sample)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Enough):
        await of.run()
    assert slept == [pytest.approx(1.99), pytest.approx(57.0)]
