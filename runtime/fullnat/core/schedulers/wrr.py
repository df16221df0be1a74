"""wrr: interleaved by weight (LVS: ip_vs_wrr.c)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import gcd

from fullnat.core.schedulers.base import Candidate, Scheduler, lowest, register
from fullnat.core.schedulers.rr import next_of
from fullnat.net.flow import Flow


class WeightedRoundRobin(Scheduler):
    """A round has levels: the current weight starts at the maximum and falls by the greatest common divisor of all
    weights, and on each level every server of at least that weight is picked once, in the order of the configuration.
    Which servers those are is known for every weight, so a pick takes the same time whatever the weights. When the
    servers change, the round goes on where it was.
    """

    name = "wrr"

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._step = 0
        self._weights: list[int] = []
        """All different ones, rising."""
        self._levels: list[int] = []
        """The set of the servers of each of them or more."""
        self._current = 0
        self._next = 0

    def update(self, servers: Sequence[Candidate]) -> None:
        before, at = self.servers, self._next
        super().update(servers)
        self._weights = sorted({server.effective_weight for server in self.servers})
        self._step = gcd(*self._weights)
        self._levels = self._sets()
        if not self._weights:
            return
        if not before:
            self._begin()
        elif self._current > self._weights[-1]:
            self._current, self._next = self._weights[-1], 0
        else:
            following = next_of(before, at, self._position)
            self._next = len(self.servers) if following is None else following

    def _sets(self) -> list[int]:
        of = dict.fromkeys(self._weights, 0)
        for position, server in enumerate(self.servers):
            of[server.effective_weight] |= 1 << position
        sets: list[int] = []
        heavier = 0
        for weight in reversed(self._weights):
            heavier |= of[weight]
            sets.append(heavier)
        return sets[::-1]

    def _begin(self) -> None:
        """At a turn of the round by ``start``."""
        turn = int(self._start * sum(server.effective_weight for server in self.servers) // self._step)
        for number in range(len(self._weights) - 1, -1, -1):
            weight, below = self._weights[number], self._weights[number - 1] if number else 0
            each = self._levels[number].bit_count()
            turns = (weight - below) // self._step * each
            if turn < turns:
                self._current = weight - turn // each * self._step
                level = self._levels[number]
                for _ in range(turn % each):
                    level &= level - 1
                self._next = lowest(level)
                return
            turn -= turns

    def pick(self, flow: Flow) -> Candidate | None:
        if not self._open:
            return None
        while True:
            ahead = (self._open & self._levels[bisect_left(self._weights, self._current)]) >> self._next
            if ahead:
                position = self._next + lowest(ahead)
                self._next = position + 1
                return self.servers[position]
            self._next_level()

    def _next_level(self) -> None:
        self._next = 0
        self._current -= self._step
        if self._current <= 0:
            self._current = self._weights[-1]
        number = bisect_left(self._weights, self._current)
        if not self._open & self._levels[number]:
            # Down to where there is one, as all levels in between would be passed over.
            lightest, heaviest = 0, number
            while heaviest - lightest > 1:
                middle = (lightest + heaviest) // 2
                if self._open & self._levels[middle]:
                    lightest = middle
                else:
                    heaviest = middle
            self._current = self._weights[lightest]


register(WeightedRoundRobin)
