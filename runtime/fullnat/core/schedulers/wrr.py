"""wrr: interleaved by weight (LVS: ip_vs_wrr.c)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import gcd

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.net.flow import Flow


@register
class WeightedRoundRobin(Scheduler):
    """A round has levels: the current weight starts at the maximum and falls by the greatest common divisor of all
    weights, and on each level every server of at least that weight is picked once, in the order of the configuration.

    The servers of a level are found when it is entered, so a pick takes the same time whatever the weights.
    """

    name = "wrr"

    def __init__(self) -> None:
        super().__init__()
        self._step = 0
        self._weights: list[int] = []
        """All different ones, rising."""
        self._current = 0
        self._level: tuple[Candidate, ...] = ()
        self._position = 0

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self._weights = sorted({server.effective_weight for server in self.servers})
        self._step = gcd(*self._weights)
        if self._weights and self._current > self._weights[-1]:
            self._current = 0
        # LVS begins at the head of the list again, and there it goes down a level first.
        self._level = ()
        self._position = 0

    def pick(self, flow: Flow) -> Candidate | None:
        if not any(server.is_open for server in self.servers):
            return None
        while True:
            while self._position < len(self._level):
                server = self._level[self._position]
                self._position += 1
                if server.is_open:
                    return server
            self._next_level()

    def _next_level(self) -> None:
        before = self._current
        self._current -= self._step
        if self._current <= 0:
            self._current = self._weights[-1]
        self._position = 0
        if self._level and self._current < before and self._same_level(before):
            return
        self._level = self._of(self._current)
        if not any(server.is_open for server in self._level):
            # Down to where there is one, as all levels in between would be passed over.
            self._current = max(
                server.effective_weight
                for server in self.servers
                if server.is_open and server.effective_weight < self._current
            )
            self._level = self._of(self._current)

    def _same_level(self, before: int) -> bool:
        """Whether no server has a weight from the current one up to, but without, ``before``."""
        return bisect_left(self._weights, self._current) == bisect_left(self._weights, before)

    def _of(self, level: int) -> tuple[Candidate, ...]:
        return tuple(server for server in self.servers if server.effective_weight >= level)
