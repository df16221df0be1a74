"""Writes of sessions: every one starts here, and what is answered comes back here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fullnat.core.interface import Effect, Failure, Op, Write, Written
from fullnat.core.session.lifecycle import Step
from fullnat.core.session.sessions import Session, SessionTable
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import made
from fullnat.tables.session import SessionEntry

WRITE_TIMEOUT = 60.0
"""Seconds after which the answer to a write is taken for lost."""


class Writes:
    def __init__(self, table: SessionTable, timers: TimerWheel[Session]) -> None:
        self.table = table
        self.timers = timers
        self._pending: dict[int, Sequence[Session]] = {}
        self._token = 0

    def new_token(self) -> int:
        self._token += 1
        return self._token

    def write(
        self, session: Session, operation: Op, entry: SessionEntry, step: Step, now: float, out: list[Effect]
    ) -> None:
        """Start a write of one session, which takes ``step``."""
        token = self.new_token()
        session.token = token
        session.step(step)
        self._pending[token] = (session,)
        self.timers.arm(session, now + WRITE_TIMEOUT)
        out.append(made(Write, (((operation, entry),), token)))

    def write_all(self, sessions: Sequence[Session], operation: Op, now: float, out: list[Effect]) -> int:
        """Start to insert or delete all of ``sessions``; returns the token of the write."""
        token = self.new_token()
        for session in sessions:
            session.token = token
            self.timers.arm(session, now + WRITE_TIMEOUT)
        self._pending[token] = sessions
        out.append(Write(tuple((operation, session.entry) for session in sessions), token))
        return token

    def answered(self, event: Written) -> Iterator[tuple[Session, Failure | None]]:
        """The sessions that ``event`` is about, with what went wrong. Skips those that have moved on since."""
        failed = event.failed
        for position, session in enumerate(self._pending.pop(event.token, ())):
            if session.token == event.token:
                session.token = 0
                yield session, failed.get(position)

    def forget_writes(self) -> None:
        """The switch is gone; nothing under way will be answered."""
        self._pending.clear()
        for session in self.table:
            session.token = 0
