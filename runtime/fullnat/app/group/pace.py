"""Packets of services that a switch passes on, as its counters of real servers tell whenever they are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from fullnat.core.balancing.estimator import INTERVAL

LOOKS = 3
"""Rounds of reading that the rate is of."""
_APART = INTERVAL / 2
"""Seconds between two rounds, at least: all that is read within fewer is one."""


class Pace:
    def __init__(self) -> None:
        self.packets = 0
        """Since they were read first."""
        self._last: dict[tuple[str, int], int] = {}
        """By array and index."""
        self._rounds: deque[tuple[float, int]] = deque(maxlen=LOOKS)
        """When each has begun, and the packets until then."""

    def read(self, array: str, cells: Mapping[int, tuple[int, int]], now: float) -> None:
        """Packets and bytes by server id. A counter that is below what it was has begun anew."""
        if not self._rounds or now - self._rounds[-1][0] >= _APART:
            self._rounds.append((now, self.packets))
        for index, (packets, _) in cells.items():
            last = self._last.get((array, index), packets)
            self.packets += packets - last if packets >= last else packets
            self._last[array, index] = packets

    def rate(self, now: float) -> float:
        """Packets a second, of late; 0 where nothing is read any more."""
        if len(self._rounds) < 2 or now - self._rounds[-1][0] > LOOKS * INTERVAL:
            return 0.0
        (began, before), (ended, after) = self._rounds[0], self._rounds[-1]
        return (after - before) / (ended - began)
