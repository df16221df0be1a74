"""lblc: locality: a destination keeps its server while that is not overloaded (LVS: ip_vs_lblc.c)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, register
from fullnat.core.schedulers.least import LeastCost
from fullnat.net.flow import Address, Flow

ACTIVE_COST = 50
"""What an active connection costs beside an inactive one, here (LVS: __ip_vs_lblc_schedule)."""
DESTINATIONS = 16384
"""Remembered; beyond that those that were asked for the longest ago are forgotten (LVS: max_size, 16 x 1,024)."""


def is_overloaded(server: Candidate, servers: Sequence[Candidate]) -> bool:
    """More active connections than weight, while another server has less than half of its own (LVS:
    is_overloaded)."""
    if server.active <= server.effective_weight:
        return False
    return any(other.is_open and other.active * 2 < other.effective_weight for other in servers)


class ByDestination(LeastCost):
    """What lblc and lblcr share."""

    def cost(self, server: Candidate) -> float:
        return (server.active * ACTIVE_COST + server.inactive) / server.effective_weight

    def is_usable(self, server: Candidate) -> bool:
        return server.effective_weight > 0 and server.is_open


@register
class LocalityBased(ByDestination):
    name = "lblc"

    def __init__(self) -> None:
        super().__init__()
        self._cache: OrderedDict[Address, Candidate] = OrderedDict()

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        present = set(self.servers)
        self._cache = OrderedDict(item for item in self._cache.items() if item[1] in present)

    def pick(self, flow: Flow) -> Candidate | None:
        destination = flow.dst.address
        server = self._cache.get(destination)
        if server is None or not self.is_usable(server) or is_overloaded(server, self.servers):
            server = super().pick(flow)
            if server is None:
                return None
            self._cache[destination] = server
        self._cache.move_to_end(destination)
        if len(self._cache) > DESTINATIONS:
            self._cache.popitem(last=False)
        return server
