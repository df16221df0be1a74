"""lblcr: locality with replication: a destination has a set of servers, which grows when they are overloaded (LVS:
ip_vs_lblcr.c)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, register
from fullnat.core.schedulers.lblc import DESTINATIONS, ByDestination
from fullnat.net.flow import Address, Flow

PICKS_UNCHANGED = 4096
"""Picks without a change after which a set loses its most loaded server. LVS counts a day; a scheduler has no clock."""

MEMBERS = 16
"""Servers that one destination has at most: then the most loaded makes room for another one."""


class _Servers:
    """The set of one destination."""

    __slots__ = ("members", "since")

    def __init__(self) -> None:
        self.members: list[Candidate] = []
        self.since = 0
        """Picks since the last change."""


class LocalityBasedReplicated(ByDestination):
    name = "lblcr"

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._cache: OrderedDict[Address, _Servers] = OrderedDict()

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        present = set(self.servers)
        for known in self._cache.values():
            known.members = [server for server in known.members if server in present]

    def pick(self, flow: Flow) -> Candidate | None:
        known = self._cache.setdefault(flow.dst.address, _Servers())
        self._cache.move_to_end(flow.dst.address)
        if len(self._cache) > DESTINATIONS:
            self._cache.popitem(last=False)
        usable = [server for server in known.members if self.is_usable(server)]
        server = min(usable, key=self.cost, default=None)
        if server is None or self.is_overloaded(server):
            server = super().pick(flow)
            if server is not None and server not in known.members:
                if len(known.members) >= MEMBERS:
                    known.members.remove(max(known.members, key=self.cost))
                known.members.append(server)
                known.since = 0
        elif known.since >= PICKS_UNCHANGED and len(known.members) > 1:
            known.members.remove(max(known.members, key=self.cost))
            known.since = 0
        known.since += 1
        return server


register(LocalityBasedReplicated)
