"""How many sessions a service may have, and begin in a second: what is too much for one is not to harm the others."""

from __future__ import annotations

from fullnat.core.pace import Pace


class Limits:
    __slots__ = ("_most", "_pace", "_rate", "sessions")

    def __init__(self) -> None:
        self.sessions = 0
        """Those that there are."""
        self._most = 0
        self._rate = 0
        self._pace: Pace | None = None

    def configure(self, most: int, rate: int) -> None:
        """``most`` sessions, ``rate`` new ones per second and at once; 0 is no limit."""
        self._most = most
        if rate != self._rate:
            self._rate = rate
            self._pace = Pace(rate, rate) if rate else None

    @property
    def is_full(self) -> bool:
        return 0 < self._most <= self.sessions

    def allows(self, now: float) -> bool:
        """Whether one more may begin now, which it then does."""
        return self._pace is None or self._pace.allows(now)
