"""The next hops that are resolved before traffic comes: gateways, and those of real servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fullnat.core.network.routing import Router
from fullnat.net.flow import Address


class Awaited:
    def __init__(self, router: Router) -> None:
        self.wanted: set[Address] = set()
        """Always the same set."""
        self._router = router
        self._gateways: set[Address] = set()
        self._servers: Counter[Address] = Counter()
        """How many services list each server's address."""
        self._hops: Counter[Address] = Counter()
        """Over how many addresses of servers each is the next hop."""

    def route(self, router: Router) -> None:
        """Interfaces and routes are these from now on."""
        self._router = router
        self._gateways = router.next_hops(())
        hops = (router.next_hop(server) for server in self._servers)
        self._hops = Counter(hop for hop in hops if hop is not None)
        self.wanted.clear()
        self.wanted |= self._gateways | self._hops.keys()

    def add(self, servers: Iterable[Address]) -> set[Address]:
        """One service more lists each of ``servers``; returns the next hops that are new."""
        new: set[Address] = set()
        for server in servers:
            self._servers[server] += 1
            hop = self._router.next_hop(server) if self._servers[server] == 1 else None
            if hop is not None:
                self._hops[hop] += 1
                if hop not in self.wanted:
                    self.wanted.add(hop)
                    new.add(hop)
        return new

    def remove(self, servers: Iterable[Address]) -> None:
        """One service fewer lists each of ``servers``."""
        for server in servers:
            self._servers[server] -= 1
            if self._servers[server]:
                continue
            del self._servers[server]
            hop = self._router.next_hop(server)
            if hop is not None:
                self._hops[hop] -= 1
                if not self._hops[hop]:
                    del self._hops[hop]
                    if hop not in self._gateways:
                        self.wanted.discard(hop)
