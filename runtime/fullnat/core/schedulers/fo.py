"""fo: failover: the open server of the highest weight (LVS: ip_vs_fo.c)."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.net.flow import Flow


def by_weight(servers: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Falling; of equal weights the first in the configuration first."""
    return tuple(sorted(servers, key=lambda server: -server.effective_weight))


@register
class Failover(Scheduler):
    name = "fo"

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self.servers = by_weight(self.servers)

    def pick(self, flow: Flow) -> Candidate | None:
        return self.first_open()
