"""rr: one after the other (LVS: ip_vs_rr.c)."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.net.flow import Flow


def next_of(order: Sequence[Candidate], position: int, among: dict[Candidate, int]) -> int | None:
    """Where the first from ``position`` of ``order`` on that is still ``among`` the candidates is now."""
    return next((among[server] for server in order[position:] if server in among), None)


class RoundRobin(Scheduler):
    """The next open server after the last one used. LVS goes back to the head when the servers change, and the first
    ones get all of a burst of changes; here the turn goes on."""

    name = "rr"
    goes_by_weight = False

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._next = 0

    def update(self, servers: Sequence[Candidate]) -> None:
        before, at = self.servers, self._next
        super().update(servers)
        if before:
            self._next = next_of(before, at, self._position) or 0
        else:
            self._next = int(self._start * len(self.servers))

    def pick(self, flow: Flow) -> Candidate | None:
        position = self.next_open(self._next)
        if position is None:
            return None
        self._next = position + 1
        return self.servers[position]


register(RoundRobin)
