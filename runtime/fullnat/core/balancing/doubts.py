"""Whether servers take new sessions, as the sessions show it, for services that ask for it (:mod:`.passive`)."""

from __future__ import annotations

from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.session.sessions import Session

REPEATS = 2
"""Of its SYN a client sends them 1 and 3 s after it; a server that lives has answered one of the first two."""


class Doubts:
    def __init__(self) -> None:
        self.doubted: dict[Server, Service] = {}
        """Those that have failed as often as their services bear; taken by the reader."""

    def unanswered(self, session: Session) -> None:
        """It is over, and its server has said nothing."""
        if session.repeats < REPEATS:
            self.not_taken(session)

    def repeated(self, session: Session) -> None:
        """Its client has sent its SYN again."""
        if not session.events and session.repeats == REPEATS:
            self.not_taken(session)

    def not_taken(self, session: Session) -> None:
        """Its server did not take it."""
        server, service = session.server, session.service
        if service.passive_failures:
            server.failures += 1
            if server.failures >= service.passive_failures:
                self.doubted[server] = service
