"""sed: the shortest expected delay (LVS: ip_vs_sed.c)."""

from __future__ import annotations

from fullnat.core.schedulers.base import Candidate, register
from fullnat.core.schedulers.least import LeastCost


class ShortestExpectedDelay(LeastCost):
    name = "sed"

    def cost(self, server: Candidate) -> float:
        return (server.busy + 1) / server.effective_weight


register(ShortestExpectedDelay)
