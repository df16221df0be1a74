"""fo: failover: the open server of the highest weight (LVS: ip_vs_fo.c)."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.net.flow import Flow


def by_weight(servers: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Falling; of equal weights the first in the configuration first."""
    return tuple(sorted(servers, key=lambda server: -server.effective_weight))


class Failover(Scheduler):
    name = "fo"
    goes_by_weight = False

    def ordered(self, servers: Sequence[Candidate]) -> tuple[Candidate, ...]:
        return by_weight(servers)

    def pick(self, flow: Flow) -> Candidate | None:
        position = self.next_open(0)
        return None if position is None else self.servers[position]


register(Failover)
