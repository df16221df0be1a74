"""How many SYNs a second a switch may bring, when it brings more than sessions can be made.

A SYN that is dropped after it was brought here has cost the time that another one's session needed. So as long as SYNs
are shed, the switch's meter lets through only a little more than what was handled lately: the little keeps the
controller busy and tells when it gets faster. When nothing is shed any more, and no queue stands that would be shed
later, the limit rises until it is the configured one again.
"""

from __future__ import annotations

from math import ceil

from fullnat.core.inbox import HURRY

INTERVAL = 0.25
"""Seconds between two looks."""
HEADROOM = 1.1
"""What is let through, to what was handled."""
RISE = 1.5
"""The limit to the one before, when nothing was shed."""
MEMORY = 0.9
"""What a rate that was once reached counts for, an interval later: one bad moment is no measure."""
QUEUE = HURRY
"""Seconds that a SYN may wait without the limit being too high."""
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

    def look(self, handled: int, shed: int, seconds: float, waiting: int = 0) -> bool:
        """So many were handled and shed within ``seconds``, and so many wait now; whether the rate changes by that.

        Those of a burst may wait for longer than :data:`QUEUE` before any is shed, so they limit nothing; but a limit
        that rose meanwhile would bring what is only shed."""
        before = self.rate
        self._reached = max(handled / seconds, self._reached * MEMORY)
        wanted = before * RISE
        if shed:
            wanted = self._reached * HEADROOM
        elif self.active and waiting > self._reached * QUEUE:
            wanted = min(before, self._reached * HEADROOM)
        self.rate = min(max(ceil(wanted), LEAST), self._configured)
        return self.rate != before
