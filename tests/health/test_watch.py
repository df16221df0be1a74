"""Checks over time: how many results make a state, what a reload keeps, and that no failure of our own counts."""

from __future__ import annotations

import asyncio
import errno
import os
from ipaddress import IPv6Address
from typing import Any

import pytest
from fullnat.config.model import Check, ServerSettings, ServiceSettings
from fullnat.core.balancing.health import Verdict
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared, Model
from fullnat.health import prober as probing
from fullnat.health import watch as watching
from fullnat.health.connect import Target
from fullnat.health.failed import Failed, Weight
from fullnat.health.watch import Watch
from fullnat.net.flow import Endpoint, address

from .conftest import until

KEY: ServiceKey = (6, Endpoint(address("192.0.2.1"), 80))
SERVER = Endpoint(address("198.51.100.1"), 8080)
FAST = {"interval": 0.1, "retry_interval": 0.1}


class Fake:
    """Takes the place of a kind of check."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: BaseException | None = None
        self.weight: Weight | None = None
        self.asked: list[Target] = []
        monkeypatch.setattr(probing, "KINDS", {"tcp": self.check})
        self.verdicts: list[Verdict] = []
        self.watch = Watch(self.verdicts.append)

    async def check(self, _settings: Check, target: Target) -> Weight | None:
        self.asked.append(target)
        if self.error is not None:
            raise self.error
        return self.weight

    @property
    def healthy(self) -> bool:
        return self.verdicts[-1].healthy

    async def next(self, count: int = 1) -> None:
        """Until so many more checks were made."""
        wanted = len(self.asked) + count
        await until(lambda: len(self.asked) >= wanted, "a check is made")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(monkeypatch)


def model(*checks: Check, weight: int = 1, **of_service: Any) -> Model:
    settings = ServerSettings(weight=weight, checks=checks)
    return Model(services={KEY: Declared(ServiceSettings(**of_service), {SERVER: settings})})


def tcp(**changes: Any) -> Check:
    return Check(**({"type": "tcp"} | FAST | changes))


def test_so_many_failures_in_a_row_make_it_down_and_successes_up(fake: Fake) -> None:
    async def run() -> None:
        fake.watch.follow(model(tcp(fall=3, rise=2)))
        assert fake.verdicts == [Verdict(KEY, SERVER, True)]
        await fake.next()
        fake.error = Failed("no good")
        before = len(fake.asked)
        await until(lambda: not fake.healthy, "it is down")
        assert len(fake.asked) - before == 3
        assert fake.verdicts[-1] == Verdict(KEY, SERVER, False, "no good")
        fake.error = None
        before = len(fake.asked)
        await until(lambda: fake.healthy, "it is up")
        assert len(fake.asked) - before == 2
        await fake.watch.close()

    asyncio.run(run())


def test_one_failure_between_successes_counts_for_nothing(fake: Fake) -> None:
    async def run() -> None:
        fake.watch.follow(model(tcp(fall=2)))
        for _ in range(3):
            fake.error = ConnectionRefusedError(111, "Connection refused")
            await fake.next()
            fake.error = None
            await fake.next()
        assert [verdict.healthy for verdict in fake.verdicts] == [True]
        await fake.watch.close()

    asyncio.run(run())


def test_a_reload_keeps_what_is_known(fake: Fake) -> None:
    """acassen/keepalived#187, PR #106: a failed server is switched on unchecked by a reload."""

    async def run() -> None:
        fake.error = Failed("no good")
        fake.watch.follow(model(tcp()))
        await until(lambda: not fake.healthy, "it is down")
        checks = fake.watch.of(KEY, SERVER)
        assert checks is not None
        (before,) = checks.probers.values()
        fake.watch.follow(model(tcp(), weight=7))
        assert list(checks.probers.values()) == [before]
        assert fake.verdicts[-1] == Verdict(KEY, SERVER, False, "no good")
        fake.watch.follow(model(tcp(fall=5)))
        assert not fake.healthy
        fake.watch.follow(model(checks=(tcp(fall=4),)))
        assert not fake.healthy
        fake.watch.follow(model())
        assert fake.healthy
        assert fake.watch.of(KEY, SERVER) is None
        await fake.watch.close()

    asyncio.run(run())


