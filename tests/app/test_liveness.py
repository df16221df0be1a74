"""A silent switch is asked, then told of, then given up; whatever it says ends the silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fullnat.app import liveness
from fullnat.app.liveness import Liveness
from fullnat.core.interface import SwitchDown, SwitchUp
from fullnat.p4rt.errors import ConnectionLost, RpcError
from p4rt.waiting import until

from app.conftest import Rig

FACTOR = 0.02
"""The times of these tests, of those of a controller."""


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TICK_SECONDS", "ASK_SECONDS", "LOST_SECONDS", "PUSH_SECONDS"):
        monkeypatch.setattr(liveness, name, getattr(liveness, name) * FACTOR)
    monkeypatch.setattr("fullnat.app.session.SILENT_SECONDS", liveness.SILENT_SECONDS * FACTOR)


class FakeClient:
    def __init__(self) -> None:
        self.heard = 0
        self.pushing = False
        self.asked = 0
        self.there = True

    async def ask(self) -> None:
        self.asked += 1
        if not self.there:
            await asyncio.Event().wait()
        self.heard += 1


@pytest.fixture
async def watched() -> AsyncIterator[tuple[FakeClient, Liveness, asyncio.Task[None]]]:
    client = FakeClient()
    made = Liveness(client)
    task: asyncio.Task[None] = asyncio.create_task(made.watch())
    yield client, made, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


Watched = tuple[FakeClient, Liveness, "asyncio.Task[None]"]


async def test_a_switch_that_answers_is_asked_for_ever(watched: Watched) -> None:
    client, made, task = watched
    await until(lambda: client.asked >= 3)
    assert not task.done()
    assert made.silent < liveness.LOST_SECONDS


async def test_a_switch_that_speaks_is_not_asked(watched: Watched) -> None:
    client, _, task = watched
    end = asyncio.get_running_loop().time() + 3 * liveness.LOST_SECONDS
    while asyncio.get_running_loop().time() < end:
        client.heard += 1
        await asyncio.sleep(0)
    assert client.asked == 0
    assert not task.done()


async def test_a_silent_switch_is_asked_once_and_given_up(watched: Watched) -> None:
    client, _, task = watched
    client.there = False
    with pytest.raises(ConnectionLost, match="the switch does not answer for"):
        await asyncio.wait_for(task, 10)
    assert client.asked == 1


async def test_a_push_may_take_long(watched: Watched) -> None:
    client, made, task = watched
    client.there, client.pushing = False, True
    await until(lambda: made.silent > 2 * liveness.LOST_SECONDS)
    assert not task.done()
    client.pushing = False
    with pytest.raises(ConnectionLost):
        await asyncio.wait_for(task, 10)


async def test_a_refusal_is_an_answer_but_not_by_itself(watched: Watched) -> None:
    """Whether something was heard is for the transport to say."""
    client, _, task = watched

    async def refuse() -> None:
        raise RpcError(12, "unknown")

    client.ask = refuse  # type: ignore[method-assign]
    with pytest.raises(ConnectionLost):
        await asyncio.wait_for(task, 10)


async def test_the_state_is_told_and_the_connection_given_up(rig: Rig) -> None:
    """The owner's state while a real gRPC server hears everything and says nothing."""
    rig.run()
    await until(lambda: rig.owner.serving)
    assert (rig.owner.state, rig.owner.reason) == ("serving", "")
    rig.switch.silence = asyncio.Event()
    await until(lambda: rig.owner.state == "silent")
    assert rig.owner.reason == "the switch does not answer for 0 s"
    assert rig.owner.serving
    await until(lambda: rig.core.seen(SwitchDown))
    await until(lambda: rig.owner.state == "disconnected")
    assert rig.owner.reason.endswith("; the switch was last heard 0 s ago")
    rig.switch.silence.set()
    await until(lambda: len(rig.core.seen(SwitchUp)) == 2)
    await until(lambda: rig.owner.state == "serving")
    assert rig.owner.counts.connects == 2
