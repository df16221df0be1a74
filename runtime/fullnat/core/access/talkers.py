"""Which sources ask for the most new sessions: of what the switch brings one packet in so many is looked at, and of the
sources that are found so those are kept that come often (Misra and Gries), so that a flood from random ones fills
nothing."""

from __future__ import annotations

from heapq import nlargest
from typing import NamedTuple

from fullnat.net.flow import Address, prefix_of
from fullnat.net.prefixes import Prefix
from fullnat.p4constants import PuntReason

ASKING = frozenset({int(PuntReason.SERVICE_SYN), int(PuntReason.SERVICE_DATAGRAM), int(PuntReason.REFUSED)})
"""Why packets come that ask for new sessions."""
SAMPLE = 4
"""One packet in so many, by chance. SYNs that get a cookie are not brought; of those the switch tells some."""
KEPT = 512
"""Sources; while they are counted twice as many."""
SHARE = 0.001
"""Of all, that a source has to be told of: of a flood from random ones each has been seen by chance."""
WINDOW = 10.0
"""Seconds that are counted together; what is told is of the last one and of what has followed it."""


class Talker(NamedTuple):
    source: Prefix
    rate: float
    """Packets a second, at least."""
    share: float
    """Of all that asked for new sessions."""


class Talkers:
    def __init__(self) -> None:
        self.bits = (32, 64)
        """Of addresses of IPv4 and IPv6 that are one source."""
        self._chance = 1
        self._began = 0.0
        self._counts: dict[Address, int] = {}
        self._total = 0
        self._last: tuple[float, int, dict[Address, int]] = (0.0, 0, {})
        """Seconds, packets and counts of the window before."""

    def brought(self, source: Address, now: float) -> None:
        """A packet that asks for a new session."""
        # By chance, or who comes in step would be seen always, or never (a generator of Lehmer's).
        self._chance = self._chance * 48271 % 0x7FFFFFFF
        if self._chance % SAMPLE == 0:
            self.seen(source, now, SAMPLE)

    def seen(self, source: Address, now: float, packets: int) -> None:
        """One that stands for so many."""
        self._roll(now)
        self._total += packets
        counts, source = self._counts, prefix_of(source, self.bits[len(source) > 4])
        counts[source] = counts.get(source, 0) + packets
        if len(counts) > 2 * KEPT:
            least = nlargest(KEPT, counts.values())[-1]
            self._counts = {each: count - least for each, count in counts.items() if count > least}

    def _roll(self, now: float) -> None:
        seconds = now - self._began
        if seconds >= WINDOW:
            self._last = (seconds, self._total, self._counts) if seconds < 2 * WINDOW else (0.0, 0, {})
            self._began, self._total, self._counts = now, 0, {}

    def top(self, most: int, now: float) -> list[Talker]:
        """The ``most`` that come most often, the first one first."""
        self._roll(now)
        seconds, total, counts = self._last
        seconds, total = seconds + now - self._began, total + self._total
        both = {each: counts.get(each, 0) + self._counts.get(each, 0) for each in {**counts, **self._counts}}
        if not total or seconds <= 0:
            return []
        return [
            Talker(self._prefix(source), count / max(seconds, 1.0), count / total)
            for count, source in nlargest(most, ((count, source) for source, count in both.items()))
            if count >= total * SHARE
        ]

    def _prefix(self, source: Address) -> Prefix:
        return Prefix(source, min(self.bits[len(source) > 4], len(source) * 8))