def test_a_check_that_is_changed_leaves_a_server_that_is_up_as_it_is(fake: Fake) -> None:
    async def run() -> None:
        fake.watch.follow(model(tcp(start_down=True)))
        assert not fake.healthy
        await until(lambda: fake.healthy, "it is up")
        count = len(fake.verdicts)
        fake.watch.follow(model(tcp(start_down=True, fall=5)))
        assert [verdict.healthy for verdict in fake.verdicts[count:]] == [True]
        await fake.watch.close()

    asyncio.run(run())


def test_all_checks_have_to_succeed(fake: Fake) -> None:
    async def run() -> None:
        both = tcp(), tcp(start_down=True, interval=1000.0)
        fake.watch.follow(model(*both))
        assert not fake.healthy
        await until(lambda: fake.healthy, "the other one succeeds as well")
        await fake.watch.close()

    asyncio.run(run())


def test_one_without_weight_is_not_checked_and_stays_what_it_was(fake: Fake) -> None:
    async def run() -> None:
        fake.error = Failed("no good")
        fake.watch.follow(model(tcp()))
        await until(lambda: not fake.healthy, "it is down")
        fake.watch.follow(model(tcp(), weight=0))
        await asyncio.sleep(0)
        fake.asked.clear()
        fake.error = None
        assert not fake.watch._tasks
        assert not fake.healthy
        fake.watch.follow(model(tcp()))
        await until(lambda: fake.healthy, "it is up")
        await fake.watch.close()

    asyncio.run(run())


def test_a_check_that_dies_changes_no_state_and_begins_again(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """iqiyi/dpvs#650, #751: the checker dies, and all servers go."""
    monkeypatch.setattr(watching, "AGAIN", 0.01)

    async def run() -> None:
        fake.watch.follow(model(tcp()))
        await fake.next()
        (task,) = fake.watch._tasks.values()
        task.cancel()
        await fake.next(2)
        fake.error = OSError(24, "Too many open files")
        await fake.next(3)
        fake.error = RuntimeError("a bug of ours")
        await fake.next(3)
        assert [verdict.healthy for verdict in fake.verdicts] == [True]
        await fake.watch.close()

    asyncio.run(run())


def test_it_asks_whom_it_is_told_to(fake: Fake) -> None:
    """acassen/keepalived#765: a UDP service that is checked by HTTP on another port."""

    async def run() -> None:
        fake.watch.follow(model(tcp(port=81)))
        await fake.next()
        assert fake.asked[-1] == Target("198.51.100.1", 81, False)
        fake.watch.follow(model(tcp(address=IPv6Address("2001:db8::1"))))
        await until(lambda: fake.asked[-1] == Target("2001:db8::1", 8080, True), "the other one is asked")
        await fake.watch.close()

    asyncio.run(run())


def test_a_server_that_leaves_is_asked_no_more(fake: Fake) -> None:
    async def run() -> None:
        fake.watch.follow(model(tcp()))
        await fake.next()
        fake.watch.follow(Model())
        assert not fake.watch._tasks
        await fake.watch.close()

    asyncio.run(run())


def test_a_check_that_is_changed_to_what_fails_takes_the_server_out(fake: Fake) -> None:
    """acassen/keepalived#1144: after a reload with another connect_port, which is closed, the server stays."""

    async def run() -> None:
        fake.watch.follow(model(tcp(port=80, start_down=True)))
        await until(lambda: fake.healthy, "it is up")
        fake.error = ConnectionRefusedError(errno.ECONNREFUSED, "")
        fake.watch.follow(model(tcp(port=23, start_down=True)))
        assert fake.healthy
        await until(lambda: not fake.healthy, "it is down")
        assert fake.verdicts[-1].reason == "connection refused"
        await fake.watch.close()

    asyncio.run(run())


def test_a_server_that_was_down_when_its_checks_changed_returns(fake: Fake) -> None:
    """acassen/keepalived#608, #1163 and PR #381: it is down by a check that is there no more, and so for ever."""

    async def run() -> None:
        fake.error = Failed("no good")
        fake.watch.follow(model(tcp(), tcp(port=81)))
        await until(lambda: not fake.healthy, "it is down")
        fake.watch.follow(model(tcp(port=81), tcp(port=82)))
        assert not fake.healthy
        fake.error = None
        await until(lambda: fake.healthy, "it is up")
        await fake.watch.close()

    asyncio.run(run())


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNRESET])
def test_whom_no_way_leads_to_is_down(fake: Fake, number: int) -> None:
    """acassen/keepalived#2115: with an unreachable route the server stays."""

    async def run() -> None:
        fake.error = OSError(number, "")
        fake.watch.follow(model(tcp()))
        await until(lambda: not fake.healthy, "it is down")
        assert fake.verdicts[-1].reason == os.strerror(number).lower()
        await fake.watch.close()

    asyncio.run(run())


