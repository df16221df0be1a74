"""The core's runner: it works without a switch, and what no switch has sent is not lost while there is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from fullnat.app.runner import EVENTS_PER_ROUND, CoreRunner
from fullnat.config.model import Config
from fullnat.core.inbox import PATIENCE
from fullnat.core.interface import (
    Effect,
    IdleNotice,
    Inject,
    Log,
    Op,
    PacketIn,
    Shed,
    SwitchDown,
    SwitchUp,
    Write,
    Written,
)
from fullnat.p4constants import PuntReason
from fullnat.tables.port import Port
from p4rt.waiting import until

from app.conftest import CONFIG
from app.fake_core import FakeCore

WRITE = Write(((Op.INSERT, Port(1, 2)),))
UP = SwitchUp((), 0)


class FakeSession:
    """Takes effects down."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.flushes: list[int] = []
        """How many effects there were at each end of a round."""
        self.configs: list[Config] = []
        self.failures: list[Exception] = []

    def carry_out(self, effects: Sequence[Effect]) -> None:
        self.effects += effects

    def flush(self) -> None:
        self.flushes.append(len(self.effects))

    def reconfigured(self, config: Config) -> None:
        self.configs.append(config)

    def fail(self, error: Exception) -> None:
        self.failures.append(error)


@pytest.fixture
def core() -> FakeCore:
    return FakeCore()


@pytest.fixture
async def runner(core: FakeCore) -> AsyncIterator[CoreRunner]:
    made = CoreRunner(core, CONFIG)
    task = asyncio.create_task(made.run())
    yield made
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_timers_and_commands_run_without_a_switch(
    runner: CoreRunner, core: FakeCore, caplog: pytest.LogCaptureFixture
) -> None:
    core.on_deadline = lambda: [Log("warning", "due"), WRITE]
    core.due = asyncio.get_running_loop().time() + 0.02
    done: list[float] = []

    def command(now: float) -> list[Effect]:
        done.append(now)
        return [WRITE]

    with caplog.at_level(logging.WARNING):
        runner.command(command)
        runner.reconfigure(replace(CONFIG, punt_rate=9))
        await until(lambda: core.deadlines)
    assert len(done) == 1
    assert [config.punt_rate for config in core.configs] == [9]
    assert runner.config.punt_rate == 9
    assert [record.getMessage() for record in caplog.records] == ["due"]
    session = FakeSession()
    runner.attach(session, UP)
    assert session.effects == []
    assert core.events == [UP]


async def test_what_comes_from_a_switch_goes_with_it(runner: CoreRunner, core: FakeCore) -> None:
    session, other = FakeSession(), FakeSession()
    runner.attach(session, UP)
    done: list[float] = []
    runner.post([IdleNotice(1)])

    def command(now: float) -> list[Effect]:
        done.append(now)
        return []

    runner.command(command)
    runner.detach(other, "not ours")
    assert runner.serving
    runner.detach(session, "lost")
    assert not runner.serving
    runner.attach(other, UP)
    runner.post([IdleNotice(2)])
    await until(lambda: core.seen(IdleNotice))
    assert core.events == [UP, SwitchDown("lost"), UP, IdleNotice(2)]
    assert len(done) == 1


async def test_effects_of_a_round_are_sent_at_its_end(runner: CoreRunner, core: FakeCore) -> None:
    core.on_event = lambda event: [WRITE] if isinstance(event, IdleNotice) else []
    session = FakeSession()
    runner.attach(session, UP)
    await until(lambda: session.flushes)
    session.flushes.clear()
    runner.post([IdleNotice(number) for number in range(EVENTS_PER_ROUND + 1)])
    await until(lambda: len(session.effects) == EVENTS_PER_ROUND + 1)
    assert session.flushes == [EVENTS_PER_ROUND, EVENTS_PER_ROUND + 1]


async def test_other_work_has_its_turn_between_two_rounds(runner: CoreRunner, core: FakeCore) -> None:
    runner.attach(FakeSession(), UP)
    await until(lambda: core.events)
    runner.post([IdleNotice(number) for number in range(4 * EVENTS_PER_ROUND)])
    seen = []
    while len(core.events) < 4 * EVENTS_PER_ROUND + 1:
        await asyncio.sleep(0)
        seen.append(len(core.events) - 1)
    assert max(later - earlier for earlier, later in zip([0, *seen], seen, strict=False)) <= EVENTS_PER_ROUND


async def test_an_error_of_the_core_is_counted_and_no_more(runner: CoreRunner, core: FakeCore) -> None:
    def fail(_now: float) -> list[Effect]:
        raise RuntimeError("a bug")

    runner.attach(FakeSession(), UP)
    runner.command(fail)
    runner.post([IdleNotice(1)])
    await until(lambda: core.seen(IdleNotice))
    assert runner.errors == 1


async def test_a_session_that_fails_does_not_end_the_core(runner: CoreRunner, core: FakeCore) -> None:
    session, error = FakeSession(), RuntimeError("a bug")

    def fail() -> None:
        raise error

    session.flush = fail  # type: ignore[method-assign]
    runner.attach(session, UP)
    await until(lambda: session.failures)
    assert session.failures == [error]
    runner.post([IdleNotice(1)])
    await until(lambda: core.seen(IdleNotice))


SYN = PacketIn(PuntReason.SERVICE_SYN, 0, 1, 0, b"syn")


async def test_what_is_heard_while_nothing_waits_is_done_in_the_same_call(runner: CoreRunner, core: FakeCore) -> None:
    class Immediate(FakeSession):
        """Answers writes when they are flushed."""

        def flush(self) -> None:
            super().flush()
            if WRITE in self.effects[self.flushes[-2] if len(self.flushes) > 1 else 0 :]:
                runner.answered(Written(1, {}))

    inject = Inject(1, b"syn", 1, True)
    core.on_event = lambda event: [WRITE] if event == SYN else [inject] if isinstance(event, Written) else []
    session = Immediate()
    runner.attach(session, UP)
    await until(lambda: session.flushes)
    session.flushes.clear()
    runner.hear([SYN])
    assert session.effects == [WRITE, inject]
    assert session.flushes == [1, 2]
    runner.post([IdleNotice(1)])
    runner.hear([SYN])
    assert core.events[-1] == Written(1, {}), "nothing overtakes what waits"
    await until(lambda: core.events[-1] == Written(1, {}) and len(session.effects) == 4)
    assert core.events[3:] == [IdleNotice(1), SYN, Written(1, {})]


async def test_what_is_heard_waits_for_other_work_when_there_is_much(runner: CoreRunner, core: FakeCore) -> None:
    runner.attach(FakeSession(), UP)
    await until(lambda: core.events)
    runner.hear([IdleNotice(number) for number in range(2 * EVENTS_PER_ROUND)])
    assert len(core.events) == 1 + EVENTS_PER_ROUND
    await until(lambda: len(core.events) == 1 + 2 * EVENTS_PER_ROUND)


async def test_syns_that_have_waited_for_too_long_are_shed(
    runner: CoreRunner, core: FakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [asyncio.get_running_loop().time()]
    monkeypatch.setattr("fullnat.app.runner.monotonic", lambda: now[0])
    runner.attach(FakeSession(), UP)
    await until(lambda: core.events)
    runner.post([SYN, SYN, IdleNotice(1)])
    now[0] += PATIENCE + 0.1
    runner.post([SYN])
    await until(lambda: core.seen(Shed))
    assert core.events == [UP, IdleNotice(1), SYN, Shed(2)]
