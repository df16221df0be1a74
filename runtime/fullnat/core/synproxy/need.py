"""When services that have cookies in need (``syn_proxy = "auto"``) answer every SYN with one: from the moment at which
they have more half-open sessions than they may, or the controller is behind and their clients do not answer, until half
of that, and a while at least, as those of a flood leave slowly.

Linux makes the same difference (tcp_syncookies = 1): cookies where connections wait for their clients, and SYNs dropped
where they wait for the server, which here is the controller.
"""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.balancing.service import Service
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, Log
from fullnat.core.session.store import SessionStore
from fullnat.core.timers import TimerWheel
from fullnat.p4constants import ServiceFlag

HOLD = 60.0
"""Seconds that it lasts at least, and from one look to the next."""
SILENT = 256
"""Half-open sessions of a flooded service, at least."""
LOOK = 1.0
"""Seconds from one look at services to the next while the controller is behind."""
UNANSWERED = 0.75
"""Of the sessions that have begun between two, those that half-open ones are more. Clients that answer, however late,
do so for as many as begin."""


class Need:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self.timers: TimerWheel[Service] = TimerWheel()
        self._looks: dict[Service, tuple[int, int]] = {}
        """Sessions that had begun at the last look, and half-open ones."""
        self._looked = float("-inf")

    def behind(self, services: Iterable[Service], now: float) -> None:
        """The controller is, with what asks for sessions of ``services`` among others."""
        since = now - self._looked
        if since < LOOK:
            return
        before, self._looked = self._looks, now
        self._looks = {service: (service.connections, service.half_open) for service in services}
        if since >= 2 * LOOK:
            return
        for service, (begun, half_open) in self._looks.items():
            begun_before, half_open_before = before.get(service, (begun, half_open))
            if half_open >= SILENT and half_open - half_open_before > UNANSWERED * (begun - begun_before):
                self._store.crowded.add(service)

    def begin(self, now: float, out: list[Effect]) -> list[ServiceKey]:
        """The services that have become crowded: they have other flags now."""
        crowded, self._store.crowded = self._store.crowded, set()
        begun = [service for service in crowded if service.cookies_since is None and service.configured]
        for service in begun:
            service.cookies_since = now
            service.service_flags |= ServiceFlag.COOKIES
            self._store.stats["cookies_begun"] += 1
            self.timers.arm(service, now + HOLD)
            out.append(
                Log("WARNING", f"{name(service)} answers every SYN with a cookie: {service.half_open} half open")
            )
        return [service.key for service in begun]

    def due(self, now: float, out: list[Effect]) -> list[ServiceKey]:
        """Those for which it is over: likewise."""
        over = []
        for service in [*self.timers.due(now, 4096)]:
            if service.cookies_since is None or not service.configured:
                continue
            if service.half_open * 2 > service.half_open_most > 0:
                self.timers.arm(service, now + HOLD)
                continue
            service.cookies_since = None
            service.service_flags &= ~ServiceFlag.COOKIES
            over.append(service.key)
            out.append(Log("INFO", f"{name(service)} answers SYNs with cookies in need alone"))
        return over


def name(service: Service) -> str:
    protocol, virtual = service.protocol.name, service.key[1]
    return f"{protocol} {virtual}"
