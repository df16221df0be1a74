"""ovf: overflow: the open server of the highest weight, and when it has as many active connections as weight, the next
(LVS: ip_vs_ovf.c)."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.core.schedulers.fo import by_weight
from fullnat.net.flow import Flow


@register
class Overflow(Scheduler):
    """When all have as many as their weight, the open one of the highest weight goes on: LVS refuses then."""

    name = "ovf"

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self.servers = by_weight(self.servers)

    def pick(self, flow: Flow) -> Candidate | None:
        last = None
        for server in self.servers:
            if server.is_open:
                if server.active < server.effective_weight:
                    return server
                last = last or server
        return last
