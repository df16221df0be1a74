"""lc: fewest connections, whatever the weights (LVS: ip_vs_lc.c)."""

from __future__ import annotations

from fullnat.core.schedulers.base import Candidate, register
from fullnat.core.schedulers.least import LeastCost, overhead


class LeastConnections(LeastCost):
    name = "lc"
    goes_by_weight = False

    def cost(self, server: Candidate) -> float:
        return overhead(server)


register(LeastConnections)
