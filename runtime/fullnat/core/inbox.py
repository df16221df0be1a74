"""What waits for the core, in which order, and for how long: SYNs that ask for new sessions wait behind everything
else, and are given up when they have waited for longer than is of use to anybody. So do datagrams that ask for some, in
a queue of their own: neither has the other's turns, however much comes of it.

A client repeats a SYN that is not answered, after a second at first (RFC 6298 2.1). One that has waited for longer is
in here twice. So when more SYNs come than sessions can be made, the oldest are given up first. How long they may wait
is decided as by CoDel (RFC 8289), in the form that servers use for their requests (Maurer, Fail at Scale, ACM Queue
13/8): a burst may take until the repetition, but a queue that stands, because it has not been empty for that long, has
nothing to hope for from waiting, and is kept short.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fullnat.core.histogram import SETUP_BOUNDS, Histogram
from fullnat.core.interface import Event, PacketIn
from fullnat.p4constants import PuntReason

OPENINGS = (int(PuntReason.SERVICE_SYN), int(PuntReason.SERVICE_DATAGRAM))
"""Why packets come that ask for new sessions."""
PATIENCE = 0.9
"""Seconds that a SYN may wait in a burst: a little less than a client waits before it repeats it."""
HURRY = 0.05
"""The same, in a queue that stands."""


class _Openings:
    """Packets that ask for new sessions, for one reason."""

    __slots__ = ("_empty", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[float, PacketIn]] = deque()
        self._empty = float("-inf")
        """When none last waited."""

    def add(self, event: PacketIn, now: float) -> None:
        if not self.waiting:
            self._empty = now
        self.waiting.append((now, event))

    def give_up(self, now: float) -> int:
        """Drop those that have waited for too long, whatever they have waited for; how many they were."""
        given_up = 0
        while self.waiting and self._is_late(self.waiting[0][0], now):
            self.waiting.popleft()
            given_up += 1
        return given_up

    def _is_late(self, came: float, now: float) -> bool:
        """Whether nobody waits any more for what came then."""
        waited = now - came
        return waited > HURRY and (waited > PATIENCE or now - self._empty > PATIENCE)


class Inbox:
    def __init__(self, openings: int) -> None:
        """``openings``: SYNs that may wait at most, and datagrams."""
        self._limit = openings
        self._events: deque[Event] = deque()
        self._openings = {reason: _Openings() for reason in OPENINGS}
        self._turns = deque(self._openings.values())
        """Whose turn it is comes first."""
        self.handled = 0
        """SYNs and datagrams that were taken."""
        self.shed = 0
        """SYNs and datagrams that were given up."""
        self.waited = Histogram(SETUP_BOUNDS)
        """Seconds, of those that were taken."""

    @property
    def openings(self) -> int:
        """SYNs and datagrams that wait."""
        return sum(len(each.waiting) for each in self._turns)

    def __len__(self) -> int:
        return len(self._events) + self.openings

    def post(self, events: Iterable[Event], now: float) -> None:
        for event in events:
            openings = self._openings.get(event.reason) if type(event) is PacketIn else None
            if openings is None or type(event) is not PacketIn:
                self._events.append(event)
            else:
                openings.add(event, now)
        for openings in self._turns:
            while len(openings.waiting) > self._limit:
                openings.waiting.popleft()
                self.shed += 1

    def take(self, now: float) -> Event | None:
        """The next one, which is no SYN while there is something else; None: there is nothing that is worth doing."""
        for openings in self._turns:
            if openings.waiting:
                self.shed += openings.give_up(now)
        if self._events:
            return self._events.popleft()
        for _ in range(len(self._turns)):
            waiting = self._turns[0].waiting
            self._turns.rotate(-1)
            if waiting:
                self.handled += 1
                came, event = waiting.popleft()
                self.waited.observe(now - came)
                return event
        return None

    def clear(self) -> None:
        self._events.clear()
        for openings in self._turns:
            openings.waiting.clear()
