"""What the service manager is told of this controller, and when."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from fullnat.app.notify import Notifier


class Rounds(Protocol):
    """The part of :class:`fullnat.app.runner.CoreRunner` used here."""

    def after_round(self, call: Callable[[], None]) -> None: ...


class Service:
    """``state`` is a line on how things stand."""

    def __init__(self, notifier: Notifier, runner: Rounds, state: Callable[[], str]) -> None:
        self._notifier = notifier
        self._runner = runner
        self._state = state

    def ready(self) -> None:
        self._notifier.ready(self._state())

    async def reload(self, reload: Callable[[], Awaitable[bool]]) -> None:
        """Tell of ``reload``, which returns whether the configuration was good, until the round after it is over."""
        self._notifier.reloading()
        taken = await reload()

        def done() -> None:
            self._notifier.ready(self._state() if taken else "the configuration has errors; the old one stays")

        self._runner.after_round(done)

    def stopping(self) -> None:
        self._notifier.stopping()

    async def beat(self) -> NoReturn:
        """Tell that the core has its turns: it is the core's task that says so, so one that is stuck says nothing."""
        period = self._notifier.period or math.inf
        while True:
            self._runner.after_round(self._alive)
            await asyncio.sleep(period)

    def _alive(self) -> None:
        self._notifier.beat(self._state())
