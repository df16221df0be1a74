"""Taking real servers out: since when they take no new sessions, and when those that they have left are reset.

A server is out when it is removed, or its weight is 0. Its sessions go on until they end, or until a deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fullnat.core.commands import ServiceKey
from fullnat.core.interface import Effect, Log
from fullnat.core.resets import Resets
from fullnat.core.servers import Server
from fullnat.core.services import Service
from fullnat.core.store import SessionStore
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import Endpoint


class Draining:
    def __init__(self, store: SessionStore, resets: Resets) -> None:
        self.timers: TimerWheel[Server] = TimerWheel()
        self._store = store
        self._resets = resets

    def follow(
        self,
        keys: Iterable[ServiceKey],
        within: Mapping[tuple[ServiceKey, Endpoint], float | None],
        now: float,
    ) -> None:
        """Services with these ``keys`` have changed; sessions of some servers end ``within`` so many seconds."""
        for key in keys:
            service = self._store.services.by_key.get(key)
            if service is None:
                continue
            for server in service.all_servers():
                if server.is_out:
                    self._out(service, server, now)
                    if (key, server.endpoint) in within:
                        self._set_deadline(server, within[key, server.endpoint], now)
                elif server.out_since is not None:
                    server.out_since = server.deadline = None
                    self.timers.cancel(server)

    def _out(self, service: Service, server: Server, now: float) -> None:
        if server.out_since is None:
            server.out_since = now
        if server.leaving and server.deadline is None and service.drain_timeout:
            self._set_deadline(server, service.drain_timeout, now)

    def _set_deadline(self, server: Server, within: float | None, now: float) -> None:
        if within is None:
            server.deadline = None
            self.timers.cancel(server)
        else:
            server.deadline = now + within
            self.timers.arm(server, server.deadline)

    def due(self, now: float, out: list[Effect]) -> None:
        """Reset the sessions of the servers whose time is over."""
        self._end({server for server in self.timers.due(now) if server.is_out}, now, out)

    def at_once(self, now: float, out: list[Effect]) -> None:
        """The same of those that were given no time at all."""
        over = {server for server in self.timers if server.deadline is not None and server.deadline <= now}
        for server in over:
            self.timers.cancel(server)
        self._end(over, now, out)

    def _end(self, servers: set[Server], now: float, out: list[Effect]) -> None:
        if not any(server.sessions for server in servers):
            return
        sessions = [session for session in self._store.table if session.server in servers]
        out.append(Log("INFO", f"{len(sessions)} sessions of real servers that are taken out are reset"))
        self._resets.end(sessions, now, out)
