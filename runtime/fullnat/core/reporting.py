"""What the controller core shows of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fullnat.core.access.talkers import Talker, Talkers
from fullnat.core.balancing.matching import virtual_addresses
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.histogram import Histogram
from fullnat.core.interface import SwitchId
from fullnat.core.network.networks import Networks
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.store import SessionStore
from fullnat.core.stats import Stats
from fullnat.core.switch import reconcile
from fullnat.core.views import (
    LocalAddressView,
    ServiceView,
    SessionView,
    TemplateView,
    local_view,
    service_view,
    session_view,
    template_view,
)
from fullnat.net.flow import Address, Endpoint
from fullnat.tables.session import SessionEntry

STANDING = (Phase.INSTALLED, Phase.EXPIRING, Phase.CLOSING)
"""Phases in which the switch has a session's entries as they are, and no write of them is under way."""


class Reporting:
    """Of a core; nothing changes by asking."""

    _store: SessionStore
    _stats: Stats
    _now: float
    _talkers: Talkers
    _networks: Networks

    def forwards(self, switch: SwitchId) -> bool:
        """Whether a switch with a network of its own has it, and its gate."""
        return self._networks.is_open(switch)

    def served(self, *, alone: bool = True) -> set[Address]:
        """Virtual addresses that have a service with a server that is to have new sessions, or is well and has some
        still; or all, if not these ``alone``."""
        of = (service for service in self._store.services if service.configured)
        alive = (each for each in of if not alone or any(server.is_of_use for server in each.servers.values()))
        return {each for service in alive for each in virtual_addresses(service.key, service.matches)}

    def holds(self, entry: SessionEntry, *, is_inward: bool) -> bool:
        """Whether a session that is known has the same key in session_in, if that ``is_inward``, else in session_out:
        another one may have the same id."""
        table = self._store.table
        if is_inward:
            return entry.flow_in in table.by_key
        session = table.by_id.get(entry.session_id)
        return session is not None and session.entry.flow_out == entry.flow_out

    def stands(self, entry: SessionEntry) -> bool:
        """Whether the switch holds just this session, and nothing is under way with it."""
        session = self._store.table.by_id.get(entry.session_id)
        return session is not None and session.phase in STANDING and reconcile.same(entry, session.entry)

    def session_ids(self) -> list[int]:
        """Of all sessions."""
        return list(self._store.table.by_id)

    def standing(self, session_id: int) -> SessionEntry | Literal["changing"] | None:
        """What the switch holds of a session: its entry, or something that is about to change; None: nothing, or it is
        about to go."""
        session = self._store.table.by_id.get(session_id)
        if session is None or session.phase in (Phase.REMOVING, Phase.GONE):
            return None
        return session.entry if session.phase in STANDING else "changing"

    def sessions(self, now: float | None = None) -> Iterator[SessionView]:
        """Every session; ages and expiry as of ``now``, by default the time of the last event. Events may be handled
        between two of them: sessions that have gone since are left out, and those that have come."""
        time = self._now if now is None else now
        for session in tuple(self._store.table):
            if self._store.table.by_id.get(session.entry.session_id) is session:
                yield session_view(session, self._store.timeout(session), time)

    def services(self, now: float | None = None) -> tuple[ServiceView, ...]:
        return tuple(self.each_service(self._now if now is None else now))

    def each_service(self, now: float) -> Iterator[ServiceView]:
        """The same one by one; see :meth:`sessions`."""
        return (service_view(service, now) for service in tuple(self._store.services) if service.configured)

    def service(self, key: ServiceKey, now: float) -> ServiceView | None:
        """None when there is none, or it is removed."""
        service = self._store.services.by_key.get(key)
        return None if service is None else service_view(service, now)

    def found_well(self, key: ServiceKey, endpoint: Endpoint) -> bool:
        """Whether the checks of a server have found it well, as far as is known; so is one that there is not."""
        service = self._store.services.by_key.get(key)
        server = None if service is None else service.servers.get(endpoint)
        return server is None or server.healthy

    def has_quorum(self, key: ServiceKey) -> bool:
        """Whether the service has one."""
        service = self._store.services.by_key.get(key)
        return service is not None and service.quorum.is_up

    def templates(self, now: float | None = None) -> Iterator[TemplateView]:
        """Every template of persistence; see :meth:`sessions`."""
        time = self._now if now is None else now
        for template in self._store.templates:
            if template.table.get(template.client) is template:
                yield template_view(template, time)

    def talkers(self, most: int, now: float | None = None) -> list[Talker]:
        """The sources that have asked for the most new sessions lately."""
        return self._talkers.top(most, self._now if now is None else now)

    def local_addresses(self) -> tuple[LocalAddressView, ...]:
        return tuple(local_view(local, self._store.pool) for local in self._store.pool)

    def histograms(self) -> dict[str, Histogram]:
        """By name."""
        return {"setup": self._store.setup}

    def stats(self) -> dict[str, int]:
        """Counters by name (:data:`fullnat.core.stats.NAMES`), and how many sessions there are now."""
        return self._stats | {"sessions": len(self._store.table), "templates": len(self._store.templates)}
