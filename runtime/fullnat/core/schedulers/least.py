"""What lc, wlc, sed and nq share: the open server whose cost is the least."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from fullnat.core.schedulers.base import Candidate, Scheduler
from fullnat.net.flow import Flow

ACTIVE_COST = 256
"""What a busy connection costs beside an inactive one (LVS: ip_vs_dest_conn_overhead)."""


def overhead(server: Candidate) -> int:
    return server.busy * ACTIVE_COST + server.inactive


class LeastCost(Scheduler):
    """Costs are in a heap, and a server whose load changes is put in anew: what it was before is found stale when it
    comes up. Of equal costs the one that has had it the longest is taken, so that servers without connections take
    turns; LVS takes the first in its list."""

    wants_loads = True

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._heap: list[tuple[float, int, int]] = []
        """Cost, number of the change, position among the servers."""
        self._changed: list[int] = []
        """The number of each server's last change."""
        self._changes = 0

    def cost(self, server: Candidate) -> float:
        """Of giving the next connection to ``server``, which has a weight."""
        raise NotImplementedError

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        count = len(self.servers)
        first = int(self._start * count)
        self._changes = count
        self._changed = [(position - first) % count for position in range(count)]
        self._heap = [
            (self.cost(server), change, position)
            for position, (server, change) in enumerate(zip(self.servers, self._changed, strict=True))
        ]
        heapify(self._heap)

    def opened(self, server: Candidate) -> None:
        super().opened(server)
        self._put(server)

    def loaded(self, server: Candidate) -> None:
        self._put(server)

    def _put(self, server: Candidate) -> None:
        position = self._position.get(server)
        if position is None or not server.effective_weight:
            # One that has left since the last update is no candidate, and has no cost.
            return
        self._changes += 1
        self._changed[position] = self._changes
        heappush(self._heap, (self.cost(server), self._changes, position))
        if len(self._heap) > 4 * len(self.servers) + 64:
            self._heap = [item for item in self._heap if item[1] == self._changed[item[2]]]
            heapify(self._heap)

    def pick(self, flow: Flow) -> Candidate | None:
        heap = self._heap
        while heap:
            _, change, position = heap[0]
            if change == self._changed[position]:
                server = self.servers[position]
                if server.is_open:
                    return server
            # Stale, or full: then it comes back when it opens.
            heappop(heap)
        return None
