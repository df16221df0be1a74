"""Tasks that belong to a piece of work: when one of them fails, the work fails with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """``lasting`` tasks are there until :meth:`close`; the others, and their failure, only until :meth:`cancel`."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], bool] = {}
        self._failures: dict[bool, BaseException] = {}
        """The first one, by whether the task was to last."""
        self._failed = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None], *, lasting: bool = False) -> None:
        task = asyncio.create_task(work, name="p4runtime-receiver" if lasting else "p4runtime-request")
        self._tasks[task] = lasting
        task.add_done_callback(self._reap)

    def fail(self, error: BaseException, *, lasting: bool = False) -> None:
        """As if a task had failed with ``error``."""
        self._failures.setdefault(lasting, error)
        self._failed.set()

    def _reap(self, task: asyncio.Task[None]) -> None:
        lasting = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error, lasting=lasting)

    async def until(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``. Raises what it or one of the tasks has failed with, and cancels it then."""
        main = asyncio.ensure_future(work)
        failed = asyncio.ensure_future(self._failed.wait())
        try:
            await asyncio.wait({main, failed}, return_when=asyncio.FIRST_COMPLETED)
            if self._failures:
                raise self._failures.get(True) or self._failures[False]
            return main.result()
        finally:
            await _end({main, failed})

    async def cancel(self) -> None:
        """Cancel what does not last, and forget its failure."""
        await _end({task for task, lasting in self._tasks.items() if not lasting})
        self._failures.pop(False, None)
        if not self._failures:
            self._failed.clear()

    async def close(self) -> None:
        """Cancel everything."""
        await _end(set(self._tasks))


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
