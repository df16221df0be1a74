"""What the controller shows of itself, as frozen views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fullnat.core.balancing.servers import NO_ID
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.templates import Template
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import ProbeResult
from fullnat.core.protocols.tcp import TcpState
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.pool import LocalAddress, LocalPool
from fullnat.core.session.sessions import Session, Twice, added, begins_anew, once
from fullnat.net.flow import Address, Endpoint
from fullnat.tables.session import SessionEntry


class SessionView(NamedTuple):
    """A session; times in seconds."""

    entry: SessionEntry
    state: str
    phase: str
    age: float
    """Since the last change of state."""
    expires: float | None
    """Until it is over if no packet comes any more, and none has come since the last that the controller knows of; None
    when it is ending."""
    counters: ProbeResult | None
    """As last read from the switch."""
    timeout: float = 0.0
    """How long it may be idle in its state."""
    is_over: bool = False
    """Packets do not restart the time of its state."""
    server: Endpoint | None = None
    """None: the one that the entry tells."""
    twice: Twice | None = None
    """What readings of the switch have too much."""
    service: Endpoint | None = None
    """The name of its service, which is another than where it goes if that is of several ports; None: the same."""

    last: ProbeResult | None = None
    """What the switch told last."""
    earlier: ProbeResult | None = None
    """What others have counted before."""

    def read(self, result: ProbeResult) -> SessionView:
        """The same as a reading of the switch just now shows it."""
        earlier = self.earlier
        if begins_anew(result, self.last) and self.last is not None:
            earlier = added(self.last, earlier)
        result = added(once(result, self.twice), earlier)
        idle = result.idle_in if self.state == TcpState.SYN_RECV.name else result.idle
        if self.expires is None or idle is None or self.is_over:
            return self._replace(counters=result)
        expires = max(0.0, self.timeout - min(max(idle, 0.0), self.age))
        return self._replace(counters=result, expires=expires)


class ServerView(NamedTuple):
    endpoint: Endpoint
    weight: int
    ids: tuple[int, ...]
    """Its indices of the switch's counters; several for a service of several addresses."""
    draining: bool
    """No longer configured; keeps its old sessions."""
    active: int
    inactive: int
    connections: int
    unanswered: int = 0
    """Sessions that ended without any answer of this server."""
    mode: Mode = Mode.FULLNAT
    effective_weight: int = 0
    """What the scheduler goes by, beside those of the others."""
    upper_threshold: int = 0
    lower_threshold: int = 0
    is_full: bool = False
    """By its thresholds it takes no new sessions."""
    warming: float | None = None
    """Seconds since its slow start began."""
    out_for: float | None = None
    """Seconds since it takes no new sessions, by configuration or command; None: it does."""
    templates: int = 0
    """Clients whose next connection goes to it."""
    reset_in: float | None = None
    """Seconds until those that it has left are reset; None: they are not."""
    quic_id: str = ""
    healthy: bool = True
    """As far as checks have found."""
    sorry: bool = False
    """It takes new sessions only while the service has no quorum."""
    on_duty: bool = True
    """By that, it takes them now."""
    ejected: float | None = None
    """Seconds until it is tried again; None: it takes what it gets."""
    checked_weight: int = 0
    """As configured, or as its checks ask for; 0 while it is not well."""
    new_rate: int = 0

    @property
    def sessions(self) -> int:
        return self.active + self.inactive

    @property
    def server_id(self) -> int:
        """The first of its ids; NO_ID if it has none."""
        return self.ids[0] if self.ids else NO_ID

    def counted(self, cells: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
        """Packets and bytes of all its ids."""
        of = [cells.get(number, (0, 0)) for number in self.ids]
        return sum(packets for packets, _ in of), sum(octets for _, octets in of)


class ServiceView(NamedTuple):
    protocol: int
    virtual: Endpoint
    scheduler: str
    servers: tuple[ServerView, ...]
    connections: int
    """Of servers that have gone as well, as ``unanswered``."""
    unanswered: int
    refused: Mapping[str, int]
    """Flows that got no session, by reason."""
    persistence_timeout: float = 0.0
    templates: int = 0
    """Clients whose server is remembered."""
    persistent: int = 0
    """Sessions that went where a template said."""
    has_quorum: bool = True
    """Servers of enough weight are well."""
    half_open: int = 0
    """Sessions whose handshake is not over."""
    cookies_for: float | None = None
    """Seconds since when it answers every SYN with a cookie for need, if it does."""


class TemplateView(NamedTuple):
    protocol: int
    virtual: Endpoint
    client: Address
    prefix: int
    """Bits of it that count."""
    server: Endpoint
    expires: float
    """Seconds until it is forgotten, once no session holds it."""
    sessions: int
    """Those that hold it: established."""


class LocalAddressView(NamedTuple):
    address: Address
    used: int
    """Sessions."""
    free: int
    """Ports free towards the real server and protocol that uses the most."""
    conflicts: int
    exhausted: int
    draining: bool
    connections: int
    """Sessions ever that took it."""


def session_view(session: Session, timeout: float, now: float) -> SessionView:
    """``timeout``: of its state."""
    expires = None
    if session.phase in (Phase.INSTALLED, Phase.REUSING):
        expires = max(0.0, max(session.changed + timeout, session.not_before) - now)
    age = max(0.0, now - session.changed)
    entry, state, phase = session.entry, session.state.name, session.phase.name
    is_over = session.is_over
    server, twice, service = session.named_server, session.twice, session.service.key[1]
    last, earlier = session.counters, session.earlier
    counters = last and added(once(last, twice), earlier)
    return SessionView(
        entry, state, phase, age, expires, counters, timeout, is_over, server, twice, service, last, earlier
    )


def service_view(service: Service, now: float) -> ServiceView:
    servers = tuple(
        ServerView(
            server.endpoint,
            0 if server.leaving else server.weight,
            server.ids,
            server.leaving,
            server.active,
            server.inactive,
            server.connections,
            server.unanswered,
            server.mode,
            server.effective_weight,
            server.settings.upper_threshold,
            server.settings.lower_threshold,
            not server.is_open,
            _since(server.warm_since, now),
            _since(server.out_since, now),
            server.templates,
            None if server.deadline is None else max(0.0, server.deadline - now),
            server.settings.quic_id,
            server.healthy,
            server.settings.sorry,
            server.on_duty,
            None if server.ejected is None else max(0.0, server.ejected - now),
            server.share if server.is_well and not server.leaving else 0,
            server.settings.new_rate,
        )
        for server in service.all_servers()
    )
    protocol, virtual = service.key
    return ServiceView(
        protocol,
        virtual,
        service.scheduler.name,
        servers,
        service.connections,
        service.unanswered,
        dict(service.refused),
        service.persistence_timeout,
        len(service.templates),
        service.persistent,
        service.quorum.is_up,
        service.half_open,
        _since(service.cookies_since, now),
    )


def template_view(template: Template, now: float) -> TemplateView:
    service, client = template.service, template.client
    prefix = min(service.persistence_prefix, len(client) * 8)
    expires = service.persistence_timeout if template.holders else max(0.0, template.expires - now)
    return TemplateView(*service.key, client, prefix, template.server.endpoint, expires, template.holders)


def _since(time: float | None, now: float) -> float | None:
    return None if time is None else max(0.0, now - time)


def local_view(local: LocalAddress, pool: LocalPool) -> LocalAddressView:
    busiest = max((ports.count for ports in local.ports.values()), default=0)
    free = max(0, pool.high - pool.low + 1 - busiest)
    draining = not local.configured
    return LocalAddressView(
        local.address, local.used, free, local.conflicts, local.exhausted, draining, local.connections
    )