def test_a_weight_that_a_check_says_is_told_when_it_is_another_one(fake: Fake) -> None:
    async def run() -> None:
        fake.watch.follow(model(tcp(), weight=4))
        await fake.next()
        fake.weight = Weight(-3, is_whole=False)
        await until(lambda: fake.verdicts[-1].weight == 1, "it is told")
        count = len(fake.verdicts)
        await fake.next(3)
        assert len(fake.verdicts) == count
        fake.watch.follow(model(tcp(), weight=9))
        assert fake.verdicts[-1].weight == 6
        fake.weight = Weight(70000, is_whole=True)
        await until(lambda: fake.verdicts[-1].weight == 65535, "it is the greatest")
        fake.error = Failed("no good")
        await until(lambda: not fake.healthy, "it is down")
        fake.error, fake.weight = None, None
        await until(lambda: fake.healthy, "it is up")
        assert fake.verdicts[-1].weight is None
        await fake.watch.close()

    asyncio.run(run())


def test_of_several_weights_each_changes_what_is_configured() -> None:
    """keepalived: update_svr_wgt."""
    checks = watching.Checks()
    for weight in (Weight(10, is_whole=True), Weight(3, is_whole=False), None):
        prober = checks.probers[tcp(fall=len(checks.probers) + 1)] = probing.Prober(
            tcp(), Target("", 0, False), lambda: None
        )
        prober.state.weight = weight
    assert checks.weight(5) == 10 + 3
    assert watching.Checks().weight(5) is None


def test_a_server_that_was_down_before_a_restart_is_down_until_it_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    fake.watch = Watch(fake.verdicts.append, lambda *_: False)

    async def run() -> None:
        fake.watch.follow(model(tcp(rise=2)))
        assert fake.verdicts == [Verdict(KEY, SERVER, False, "down before, and not checked anew yet")]
        await until(lambda: fake.healthy, "it is up")
        assert len(fake.asked) == 2
        fake.watch.follow(model())
        assert fake.verdicts[-1] == Verdict(KEY, SERVER, True)
        await fake.watch.close()

    asyncio.run(run())


def test_one_that_was_down_before_a_restart_and_is_checked_no_more_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    Watch(fake.verdicts.append, lambda *_: False).follow(model())
    assert fake.verdicts == [Verdict(KEY, SERVER, True)]


def test_a_sorry_server_has_only_checks_of_its_own(fake: Fake) -> None:
    async def run() -> None:
        settings = ServerSettings(sorry=True)
        fake.watch.follow(Model(services={KEY: Declared(ServiceSettings(checks=(tcp(),)), {SERVER: settings})}))
        assert fake.watch.of(KEY, SERVER) is None
        await fake.watch.close()

    asyncio.run(run())


async def test_checks_that_begin_together_are_spread_over_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand servers are checked first within a second; they must not be again and again."""
    asked: dict[Target, list[float]] = {}

    async def check(_settings: Check, target: Target) -> None:
        asked.setdefault(target, []).append(asyncio.get_running_loop().time())

    monkeypatch.setattr(probing, "KINDS", {"tcp": check})
    settings = Check(type="tcp", interval=1.0)
    tasks = [
        asyncio.create_task(probing.Prober(settings, Target("192.0.2.1", port, False), lambda: None).run())
        for port in range(40)
    ]
    await until(lambda: len(asked) == 40 and all(len(times) > 2 for times in asked.values()), "each is checked thrice")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert min(second - first for first, second, *_ in asked.values()) < 0.5
    assert min(third - second for _, second, third, *_ in asked.values()) > 0.8
