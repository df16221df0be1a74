"""Taking real servers out: since when they take no new sessions, and when those that they have left are reset.

A server is out when it is removed, or its weight is 0. Its sessions go on until they end, or until a deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, Log
from fullnat.core.memory import Kind, MemoryKey
from fullnat.core.session.resets import Resets
from fullnat.core.session.store import SessionStore
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import Endpoint


class _Removed(NamedTuple):
    """A server, as remembered."""

    since: float
    until: float | None
    quic_id: str


class Draining:
    def __init__(self, store: SessionStore, resets: Resets) -> None:
        self.timers: TimerWheel[Server] = TimerWheel()
        self._store = store
        self._memory = store.memory
        self._recalled: dict[MemoryKey, _Removed] = {}
        """Servers that were removed, by an earlier controller."""
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
                        server.drained = True
                        self._give(service, server, within[key, server.endpoint], now)
                elif server.out_since is not None:
                    server.out_since = None
                    server.drained = False
                    self._give(service, server, None, now)

    def _out(self, service: Service, server: Server, now: float) -> None:
        if server.out_since is None:
            server.out_since = now
            self._memory.touch(service.memory_key(Kind.DRAIN, server))
        if server.leaving and not server.drained and server.deadline is None and service.drain_timeout:
            self._give(service, server, service.drain_timeout, now)

    def _give(self, service: Service, server: Server, within: float | None, now: float) -> None:
        """The sessions of ``server`` have this time."""
        self._memory.touch(service.memory_key(Kind.DRAIN, server))
        if within is None:
            server.deadline = None
            self.timers.cancel(server)
        else:
            server.deadline = now + within
            self.timers.arm(server, server.deadline)

    def recall(self, service: Service, server: Server, since: float, until: float | None, now: float) -> None:
        """``server``, which is out, has been so since then, says an earlier controller."""
        server.out_since = since
        self._give(service, server, None if until is None else until - now, now)

    def recall_removed(self, key: MemoryKey, since: float, until: float | None, quic_id: str) -> None:
        """The same of one that is not there, until its sessions are found on the switch."""
        self._recalled[key] = _Removed(since, until, quic_id)

    def switch_up(self, now: float) -> None:
        """Servers that are not configured may have been found with their sessions."""
        recalled, self._recalled = self._recalled, {}
        for service in self._store.services:
            for server in service.draining.values():
                if server.out_since is None:
                    removed = recalled.get(service.memory_key(Kind.DRAIN, server), _Removed(now, None, ""))
                    service.call(server, removed.quic_id)
                    self.recall(service, server, removed.since, removed.until, now)
                    self._out(service, server, now)

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
