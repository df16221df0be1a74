"""Farewells: a session that ends while an endpoint may hold its connection for open is reset on both sides first.

The entries stay a moment longer, because the resets are rewritten by them and numbered by the switch's registers.
Without a SYN-ACK of the server there are no numbers, and nobody to tell: the server knows of no connection, and the
client's kernel repeats its SYN, which then finds another real server.
"""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.access.pace import Pace
from fullnat.core.interface import Effect, Reset
from fullnat.core.journal import TAKEN_OUT, ends
from fullnat.core.network.frames import bare_reset
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import SessionStore
from fullnat.core.stats import RESETS

CLOSING_TIME = 1.0
"""Seconds between the resets of a session and its removal."""
RESET_RATE = 5000.0
"""Sessions reset per second, so that a mass expiry is no storm."""
RESET_BURST = 512.0

_NOT_NOW = (Phase.EXPIRING, Phase.CLOSING, Phase.REMOVING, Phase.RESTORING)


class Resets:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._stats = store.stats
        self._pace = Pace(RESET_RATE, RESET_BURST)

    def begin(self, session: Session, now: float, out: list[Effect]) -> bool:
        """Reset both sides as soon as the rate allows. False when there is nobody to tell: the session may go."""
        if session.phase is Phase.INSTALLING or not self._store.is_open(session):
            return False
        slot = self._pace.slot(now)
        if slot <= now:
            self.send(session, now, out)
        else:
            session.step(Step.EXPIRE)
            self._store.timers.arm(session, slot)
        return True

    def send(self, session: Session, now: float, out: list[Effect]) -> None:
        entry = session.entry
        number = entry.session_id
        for counter in RESETS[session.state.name]:
            self._stats[counter] += 1
        self._stats["sessions_reset"] += 1
        out.append(Reset(bare_reset(entry.flow_in), number))
        out.append(Reset(bare_reset(entry.flow_out), number))
        session.step(Step.RESET)
        session.probing = False  # an answer that is under way is not one about its end
        self._store.mark_reset(session, now)
        self._store.timers.arm(session, now + CLOSING_TIME)

    def end(self, sessions: Iterable[Session], now: float, out: list[Effect]) -> None:
        """Remove ``sessions``, after their farewells. Those that are being restored end when they are back: without
        entries nothing rewrites a reset."""
        ending = [session for session in sessions if session.phase not in _NOT_NOW]
        for session in ending:
            ends(self._store.journal, session, TAKEN_OUT)
        remove = [session for session in ending if not self.begin(session, now, out)]
        self._store.remove(remove, now, out)
