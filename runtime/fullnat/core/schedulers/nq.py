"""nq: never queue: a server without active connection if there is one, else the shortest expected delay (LVS:
ip_vs_nq.c)."""

from __future__ import annotations

from fullnat.core.schedulers.base import Candidate, register
from fullnat.core.schedulers.least import LeastCost


class NeverQueue(LeastCost):
    name = "nq"

    def cost(self, server: Candidate) -> float:
        return (server.busy + 1) / server.effective_weight if server.busy else 0.0


register(NeverQueue)
