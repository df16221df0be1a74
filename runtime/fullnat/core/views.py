"""What the controller shows of itself, as frozen views."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.core.interface import ProbeResult
from fullnat.core.pool import LocalAddress, LocalPool
from fullnat.core.services import Service
from fullnat.tables.session import SessionEntry


class SessionView(NamedTuple):
    """A session; ``age`` and ``expires`` in seconds, ``expires`` None when nothing is armed."""

    entry: SessionEntry
    state: str
    phase: str
    age: float
    """Since the last change of state."""
    expires: float | None
    """Until the session is looked at again; an established one that stays idle is over at half of it."""
    counters: ProbeResult | None
    """As last read from the switch."""


class ServerView(NamedTuple):
    address: int
    port: int
    weight: int
    server_id: int
    draining: bool
    """No longer configured; keeps its old sessions."""
    active: int
    inactive: int
    connections: int


class ServiceView(NamedTuple):
    protocol: int
    vip: int
    vport: int
    scheduler: str
    servers: tuple[ServerView, ...]


class LocalAddressView(NamedTuple):
    address: int
    used: int
    """Sessions."""
    free: int
    """Ports free towards the real server that uses the most."""
    conflicts: int
    exhausted: int
    draining: bool


def service_view(service: Service) -> ServiceView:
    servers = tuple(
        ServerView(
            server.address,
            server.port,
            0 if server.leaving else server.weight,
            server.server_id,
            server.leaving,
            server.active,
            server.inactive,
            server.connections,
        )
        for server in service.all_servers()
    )
    return ServiceView(*service.key, service.scheduler.name, servers)


def local_view(local: LocalAddress, pool: LocalPool) -> LocalAddressView:
    busiest = max((len(ports.used) for ports in local.ports.values()), default=0)
    free = max(0, pool.high - pool.low + 1 - busiest)
    return LocalAddressView(local.address, local.used, free, local.conflicts, local.exhausted, not local.configured)
