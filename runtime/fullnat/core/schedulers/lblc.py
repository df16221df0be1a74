"""lblc: locality: a destination keeps its server while that is not overloaded (LVS: ip_vs_lblc.c)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, bits, register, with_bit
from fullnat.core.schedulers.least import LeastCost
from fullnat.net.flow import Address, Flow

ACTIVE_COST = 50
"""What a busy connection costs beside an inactive one, here (LVS: __ip_vs_lblc_schedule)."""
DESTINATIONS = 16384
"""Remembered; beyond that those that were asked for the longest ago are forgotten (LVS: max_size, 16 x 1,024)."""


class ByDestination(LeastCost):
    """What lblc and lblcr share."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._idle = 0
        """The set of those that have less than half of the active connections that they are to have."""

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self._idle = bits(is_idle(server) for server in self.servers)

    def loaded(self, server: Candidate) -> None:
        super().loaded(server)
        position = self._position.get(server)
        if position is not None:
            self._idle = with_bit(self._idle, position, is_idle(server))

    def cost(self, server: Candidate) -> float:
        return (server.busy * ACTIVE_COST + server.inactive) / server.effective_weight

    def is_usable(self, server: Candidate) -> bool:
        return server.effective_weight > 0 and server.is_open

    def is_overloaded(self, server: Candidate) -> bool:
        """More active connections than weight, while another server has less than half of its own (LVS:
        is_overloaded)."""
        return server.busy > server.allotment and bool(self._idle & self._open)


def is_idle(server: Candidate) -> bool:
    return server.busy * 2 < server.allotment


class LocalityBased(ByDestination):
    name = "lblc"

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._cache: OrderedDict[Address, Candidate] = OrderedDict()

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        present = set(self.servers)
        self._cache = OrderedDict(item for item in self._cache.items() if item[1] in present)

    def pick(self, flow: Flow) -> Candidate | None:
        destination = flow.dst.address
        server = self._cache.get(destination)
        if server is None or not self.is_usable(server) or self.is_overloaded(server):
            server = super().pick(flow)
            if server is None:
                return None
            self._cache[destination] = server
        self._cache.move_to_end(destination)
        if len(self._cache) > DESTINATIONS:
            self._cache.popitem(last=False)
        return server


register(LocalityBased)
