"""What waits for the core, in which order, and for how long: SYNs that ask for new sessions wait behind everything
else, and are given up when they have waited for longer than is of use to anybody.

A client repeats a SYN that is not answered, after a second at first (RFC 6298 2.1). One that has waited for longer is
in here twice. So when more SYNs come than sessions can be made, the oldest are given up first. How long they may wait
is decided as by CoDel (RFC 8289), in the form that servers use for their requests (Maurer, Fail at Scale, ACM Queue
13/8): a burst may take until the repetition, but a queue that stands, because it has not been empty for that long, has
nothing to hope for from waiting, and is kept short.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fullnat.core.interface import Event, PacketIn
from fullnat.p4constants import PuntReason

PATIENCE = 0.9
"""Seconds that a SYN may wait in a burst: a little less than a client waits before it repeats it."""
HURRY = 0.05
"""The same, in a queue that stands."""


class Inbox:
    def __init__(self, openings: int) -> None:
        """``openings``: SYNs that may wait at most."""
        self._limit = openings
        self._events: deque[Event] = deque()
        self._openings: deque[tuple[float, PacketIn]] = deque()
        self._empty = float("-inf")
        """When no SYN last waited."""
        self.handled = 0
        """SYNs that were taken."""
        self.shed = 0
        """SYNs that were given up."""

    def __len__(self) -> int:
        return len(self._events) + len(self._openings)

    def post(self, events: Iterable[Event], now: float) -> None:
        for event in events:
            if type(event) is PacketIn and event.reason == PuntReason.SERVICE_SYN:
                if not self._openings:
                    self._empty = now
                self._openings.append((now, event))
            else:
                self._events.append(event)
        while len(self._openings) > self._limit:
            self._openings.popleft()
            self.shed += 1

    def take(self, now: float) -> Event | None:
        """The next one, which is no SYN while there is something else; None: there is nothing that is worth doing."""
        openings = self._openings
        while openings and self._is_late(openings[0][0], now):
            openings.popleft()
            self.shed += 1
        if self._events:
            return self._events.popleft()
        if not openings:
            return None
        self.handled += 1
        return openings.popleft()[1]

    def _is_late(self, came: float, now: float) -> bool:
        """Whether a SYN has waited for too long, whatever it has waited for."""
        waited = now - came
        return waited > HURRY and (waited > PATIENCE or now - self._empty > PATIENCE)

    def clear(self) -> None:
        self._events.clear()
        self._openings.clear()
