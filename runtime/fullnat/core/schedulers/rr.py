"""rr: one after the other (LVS: ip_vs_rr.c)."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.net.flow import Flow


@register
class RoundRobin(Scheduler):
    """The next open server after the last one used. A change of the servers puts the pointer back to the head."""

    name = "rr"

    def __init__(self) -> None:
        super().__init__()
        self._next = 0

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        self._next = 0

    def pick(self, flow: Flow) -> Candidate | None:
        servers = self.servers
        position = self._next
        for _ in servers:
            server = servers[position]
            position = position + 1 if position + 1 < len(servers) else 0
            if server.is_open:
                self._next = position
                return server
        return None
