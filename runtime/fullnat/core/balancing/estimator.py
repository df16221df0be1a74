"""Rates of what is counted, smoothed as LVS does it (ip_vs_est.c).

Every two seconds a rate goes a quarter of the way to that of these two seconds: after a change it has 90 % of it in
16 s.
"""

from __future__ import annotations

from collections.abc import Sequence

INTERVAL = 2.0
"""Seconds between two samples, if there is time."""
KEPT = 0.75
"""Of the old rate, after an interval."""


class Estimator:
    """Of several counters of one thing."""

    __slots__ = ("_at", "_totals", "rates")

    def __init__(self, totals: Sequence[int], now: float) -> None:
        self._totals = tuple(totals)
        self._at = now
        self.rates: tuple[float, ...] = (0.0,) * len(self._totals)
        """Per second."""

    def sample(self, totals: Sequence[int], now: float) -> None:
        """The counters are at ``totals``. One that is lower than before has begun anew."""
        seconds = now - self._at
        if seconds <= 0:
            return
        share = 1 - KEPT ** (seconds / INTERVAL)
        self.rates = tuple(
            rate + (max(0, total - before) / seconds - rate) * share
            for rate, before, total in zip(self.rates, self._totals, totals, strict=True)
        )
        self._totals, self._at = tuple(totals), now
