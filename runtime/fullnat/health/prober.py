"""One check of one real server, again and again: how often, and what so many results in a row make of it."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from fullnat.config.model import Check
from fullnat.health import dns, file, http, ping, script, smtp, tcp, udp
from fullnat.health.connect import Target
from fullnat.health.failed import Failed, Unusable, Weight, reason

_LOGGER = logging.getLogger(__name__)
KINDS: Mapping[str, Callable[[Check, Target], Awaitable[Weight | None]]] = {
    "tcp": tcp.check,
    "http": http.check,
    "script": script.check,
    "smtp": smtp.check,
    "udp": udp.check,
    "ping": ping.check,
    "dns": dns.check,
    "file": file.check,
}
"""By the type of the check. They raise Failed, Unusable or OSError."""
_WAITS = frozenset({"script", "http"})
"""Kinds that keep their timeout themselves: what has to wait for its turn here says nothing of the server."""
OURS = frozenset(
    (
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN),
        *(errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.ENODEV, errno.EPERM, errno.EACCES, errno.ENOENT),
        errno.EAFNOSUPPORT,
    )
)
"""Errors that say nothing of the server: no room here, no such device, address or program."""
JITTER = 0.1
"""Part of the interval by which checks are sooner or later, so that those of many servers do not fall together."""


@dataclass(slots=True)
class Result:
    """Of the last check."""

    at: float
    """When it ended, on the loop's clock."""
    took: float
    """Seconds."""
    reason: str
    """Why it failed; "" if it did not."""
    weight: Weight | None = None


@dataclass(slots=True)
class State:
    """What is known of the server by this check. A reload that leaves the check as it was keeps it."""

    healthy: bool
    streak: int = 0
    """Results in a row that are not as ``healthy`` has it."""
    reason: str = ""
    """Of the failure that made it be down."""
    last: Result | None = field(default=None)
    weight: Weight | None = None
    """What the last check that succeeded says of it."""
    succeeded: int = 0
    failed: int = 0
    """Checks so far."""


class Prober:
    def __init__(self, settings: Check, target: Target, told: Callable[[], None]) -> None:
        """``told`` is called when :attr:`state` has another ``healthy`` or ``weight``."""
        self.settings = settings
        self.target = target
        self.state = State(not settings.start_down, reason="not checked yet" if settings.start_down else "")
        self._told = told
        self._is_stuck = False
        """The last check could not be made."""

    async def run(self) -> NoReturn:
        """Until cancelled. An error of our own is logged, and says nothing of the server."""
        first = self.state.last is None
        await asyncio.sleep(random.random() * min(self.settings.interval, 1.0 if first else JITTER))
        while True:
            began = asyncio.get_running_loop().time()
            try:
                found, weight = await self._once()
            except Exception as error:
                self._stuck(error)
                ended = asyncio.get_running_loop().time()
            else:
                self._is_stuck = False
                ended = asyncio.get_running_loop().time()
                self._take(Result(ended, ended - began, found, weight))
            pause = self._pause(ended - began)
            # The first checks of all servers fall into one second; the next ones are spread over the interval.
            await asyncio.sleep(pause * random.random() if first and not self.state.streak else pause)
            first = False

    async def _once(self) -> tuple[str, Weight | None]:
        """Why the check failed, "" if it did not, and what it says of the weight. Raises what is our own fault."""
        settings = self.settings
        kind = KINDS[settings.type]
        try:
            if settings.type in _WAITS:
                return "", await kind(settings, self.target)
            async with asyncio.timeout(settings.timeout):
                return "", await kind(settings, self.target)
        except TimeoutError:
            return f"no answer in {settings.timeout:g} s", None
        except Failed as error:
            return reason(error), None
        except OSError as error:
            if isinstance(error, socket.gaierror) or (error.errno in OURS and not isinstance(error, ssl.SSLError)):
                raise
            return reason(error), None

    def _stuck(self, error: Exception) -> None:
        """Say so once."""
        if not self._is_stuck:
            what, where = f"the {self.settings.type} check", f"{self.target.address} port {self.target.port}"
            traced = None if isinstance(error, OSError | Unusable) else error
            _LOGGER.error("%s of %s cannot be made: %s", what, where, reason(error), exc_info=traced)
        self._is_stuck = True

    def _pause(self, took: float) -> float:
        """Until the next one begins."""
        settings, state = self.settings, self.state
        if state.streak:
            return settings.retry_interval
        return max(settings.interval * (1 + random.uniform(-JITTER, JITTER)) - took, min(1.0, settings.interval / 2))

    def _take(self, result: Result) -> None:
        state, settings = self.state, self.settings
        state.last = result
        before = state.healthy, state.weight
        if result.reason:
            state.failed += 1
        else:
            state.succeeded += 1
            state.weight = result.weight
        if state.healthy is not bool(result.reason):
            state.streak = 0
            state.reason = result.reason
        else:
            state.streak += 1
            if state.streak >= (settings.fall if state.healthy else settings.rise):
                state.healthy = not state.healthy
                state.streak = 0
                state.reason = result.reason
        if (state.healthy, state.weight) != before:
            self._told()
