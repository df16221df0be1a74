"""One switch, connected again and again: every connection is a :class:`fullnat.app.session.SwitchSession`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from time import monotonic
from typing import NoReturn, Protocol

from fullnat import named
from fullnat.app.group.pace import Pace
from fullnat.app.group.shown import ALONE, NotNow, switch_json
from fullnat.app.outgoing import Counts, Outgoing
from fullnat.app.runner import CoreRunner
from fullnat.app.session import Alone, Home, SwitchSession
from fullnat.app.shown import Json
from fullnat.app.writer import Writer
from fullnat.core.interface import THE_SWITCH, SwitchId
from fullnat.p4rt.binding import Array
from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import ConnectionLost, P4RuntimeError

BACKOFF_FIRST = 0.1
BACKOFF_LAST = 2.0
"""Seconds between two attempts, of which this and the connecting itself add to how long a switch that is back waits."""

_LOGGER = named.logger(__name__)


class Switches(Protocol):
    """What is served: a switch, or a group of them (:class:`fullnat.app.group.owner.GroupOwner`)."""

    @property
    def client(self) -> Client | None: ...

    @property
    def writer(self) -> Writer | None: ...

    @property
    def outgoing(self) -> Outgoing | None: ...

    @property
    def counts(self) -> Counts: ...

    @property
    def state(self) -> str: ...

    async def counters(self, array: Array, indexes: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Packets and bytes of the cells of an indexed counter. Raises P4RuntimeError."""
        ...

    @property
    def active_name(self) -> str:
        """Of a group, that of the one that forwards, if there is one."""
        ...

    @property
    def stands_by(self) -> bool: ...

    @property
    def reason(self) -> str: ...

    @property
    def is_held(self) -> bool: ...

    @property
    def surpassed(self) -> int: ...

    def stand_by(self, leader: str | None) -> None:
        """``leader`` is another controller, and :meth:`run` does not run; None: we lead."""
        ...

    async def run(self) -> NoReturn: ...

    def shown(self, sessions: int) -> list[Json]:
        """What each of them does, while there are so many sessions."""
        ...

    async def activate(self, name: str) -> str:
        """Have another one forward; the name of the one before. Raises NotNow."""
        ...

    def upgrade(self, name: str) -> list[str]:
        """Have a switch that does not forward run the controller's program; what that changes. Raises NotNow."""
        ...

    def drain(self, name: str, *, drains: bool) -> str:
        """Have routers send nothing to a switch, or again; how it is announced then. Raises NotNow."""
        ...


class SwitchOwner:
    """``connect`` makes a new client, with its own connection, for every attempt. Raises P4RuntimeError."""

    def __init__(
        self,
        runner: CoreRunner,
        connect: Callable[[], Client],
        switch_id: SwitchId = THE_SWITCH,
        home: Home | None = None,
        counts: Counts | None = None,
    ) -> None:
        """``home``: whom the connections serve, None: the core, by themselves."""
        self.counts = counts or Counts()
        self.pace = Pace()
        self.session: SwitchSession | None = None
        """None between two connections."""
        self._runner = runner
        self._connect = connect
        self._home = home or Alone(runner, self.counts, switch_id)
        self._name = "" if home is None else switch_id
        self._reason = ""
        self._leader: str | None = None
        self._heard: float | None = None
        """When the switch was last heard, before the connection was lost; None before the first connection."""

    @property
    def client(self) -> Client | None:
        return self.session.client if self.session is not None else None

    @property
    def writer(self) -> Writer | None:
        return self.outgoing.writer if self.outgoing is not None else None

    @property
    def outgoing(self) -> Outgoing | None:
        return self.session.outgoing if self.session is not None else None

    async def counters(self, array: Array, indexes: Iterable[int]) -> dict[int, tuple[int, int]]:
        client = self.client
        if client is None:
            raise ConnectionLost(self.reason)
        found = await client.counters(array, indexes)
        if array in (client.schema.server_in_counter, client.schema.server_out_counter):
            self.pace.read(array.name, found, monotonic())
        return found

    @property
    def active_name(self) -> str:
        return ""

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

    def shown(self, sessions: int) -> list[Json]:
        role, pace = "active" if self.serving else "away", self.pace
        return [
            switch_json(
                ALONE,
                role,
                self.state,
                self.reason,
                self.counts.connects,
                sessions * self.serving,
                packets=pace.packets,
                packet_rate=pace.rate(monotonic()),
            )
        ]

    async def activate(self, name: str) -> str:
        raise NotNow("there is one switch, and no section [[switch]] of another one")

    def upgrade(self, name: str) -> list[str]:
        raise NotNow("there is one switch: it is given the controller's program whenever it runs another one")

    def drain(self, name: str, *, drains: bool) -> str:
        raise NotNow("there is one switch, which nothing announces")

    async def run(self) -> NoReturn:
        """Connect again and again until cancelled."""
        named.about(self._name)
        delay = BACKOFF_FIRST
        told = ""
        while True:
            try:
                self.session = SwitchSession(self._connect(), self._home, self.counts)
                reason = await _served(self.session)
                if self.session.served:
                    delay, told = BACKOFF_FIRST, ""
                    self._heard = monotonic() - self.session.silent
            except P4RuntimeError as error:
                reason = str(error)
            finally:
                self.session = None
            if reason != told:
                _LOGGER.warning("%s: %s; trying again", "not connected" if self._name else "no switch", reason)
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
