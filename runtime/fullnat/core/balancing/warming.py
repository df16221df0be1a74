"""Slow start: a server that comes to a service gets to its full weight in steps, so that it is not flooded while its
caches are cold (Envoy: slow_start_config; HAProxy: slowstart).

It comes when it is added, gets a weight again, or is healthy again, while other servers of the service have theirs:
those of a service that is new begin all alike, at their full weights.
"""

from __future__ import annotations

from fullnat.core.balancing.servers import STAGES, Server
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.services import Services
from fullnat.core.memory import Kind, Memory
from fullnat.core.timers import TimerWheel


class Warming:
    def __init__(self, services: Services, memory: Memory) -> None:
        self.timers: TimerWheel[Server] = TimerWheel()
        self._services = services
        self._memory = memory
        self._of: dict[Server, Service] = {}

    def begin(self, now: float) -> None:
        """The slow start of those that have arrived. The scheduler is told with all that they come with."""
        arrived, self._services.arrived = self._services.arrived, {}
        for server, service in arrived.items():
            self.resume(service, server, now, now)

    def resume(self, service: Service, server: Server, since: float, now: float) -> None:
        """Go on with a slow start that began at ``since``."""
        self._of[server] = service
        server.warm_since = since
        self._memory.touch(service.memory_key(Kind.SLOW_START, server))
        self._step(server, service, now)

    def due(self, now: float) -> None:
        services: dict[Service, None] = {}
        for server in self.timers.due(now):
            service = self._of[server]
            self._step(server, service, now)
            services[service] = None
        for service in services:
            self._services.rebalance(service)

    def _step(self, server: Server, service: Service, now: float) -> None:
        since, steps = server.warm_since, STAGES - 1
        if since is None or not server.wanted or now >= since + service.slow_start:
            server.stage = STAGES
            server.warm_since = None
            self._memory.touch(service.memory_key(Kind.SLOW_START, server))
            del self._of[server]
            return
        step = int(max(now - since, 0.0) / service.slow_start * steps)
        server.stage = 1 + step
        self.timers.arm(server, since + (step + 1) * service.slow_start / steps)
