"""How many sessions a service may have, and begin in a second, and how many of them one source: what is too much for
one is not to harm the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fullnat.core.access.pace import Pace
from fullnat.net.flow import Address, prefix_of

if TYPE_CHECKING:
    from fullnat.config.model import ServiceSettings
    from fullnat.core.session.sessions import Session


HALF_OPEN = 32_768
"""Half-open sessions that a service of TCP may have where it does not say how many: a flood without cookies gets no
further, and who answers within a second and a half has its connection at the highest rate of SYNs (``punt_rate``)."""


class Source:
    """What one source has of a service."""

    __slots__ = ("half_open", "sessions")

    def __init__(self) -> None:
        self.sessions = 0
        self.half_open: dict[Session, None] = {}


class Limits:
    __slots__ = (
        "_bits",
        "_most",
        "_most_half_open",
        "_of_source",
        "_pace",
        "answers",
        "half_open",
        "is_unlimited",
        "rate",
        "sessions",
        "sources",
    )

    def __init__(self) -> None:
        self.sessions = 0
        """Those that there are."""
        self.half_open: dict[Session, None] = {}
        """Those of them that nobody has answered yet, the oldest first."""
        self.sources: dict[Address, Source] = {}
        """By prefix: those that have sessions, while they are counted."""
        self.is_unlimited = True
        """Anybody may begin any number of sessions at any time."""
        self._most = 0
        self._most_half_open = 0
        self._of_source = (0, 0)
        """Sessions of one, and half-open ones."""
        self._bits = (32, 64)
        self.rate = 0
        """Sessions that may begin in a second; 0 is any number."""
        self.answers = 0
        """PolicyFlags: what those get of whom it takes no more."""
        self._pace: Pace | None = None

    def configure(self, settings: ServiceSettings, *, is_bounded: bool) -> None:
        """0 is no limit, but of half-open sessions where those ``is_bounded``. Of sources what begins from now on is
        counted."""
        self._most = settings.max_sessions
        self._most_half_open = settings.half_open or (HALF_OPEN if is_bounded else 0)
        self._of_source = settings.source_sessions, settings.source_half_open
        self._bits = settings.source_prefix, settings.source_prefix6
        if settings.new_rate != self.rate:
            self.rate = settings.new_rate
            self._pace = Pace(self.rate, self.rate) if self.rate else None
        self.is_unlimited = not (self._most or self._most_half_open or any(self._of_source) or self.rate)

    @property
    def is_full(self) -> bool:
        return 0 < self._most <= self.sessions

    def allows(self, now: float) -> bool:
        """Whether one more may begin now, which it then does."""
        return self._pace is None or self._pace.allows(now)

    def source(self, client: Address) -> Address | None:
        """The prefix that counts the sessions of ``client``; None: nobody does."""
        return None if self._of_source == (0, 0) else self._prefix(client)

    def _prefix(self, client: Address) -> Address:
        return prefix_of(client, self._bits[len(client) > 4])

    def is_source_full(self, client: Address) -> bool:
        most = self._of_source[0]
        if not most:
            return False
        found = self.sources.get(self._prefix(client))
        return found is not None and found.sessions >= most

    def crowds(self, client: Address) -> dict[Session, None] | None:
        """The half-open sessions of which one has to go before ``client`` begins another one: those of its source, or
        all; None: there is room."""
        most = self._of_source[1]
        if most:
            found = self.sources.get(self._prefix(client))
            if found is not None and len(found.half_open) >= most:
                return found.half_open
        return self.half_open if 0 < self._most_half_open <= len(self.half_open) else None

    def begun(self, session: Session) -> None:
        self.sessions += 1
        if session.source is not None:
            self.sources.setdefault(session.source, Source()).sessions += 1

    def ended(self, session: Session) -> None:
        self.sessions -= 1
        if session.source is not None:
            found = self.sources[session.source]
            found.sessions -= 1
            if not found.sessions:
                del self.sources[session.source]

    def opened(self, session: Session) -> None:
        """It is half-open."""
        self.half_open[session] = None
        if session.source is not None and (found := self.sources.get(session.source)) is not None:
            found.half_open[session] = None

    def settled(self, session: Session) -> None:
        """It is no more, or goes."""
        self.half_open.pop(session, None)
        if session.source is not None and (found := self.sources.get(session.source)) is not None:
            found.half_open.pop(session, None)
