"""What lc, wlc, sed and nq share: the open server whose cost is the least."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from heapq import heapify, heappop, heappush

from fullnat.core.schedulers.base import Candidate, Scheduler
from fullnat.net.flow import Flow

ACTIVE_COST = 256
"""What an active connection costs beside an inactive one (LVS: ip_vs_dest_conn_overhead)."""


def overhead(server: Candidate) -> int:
    return server.active * ACTIVE_COST + server.inactive


class LeastCost(Scheduler):
    """Costs are in a heap, and a server whose load changes is put in anew: what it was before is found stale when it
    comes up. Of equal costs the first in the order of the configuration is taken, as in LVS."""

    wants_loads = True

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, int]] = []
        """Cost, position among the servers, number of the server's last change."""
        self._position: dict[Hashable, int] = {}
        self._changes: list[int] = []

    def cost(self, server: Candidate) -> float:
        """Of giving the next connection to ``server``, which has a weight."""
        raise NotImplementedError

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self._position = {server.endpoint: position for position, server in enumerate(self.servers)}
        self._rebuild()

    def _rebuild(self) -> None:
        self._changes = [0] * len(self.servers)
        self._heap = [(self.cost(server), position, 0) for position, server in enumerate(self.servers)]
        heapify(self._heap)

    def loaded(self, server: Candidate) -> None:
        position = self._position.get(server.endpoint)
        if position is None:
            return
        self._changes[position] += 1
        heappush(self._heap, (self.cost(server), position, self._changes[position]))
        if len(self._heap) > 4 * len(self.servers) + 64:
            self._rebuild()

    def pick(self, flow: Flow) -> Candidate | None:
        heap = self._heap
        while heap:
            _, position, change = heap[0]
            if change == self._changes[position]:
                server = self.servers[position]
                if server.is_open:
                    return server
            # Stale, or full: then it comes back when its load changes.
            heappop(heap)
        return None
