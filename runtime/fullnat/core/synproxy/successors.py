"""Connections that a cookie begins in the place of a session that has not left yet.

A client's SYN that waits here for long, or on its way here, is repeated; the repetition may be too many for the
controller, and gets a cookie. What acknowledges that finds a session of the first SYN, whose real server has numbers of
its own: it would reset the client, which goes by the cookie. So the session goes, and what the client sends waits until
it is gone. Likewise with an older session of the flow, which is being removed.
"""

from __future__ import annotations

from fullnat.core.interface import Effect
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.sessions import Held, Session
from fullnat.core.session.store import SessionStore
from fullnat.net.flow import Flow

FLOWS, SEGMENTS = 1024, 16
"""That wait at most, and segments of each."""
_MASK = 0xFFFFFFFF


class Successors:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._waiting: dict[Flow, list[Held]] = {}
        """What clients have sent, in the order in which it came: first what acknowledges the cookie."""

    def begins(self, session: Session, first: Held, now: float, out: list[Effect]) -> bool:
        """Whether ``first``, which acknowledges a cookie, begins a connection in the place of ``session``."""
        if len(self._waiting) >= FLOWS and session.key not in self._waiting:
            return False
        if session.phase is not Phase.REMOVING:
            if not self._is_of_same_attempt(session, first):
                return False
            session.held = None
            self._store.remove((session,), now, out)
        if not self.follows(session.key, first):
            self._waiting[session.key] = [first]
        return True

    def _is_of_same_attempt(self, session: Session, first: Held) -> bool:
        """Of which the client goes by the cookie."""
        if session.phase not in (Phase.INSTALLING, Phase.INSTALLED) or session.entry.splice is not None:
            return False
        numbers = {session.entry.client_isn, *((session.held.seq,) if session.held is not None else ())}
        return session.state is session.protocol.initial and first.seq - 1 & _MASK in numbers

    def follows(self, flow: Flow, held: Held) -> bool:
        """Whether a segment is of a connection that is to begin; it waits then, once."""
        waiting = self._waiting.get(flow)
        if waiting is None:
            return False
        if len(waiting) < SEGMENTS and all(each.packet.frame != held.packet.frame for each in waiting):
            waiting.append(held)
        return True

    def gone(self, session: Session) -> list[Held]:
        """What waits for ``session`` to be gone, if it is."""
        return self._waiting.pop(session.key, []) if session.phase is Phase.GONE else []

    def clear(self) -> None:
        self._waiting.clear()
