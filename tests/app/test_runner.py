"""The core's runner: it works without a switch, and what no switch has sent is not lost while there is none."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from fullnat.app.runner import EVENTS_PER_ROUND, YOUNG, CoreRunner
from fullnat.config.errors import ConfigError
from fullnat.config.model import StaticRoute
from fullnat.core.declared.commands import (
    Command,
    CommandError,
    EditGlobals,
    Problem,
    Reason,
    RemoveInterface,
    RemoveRoute,
)
from fullnat.core.inbox import KEPT, PATIENCE
from fullnat.core.interface import (
    THE_SWITCH,
    Behind,
    Effect,
    IdleNotice,
    Inject,
    LimitPunts,
    Log,
    Op,
    PacketIn,
    Shed,
    SwitchDown,
    SwitchId,
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
COMMAND = RemoveInterface(7)


class FakeSession:
    """Takes effects down."""

    def __init__(self, switch_id: SwitchId = THE_SWITCH) -> None:
        self.switch_id = switch_id
        self.effects: list[Effect] = []
        self.flushes: list[int] = []
        """How many effects there were at each end of a round."""
        self.failures: list[Exception] = []

    def carry_out(self, effects: Sequence[Effect]) -> None:
        self.effects += effects

    def flush(self) -> None:
        self.flushes.append(len(self.effects))

    def fail(self, error: Exception) -> None:
        self.failures.append(error)


@pytest.fixture
def core() -> FakeCore:
    return FakeCore(CONFIG)


@pytest.fixture
async def runner(core: FakeCore) -> AsyncIterator[CoreRunner]:
    made = CoreRunner(core)
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
    core.on_command = lambda _command: [Log("warning", "done"), WRITE]
    with caplog.at_level(logging.WARNING):
        runner.apply([COMMAND])
        await until(lambda: core.deadlines)
    assert core.commands == [COMMAND]
    assert [record.getMessage() for record in caplog.records] == ["done", "due"]
    session = FakeSession()
    runner.attach(session, UP)
    assert session.effects == []
    assert core.events == [UP]


async def test_what_comes_from_a_switch_goes_with_it(runner: CoreRunner, core: FakeCore) -> None:
    session, other = FakeSession(), FakeSession()
    runner.attach(session, UP)
    runner.post([IdleNotice(1)])
    runner.apply([COMMAND])
    runner.detach(other, "not ours")
    assert runner.serving
    runner.detach(session, "lost")
    assert not runner.serving
    runner.attach(other, UP)
    runner.post([IdleNotice(2)])
    await until(lambda: core.seen(IdleNotice))
    assert core.events == [UP, SwitchDown("lost"), UP, IdleNotice(2)]
    assert core.commands == [COMMAND]


async def test_a_command_is_carried_out_at_once_and_sent_at_the_end_of_a_round(
    runner: CoreRunner, core: FakeCore
) -> None:
    core.on_command = lambda _command: [WRITE]
    session = FakeSession()
    runner.attach(session, UP)
    await until(lambda: session.flushes)
    runner.apply([COMMAND])
    assert session.effects == [WRITE]
    await until(lambda: session.flushes[-1] == 1)


async def test_a_refused_command_is_its_senders_matter(runner: CoreRunner, core: FakeCore) -> None:
    problem = Problem(Reason.UNKNOWN, "port 7 has no interface", COMMAND)

    def refuse(_command: Command) -> list[Effect]:
        raise CommandError([problem])

    core.on_command = refuse
    with pytest.raises(CommandError, match=problem.message):
        runner.apply([COMMAND])
    with pytest.raises(ConfigError, match=problem.message):
        runner.reconfigure(replace(CONFIG, punt_rate=9))
    assert runner.errors == 0


async def test_a_configuration_is_the_commands_that_lead_to_it_from_what_runs(
    runner: CoreRunner, core: FakeCore
) -> None:
    route = StaticRoute(prefix=IPv4Network("192.0.2.0/24"), gateway=None)
    core.model.routes[route.prefix] = route
    settings = replace(core.model.settings, punt_rate=9)
    assert runner.reconfigure(replace(CONFIG, punt_rate=9)) == 2
    assert core.commands == [EditGlobals(settings), RemoveRoute(route.prefix)]


async def test_effects_go_to_the_switch_that_they_are_for(runner: CoreRunner, core: FakeCore) -> None:
    core.on_command = lambda _command: [LimitPunts(1, 2)]
    session = FakeSession(SwitchId("another"))
    runner.attach(session, UP)
    runner.apply([COMMAND])
    assert session.effects == []


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
    def fail() -> list[Effect]:
        raise RuntimeError("a bug")

    core.on_deadline = fail
    core.due = asyncio.get_running_loop().time()
    runner.attach(FakeSession(), UP)
    await until(lambda: core.deadlines)
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


async def test_garbage_is_looked_for_when_nothing_waits(runner: CoreRunner, core: FakeCore) -> None:
    """So nobody waits for that of ten times as many objects."""
    runner.attach(FakeSession(), UP)
    await until(lambda: core.events)
    gc.disable()
    try:
        gc.collect()
        kept = [[number] for number in range(YOUNG)]
        runner.hear([IdleNotice(number) for number in range(2 * EVENTS_PER_ROUND)])
        assert gc.get_count()[0] >= YOUNG, "something waits"
        await until(lambda: len(core.events) == 1 + 2 * EVENTS_PER_ROUND)
        runner.hear([IdleNotice(0)])
        assert gc.get_count()[0] < YOUNG
        assert len(kept) == YOUNG
    finally:
        gc.enable()


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
    runner.post([SYN] * KEPT)
    await until(lambda: core.seen(Behind))
    assert core.events == [UP, IdleNotice(1), *[SYN] * KEPT, Shed(2), Behind()]
