"""How many SYNs a second a switch may bring, when it brings more than sessions can be made.

A SYN that is dropped after it was brought here has cost the time that another one's session needed. So as long as SYNs
are shed, the switch's meter lets through only a little more than what was handled lately: the little keeps the
controller busy and tells when it gets faster. When nothing is shed any more, the limit rises until it is the configured
one again.
"""

from __future__ import annotations

from math import ceil

INTERVAL = 0.25
"""Seconds between two looks."""
HEADROOM = 1.1
"""What is let through, to what was handled."""
RISE = 1.5
"""The limit to the one before, when nothing was shed."""
MEMORY = 0.9
"""What a rate that was once reached counts for, an interval later: one bad moment is no measure."""
LEAST = 100
"""SYNs a second that are let through however few were handled."""


class Throttle:
    def __init__(self, configured: int) -> None:
        """``configured``: SYNs a second that are never exceeded."""
        self._configured = configured
        self._reached = 0.0
        self.rate = configured
        """SYNs a second that may come."""

    @property
    def active(self) -> bool:
        """Fewer may come than is configured."""
        return self.rate < self._configured

    @property
    def burst(self) -> int:
        """SYNs that may come at once, while it is active: those of a tenth of a second."""
        return max(self.rate // 10, 1)

    def look(self, handled: int, shed: int, seconds: float) -> bool:
        """So many were handled and shed within ``seconds``; whether the rate changes by that."""
        before = self.rate
        self._reached = max(handled / seconds, self._reached * MEMORY)
        wanted = self._reached * HEADROOM if shed else before * RISE
        self.rate = min(max(ceil(wanted), LEAST), self._configured)
        return self.rate != before
