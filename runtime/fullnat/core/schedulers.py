"""Schedulers: which real server takes a new session (LVS: ip_vs_rr.c, ip_vs_wrr.c).

A scheduler sees only weights, in the order of the configuration; weight 0 is never picked. ``pick`` returns an index
or None when every weight is 0. On a change of the servers the pointer goes back to the head, as in LVS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd
from typing import Protocol


class Scheduler(Protocol):
    def update(self, weights: Sequence[int]) -> None: ...

    def pick(self) -> int | None: ...


class RoundRobin:
    """The next eligible server after the last one used."""

    def __init__(self) -> None:
        self._eligible: tuple[int, ...] = ()
        self._next = 0

    def update(self, weights: Sequence[int]) -> None:
        self._eligible = tuple(index for index, weight in enumerate(weights) if weight > 0)
        self._next = 0

    def pick(self) -> int | None:
        eligible = self._eligible
        if not eligible:
            return None
        position = self._next
        self._next = position + 1 if position + 1 < len(eligible) else 0
        return eligible[position]


class WeightedRoundRobin:
    """Interleaved: in a round every server of at least the current weight is picked once; the current weight starts
    at the maximum and falls by the greatest common divisor of all weights."""

    def __init__(self) -> None:
        self._weights: tuple[int, ...] = ()
        self._step = 0
        self._maximum = 0
        self._current = 0
        self._index = -1

    def update(self, weights: Sequence[int]) -> None:
        self._weights = tuple(weights)
        self._step = gcd(*weights)
        self._maximum = max(weights, default=0)
        self._index = -1
        if self._current > self._maximum:
            self._current = 0

    def pick(self) -> int | None:
        if self._maximum == 0:
            return None
        weights = self._weights
        index, current = self._index, self._current
        while True:
            index += 1
            if index == len(weights):
                index = 0
            if index == 0:
                current -= self._step
                if current <= 0:
                    current = self._maximum
            if weights[index] >= current:
                self._index, self._current = index, current
                return index


SCHEDULERS: dict[str, Callable[[], Scheduler]] = {"rr": RoundRobin, "wrr": WeightedRoundRobin}
