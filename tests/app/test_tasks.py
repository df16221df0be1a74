"""Tasks that fail, and whose failure counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest
from fullnat.app.tasks import Tasks


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    made = Tasks()
    yield made
    await made.close()


async def fail(text: str) -> NoReturn:
    raise ValueError(text)


async def forever(ended: list[str]) -> NoReturn:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")
    raise AssertionError


async def value() -> int:
    return 7


async def test_a_task_that_fails_ends_the_work(tasks: Tasks) -> None:
    ended: list[str] = []
    tasks.spawn(fail("broken"))
    with pytest.raises(ValueError, match="broken"):
        await tasks.until(forever(ended))
    assert ended == ["ended"]


async def test_the_work_has_a_result_of_its_own(tasks: Tasks) -> None:
    assert await tasks.until(value()) == 7
    with pytest.raises(ValueError, match="itself"):
        await tasks.until(fail("itself"))


async def test_a_failure_that_does_not_last_is_forgotten(tasks: Tasks) -> None:
    ended: list[str] = []
    tasks.spawn(forever(ended))
    tasks.fail(ValueError("broken"))
    await asyncio.sleep(0)
    await tasks.cancel()
    assert ended == ["ended"]
    assert await tasks.until(value()) == 7


async def test_a_lasting_failure_stays_also_beside_another(tasks: Tasks) -> None:
    """The stream ends while another controller takes over: the connection is lost all the same."""
    tasks.fail(ValueError("taken over"))
    tasks.spawn(fail("lost"), lasting=True)
    await tasks.cancel()
    with pytest.raises(ValueError, match="lost"):
        await tasks.until(forever([]))
