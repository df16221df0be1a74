"""Which real server each bucket of a service without sessions leads to."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.balancing.servers import Server
from fullnat.core.schedulers.base import Candidate, Scheduler
from fullnat.core.schedulers.mh import slots
from fullnat.net.flow import Flow, flow_hash


class FlowTable(Scheduler):
    """The scheduler of such a service: mh, by the whole flow, and with the data plane's hash."""

    name = "mh"

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        """A power of two."""
        self.owners: Sequence[Server] = ()
        """By bucket; none without servers."""

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        named = [(repr(server.endpoint).encode(), server.effective_weight) for server in self.servers]
        found = [self.servers[owner] for owner in slots(named, self.size)]
        self.owners = [server for server in found if isinstance(server, Server)]

    def pick(self, flow: Flow) -> Candidate | None:
        return self.owners[flow_hash(flow) % self.size] if self.owners else None
