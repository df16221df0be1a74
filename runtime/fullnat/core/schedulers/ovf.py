"""ovf: overflow: the open server of the highest weight, and when it has as many active connections as weight, the next
(LVS: ip_vs_ovf.c)."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler, bits, lowest, register, with_bit
from fullnat.core.schedulers.fo import by_weight
from fullnat.net.flow import Flow


class Overflow(Scheduler):
    """When all have as many as their weight, the open one of the highest weight goes on: LVS refuses then."""

    name = "ovf"
    wants_loads = True
    goes_by_weight = False

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._roomy = 0
        """The set of those that have fewer than their weight."""

    def ordered(self, servers: Sequence[Candidate]) -> tuple[Candidate, ...]:
        return by_weight(servers)

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self._roomy = bits(server.busy < server.allotment for server in self.servers)

    def loaded(self, server: Candidate) -> None:
        position = self._position.get(server)
        if position is not None:
            self._roomy = with_bit(self._roomy, position, server.busy < server.allotment)

    def pick(self, flow: Flow) -> Candidate | None:
        found = self._open & self._roomy or self._open
        return self.servers[lowest(found)] if found else None


register(Overflow)
