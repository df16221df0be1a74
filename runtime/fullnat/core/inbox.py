"""What waits for the core, in which order, and for how long.

Answers and reports of the switch come first. Of packets those of each reason have a queue of their own, of which each
has its turn, and each has its room: a flood of the one kind takes neither the time nor the memory of another. Packets
that ask for new sessions, SYNs and datagrams, are given up when they have waited for longer than is of use to anybody.

A client repeats a SYN that is not answered, after a second at first (RFC 6298 2.1). One that has waited for longer is
in here twice. So when more SYNs come than sessions can be made, the oldest are given up first. How long they may wait
is decided as by CoDel (RFC 8289), in the form that servers use for their requests (Maurer, Fail at Scale, ACM Queue
13/8): a burst may take until the repetition, but a queue that stands, because it has not been empty for that long, has
nothing to hope for from waiting, and is kept short. A few are always kept, as CoDel keeps the last packet: who gets no
processor for a second is not asked for too much, and clients that began together repeat their SYNs together, so that
all would be late again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fullnat.core.histogram import SETUP_BOUNDS, Histogram
from fullnat.core.interface import Asked, Event, NeighborHeard, PacketIn
from fullnat.p4constants import PuntReason

OPENINGS = (int(PuntReason.SERVICE_SYN), int(PuntReason.SERVICE_DATAGRAM), int(PuntReason.SNAT))
"""Why packets come that ask for new sessions."""
LATE = (int(PuntReason.COOKIE_ACK), int(PuntReason.SPLICE))
"""Why others come that are given up in the same way, as they are repeated likewise: by clients that acknowledge a
cookie, and by their servers."""
SHARE = {int(PuntReason.SPLICE): 4}
"""Packets of a turn, of reasons that have more than one: connections that cookies have begun are finished before others
begin. One packet begins one; its server's answer, and what its client sends until then, are several."""
ROOM = 1024
"""Packets of any other reason that may wait; the oldest makes room for the next."""
PATIENCE = 0.9
"""Seconds that a SYN may wait in a burst: a little less than a client waits before it repeats it."""
HURRY = 0.05
"""The same, in a queue that stands."""
KEPT = 64
"""Openings that may wait however long, the newest: sessions are made of so many sooner than HURRY."""


class _Queue:
    """Packets of one reason."""

    __slots__ = ("_empty", "limit", "waiting")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.waiting: deque[tuple[float, Event]] = deque()
        self._empty = float("-inf")
        """When none last waited."""

    def add(self, event: Event, now: float) -> bool:
        """Whether another one had to make room."""
        if not self.waiting:
            self._empty = now
        self.waiting.append((now, event))
        if len(self.waiting) <= self.limit:
            return False
        self.waiting.popleft()
        return True

    def give_up(self, now: float) -> int:
        """Drop those that have waited for too long, whatever they have waited for, but a few; how many they were."""
        given_up = 0
        while len(self.waiting) > KEPT and self._is_late(self.waiting[0][0], now):
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
        self._events: deque[Event] = deque()
        self._openings = {reason: _Queue(openings) for reason in OPENINGS}
        self._queues: dict[int, _Queue] = {**self._openings}
        """By reason; -1 are neighbors that were heard, -2 who gets cookies."""
        self._turns: deque[int] = deque()
        """Reasons of which something waits, the next one first."""
        self.handled = 0
        """SYNs and datagrams that were taken."""
        self.shed = 0
        """SYNs and datagrams that were given up."""
        self.overflown = 0
        """Other packets that had to make room."""
        self.waited = Histogram(SETUP_BOUNDS)
        """Seconds, of those that were taken."""

    @property
    def openings(self) -> int:
        """SYNs and datagrams that wait."""
        return sum(len(each.waiting) for each in self._openings.values())

    def __len__(self) -> int:
        return len(self._events) + sum(len(each.waiting) for each in self._queues.values())

    def post(self, events: Iterable[Event], now: float) -> None:
        for event in events:
            if type(event) is PacketIn:
                self._packet(event.reason, event, now)
            elif type(event) is NeighborHeard:
                self._packet(-1, event, now)
            elif type(event) is Asked:
                self._packet(-2, event, now)
            else:
                self._events.append(event)

    def _packet(self, reason: int, event: Event, now: float) -> None:
        queue = self._queues.get(reason)
        if queue is None:
            queue = self._queues[reason] = _Queue(ROOM)
        if not queue.waiting and reason not in self._turns:
            self._turns.append(reason)
        if queue.add(event, now):
            if reason in self._openings:
                self.shed += 1
            else:
                self.overflown += 1

    def take(self, most: int, now: float) -> list[Event]:
        """The next ones, so many at most; none when there is nothing that is worth doing."""
        for openings in self._openings.values():
            if openings.waiting:
                self.shed += openings.give_up(now)
        for reason in LATE:
            if (late := self._queues.get(reason)) is not None and late.waiting:
                self.overflown += late.give_up(now)
        events, turns = self._events, self._turns
        taken = [events.popleft() for _ in range(min(most, len(events)))]
        while turns and len(taken) < most:
            reason = turns.popleft()
            waiting = self._queues[reason].waiting
            for _ in range(min(SHARE.get(reason, 1), len(waiting), most - len(taken))):
                came, event = waiting.popleft()
                if reason in self._openings:
                    self.handled += 1
                    self.waited.observe(now - came)
                taken.append(event)
            if waiting:
                turns.append(reason)
        return taken

    def clear(self) -> None:
        self._events.clear()
        self._turns.clear()
        for queue in self._queues.values():
            queue.waiting.clear()
