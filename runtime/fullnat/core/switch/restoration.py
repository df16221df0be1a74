"""Restoration: sessions that a switch has lost, because it was restarted, are written to it again.

It needs no more than their entries: its registers follow both endpoints anew from the first segments on which these
agree (session_state.p4). Until all are back nobody is told that there is no session: what comes is dropped, and is sent
again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fullnat.core.interface import Effect, Op, Written
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.resets import Resets
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import WRITE_BATCH, SessionStore

AT_ONCE = 4
"""Writes under way, so that connections that begin meanwhile wait for no more than those."""


class Restoration:
    def __init__(self, store: SessionStore, resets: Resets) -> None:
        self._store = store
        self._resets = resets
        self._waiting: deque[Session] = deque()
        """Those that are not written yet."""
        self._writes: set[int] = set()
        """The tokens of what is written and not answered."""
        self.interrupted = False
        """The switch went before all were back: what it does not have is still to be restored."""

    def forget(self) -> None:
        """The switch is gone again."""
        self.interrupted |= self._store.restoring
        self._waiting.clear()
        self._writes.clear()
        self._store.restoring = False

    def lose(self, lost: Iterable[Session]) -> None:
        """The switch has lost these; :meth:`begin` writes them again."""
        self.interrupted = False
        for session in lost:
            self._lose(session)
            self._waiting.append(session)

    def begin(self, now: float, out: list[Effect]) -> None:
        self._go_on(now, out)

    def written(self, event: Written, now: float, out: list[Effect]) -> bool:
        """Whether ``event`` is of a write of this module."""
        if event.token not in self._writes:
            return False
        self._writes.remove(event.token)
        store = self._store
        back: list[Session] = []
        refused: list[Session] = []
        for session, failure in store.answered(event):
            if session.phase is Phase.RESTORING:
                (refused if failure else back).append(session)
        store.stats["sessions_restored"] += len(back)
        store.stats["sessions_lost"] += len(refused)
        self._restored(back, now)
        store.remove(refused, now, out)
        self._resets.end([session for session in back if session.is_unwanted(now)], now, out)
        self._go_on(now, out)
        return True

    def _lose(self, session: Session) -> None:
        """What the switch counted is gone, so that of the end of what the client has sent there is only a bound."""
        session.client_end = self._store.ceiling(session)
        session.counters = session.still = session.baseline = session.twice = session.earlier = None
        self._store.timers.cancel(session)
        session.step(Step.LOST)

    def _restored(self, sessions: Iterable[Session], now: float) -> None:
        """A SYN that came meanwhile is repeated by its client."""
        for session in sessions:
            session.held = None
            # What the switch counts and times begins anew.
            session.created = session.changed = now
            session.not_before = 0.0
            session.step(Step.WRITTEN)
            self._store.arm(session, now)

    def _go_on(self, now: float, out: list[Effect]) -> None:
        while self._waiting and len(self._writes) < AT_ONCE:
            count = min(WRITE_BATCH, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            # Some may have been taken out meanwhile.
            lost = [session for session in batch if session.phase is Phase.RESTORING]
            if lost:
                self._writes.add(self._store.write_all(lost, Op.INSERT, now, out))
        self._store.restoring = bool(self._writes)
