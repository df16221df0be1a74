"""Whether a switch is still there. A link that fails and a process that is stopped send no FIN, and TCP takes a quarter
of an hour to notice; a switch that says nothing is therefore asked something.

It is asked by an RPC and not by HTTP/2 pings: servers made with gRPC's C++ library, BMv2's and Stratum's among them,
take more than two of them within five minutes without data of theirs for abuse and end the connection
(too_many_pings; gRPC proposal A8).
"""

from __future__ import annotations

import asyncio
from typing import NoReturn, Protocol

from fullnat.p4rt.errors import ConnectionLost, P4RuntimeError

TICK_SECONDS = 0.5
ASK_SECONDS = 2.0
"""A switch that has said nothing for so long is asked something,"""
ASK_BESIDE = 1.0
"""and one of a group."""
SILENT_SECONDS = 4.0
"""Operators are told of a silence this long."""
LOST_SECONDS = 7.0
"""After so long a silence the connection is given up,"""
LOST_BESIDE = 3.0
"""and that to a switch of a group: another one may go on in its place."""
PUSH_SECONDS = 120.0
"""The same while a pipeline is being set, during which some switches answer nothing else."""


class Answering(Protocol):
    """The part of :class:`fullnat.p4rt.client.Client` used here."""

    @property
    def heard(self) -> int: ...

    @property
    def pushing(self) -> bool: ...

    async def ask(self) -> None: ...


class Liveness:
    def __init__(self, client: Answering, *, is_beside: bool = False) -> None:
        """``is_beside``: the switch is of a group."""
        self.silent = 0.0
        """Seconds for which nothing has come, to a tick. Counted in ticks, so that a controller that was itself stopped
        does not blame the switch."""
        self._client = client
        self._ask_after, self._lost_after = (ASK_BESIDE, LOST_BESIDE) if is_beside else (ASK_SECONDS, LOST_SECONDS)

    async def watch(self) -> NoReturn:
        """Until the switch is silent for too long, which is raised as ConnectionLost."""
        asking: asyncio.Task[None] | None = None
        heard = self._client.heard
        try:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                if self._client.heard != heard:
                    heard, self.silent = self._client.heard, 0.0
                    continue
                self.silent += TICK_SECONDS
                if self.silent >= (PUSH_SECONDS if self._client.pushing else self._lost_after):
                    raise ConnectionLost(describe(self.silent))
                if self.silent >= self._ask_after and (asking is None or asking.done()):
                    asking = asyncio.create_task(self._ask(), name="p4runtime-ask")
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self) -> None:
        try:
            await self._client.ask()
        except P4RuntimeError:
            return  # the stream ends with a better reason, or the silence goes on


def describe(seconds: float) -> str:
    """What operators are told of a silence."""
    return f"the switch does not answer for {seconds:.0f} s"
