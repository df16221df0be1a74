"""One switch, connected again and again: every connection is a :class:`fullnat.app.session.SwitchSession`."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

from fullnat.app.runner import CoreRunner
from fullnat.app.session import Counts, SwitchSession
from fullnat.app.writer import Writer
from fullnat.core.interface import THE_SWITCH, SwitchId
from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import P4RuntimeError

BACKOFF_FIRST = 0.1
BACKOFF_LAST = 2.0
"""Seconds between two attempts, of which this and the connecting itself add to how long a switch that is back waits."""

_LOGGER = logging.getLogger(__name__)


class SwitchOwner:
    """``connect`` makes a new client, with its own connection, for every attempt. Raises P4RuntimeError."""

    def __init__(self, runner: CoreRunner, connect: Callable[[], Client], switch_id: SwitchId = THE_SWITCH) -> None:
        self.counts = Counts()
        self.session: SwitchSession | None = None
        """None between two connections."""
        self._runner = runner
        self._connect = connect
        self._switch_id = switch_id
        self._reason = ""
        self._leader: str | None = None
        self._heard: float | None = None
        """When the switch was last heard, before the connection was lost; None before the first connection."""

    @property
    def client(self) -> Client | None:
        return self.session.client if self.session is not None else None

    @property
    def writer(self) -> Writer | None:
        return self.session.writer if self.session is not None else None

    @property
    def serving(self) -> bool:
        """Whether the core has the switch. It may have fallen silent a moment ago."""
        return self._runner.serving

    @property
    def state(self) -> str:
        """disconnected, standby, synchronising, serving or silent."""
        if self._leader is not None:
            return "standby"
        return self.session.state[0] if self.session is not None else "disconnected"

    @property
    def stands_by(self) -> bool:
        """There is a connection, and on it another controller is primary; or there is to be none."""
        return self._leader is not None or (self.session is not None and self.session.stands_by)

    def stand_by(self, leader: str | None) -> None:
        """``leader`` is another controller, and :meth:`run` does not run; None: we lead."""
        self._leader = leader

    @property
    def is_held(self) -> bool:
        """The switch has us as primary, by its last word."""
        return self.session is not None and self.session.is_primary

    @property
    def surpassed(self) -> int:
        """As :attr:`fullnat.app.arbitration.Candidate.surpassed`."""
        return self.session.surpassed if self.session is not None else 0

    @property
    def reason(self) -> str:
        """Why the switch is disconnected or silent, and since when; or who leads."""
        if self._leader is not None:
            return self._leader
        state, reason = self.session.state if self.session is not None else ("disconnected", "")
        if state != "disconnected" or not self._reason:
            return reason
        if self._heard is None:
            return self._reason
        return f"{self._reason}; the switch was last heard {monotonic() - self._heard:.0f} s ago"

    async def run(self) -> NoReturn:
        """Connect again and again until cancelled."""
        delay = BACKOFF_FIRST
        told = ""
        while True:
            try:
                self.session = SwitchSession(self._connect(), self._runner, self.counts, self._switch_id)
                reason = await _served(self.session)
                if self.session.served:
                    delay, told = BACKOFF_FIRST, ""
                    self._heard = monotonic() - self.session.silent
            except P4RuntimeError as error:
                reason = str(error)
            finally:
                self.session = None
            if reason != told:
                _LOGGER.warning("no switch: %s; trying again", reason)
            self._reason = told = reason
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))
            delay = min(delay * 2, BACKOFF_LAST)


async def _served(session: SwitchSession) -> str:
    """Serve one connection until it is lost; why it was."""
    try:
        await session.run()
    except P4RuntimeError as error:
        return str(error)
    except Exception as error:
        # A bug must not end the process: a new connection starts from what the switch holds.
        _LOGGER.exception("the connection failed for an unforeseen reason")
        return f"internal error: {error}"
