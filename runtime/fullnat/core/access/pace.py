"""How often something may happen: so many per second, after a burst (a virtual-scheduling token bucket)."""

from __future__ import annotations


class Pace:
    def __init__(self, rate: float, burst: float) -> None:
        """``rate`` per second, ``burst`` at once."""
        self._gap = 1.0 / rate
        self._slack = burst / rate
        self._next = 0.0

    def slot(self, now: float) -> float:
        """When the next may happen, which it then does; at or before ``now`` means at once."""
        self._next = max(self._next, now - self._slack) + self._gap
        return self._next

    def allows(self, now: float) -> bool:
        """Whether one more may happen now, which it then does."""
        slot = max(self._next, now - self._slack) + self._gap
        if slot > now:
            return False
        self._next = slot
        return True
