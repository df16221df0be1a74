"""wlc: fewest connections for its weight; LVS's default (ip_vs_wlc.c)."""

from __future__ import annotations

from fullnat.core.schedulers.base import Candidate, register
from fullnat.core.schedulers.least import LeastCost, overhead


class WeightedLeastConnections(LeastCost):
    name = "wlc"

    def cost(self, server: Candidate) -> float:
        return overhead(server) / server.effective_weight


register(WeightedLeastConnections)
