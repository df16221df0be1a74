"""What sessions show of their servers, without a check: one that does not take so many new sessions in a row, because
it answers nothing or resets them at once, takes none for a while (DPVS: dp_vs_dest_detected_dead). Then it is tried by
clients: the first session that it takes clears it, and one more that it does not take has it go for twice the time.

The last server that takes new sessions stays: it serves nobody worse than none does.
"""

from __future__ import annotations

from fullnat.core.balancing.health import Health
from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.interface import Effect, Log
from fullnat.core.session.store import SessionStore
from fullnat.core.timers import TimerWheel

LONGEST = 3600.0
"""Seconds (DPVS: the greatest value of inhibit)."""


class Passive:
    def __init__(self, store: SessionStore, health: Health) -> None:
        self.timers: TimerWheel[Server] = TimerWheel()
        self._store = store
        self._health = health
        self._of: dict[Server, Service] = {}

    def eject(self, now: float, out: list[Effect]) -> None:
        """Those servers that have failed too often take no new sessions for a while."""
        doubts = self._store.doubts
        doubted, doubts.doubted = doubts.doubted, {}
        for server, service in doubted.items():
            count = server.failures
            server.failures = 0
            if service.servers.get(server.endpoint) is not server or not server.wanted or len(service.taking()) < 2:
                continue
            seconds = min(service.passive_time * 2.0**server.strikes, LONGEST)
            server.strikes = min(server.strikes + 1, 16)
            server.ejected = now + seconds
            self._of[server] = service
            self.timers.arm(server, server.ejected)
            why = f"it has not taken {count} new sessions in a row; it is tried again in {seconds:g} s"
            self._health.turned(service, server, False, why, out)
            self._health.settle(service, server, now, True, out)

    def due(self, now: float, out: list[Effect]) -> None:
        """Those whose time is over are tried: the next failure counts as all of them."""
        for server in self.timers.due(now):
            service = self._of.pop(server)
            server.ejected = None
            server.failures = max(0, service.passive_failures - 1)
            if server.healthy:
                self._health.turned(service, server, True, "it is tried again", out)
            else:
                out.append(Log("INFO", f"real server {server.endpoint} is down by its checks still"))
            self._health.settle(service, server, now, True, out)
