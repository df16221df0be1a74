"""Placement: which real server a new flow goes to, and from which local address and port.

The scheduler chooses the server; then, in FULLNAT, the pool finds a local port that is free towards it. In other modes
the client's own endpoint is the local one. What knows an old choice of the client (:mod:`.affinity`) is heard before
the scheduler.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.session.pool import ClientEndpoints, LocalPool, Peer
from fullnat.net.flow import Address, Endpoint, Flow, made

if TYPE_CHECKING:
    from fullnat.core.snat.mappings import Mapping


class Place(NamedTuple):
    server: Server
    local: Endpoint
    """Taken from the pool or from the client: whoever does not use it gives it back."""
    mapping: Mapping | None = None
    """Of SNAT, what it was taken for."""


class Refusal(Enum):
    """Why a flow gets no place, by the name of its counter."""

    NO_REAL_SERVER = "no_real_server"
    """None has a weight."""
    SERVERS_FULL = "servers_full"
    """All that have one are at their upper thresholds."""
    NO_LOCAL_PORT = "no_local_port"
    """All are in use towards the server."""
    CLIENT_PORT_IN_USE = "client_port_in_use"
    """By a session with another virtual service: the server could not tell the two apart."""
    HOST_FULL = "host_full"
    """The host inside has as many sessions as it may."""
    SERVICE_FULL = "service_full"
    """The service has as many sessions as it may."""
    SERVICE_RATE = "service_rate"
    """It begins as many as it may."""
    SOURCE_FULL = "source_full"
    """The client's source has as many sessions of the service as it may."""
    SERVER_RATE = "server_rate"
    """The real server that it would go to begins as many as it may."""
    NO_ROOM = "table_full"
    """In the switch, for another session or for the entries of a server."""

    @property
    def is_told(self) -> bool:
        """Whether the client gets ICMP port unreachable, as in LVS (ip_vs_leave); else it may try again, and come to
        another server."""
        return self in (Refusal.NO_REAL_SERVER, Refusal.NO_LOCAL_PORT)

    @property
    def is_limit(self) -> bool:
        """Whether somebody has had as much as was to be: the service says what its client gets."""
        return self in _LIMITS


_LIMITS = (Refusal.SERVICE_FULL, Refusal.SERVICE_RATE, Refusal.SOURCE_FULL, Refusal.SERVER_RATE)


def limited(service: Service, client: Address, now: float) -> Refusal | None:
    """Why ``service`` may not begin a session of ``client``; None: it may, and one more counts."""
    if service.limits.is_full:
        return Refusal.SERVICE_FULL
    if service.limits.is_source_full(client):
        return Refusal.SOURCE_FULL
    return None if service.limits.allows(now) else Refusal.SERVICE_RATE


def place(
    pool: LocalPool, clients: ClientEndpoints, service: Service, flow: Flow, now: float, known: Server | None = None
) -> Place | Refusal:
    """Where a new ``flow`` of ``service`` goes: to the server that its client is ``known`` to have."""
    server = known or service.schedule(flow)
    if server is None:
        return without_server(service)
    if server.pace is not None and not server.pace.allows(now):
        return Refusal.SERVER_RATE
    peer = made(Peer, (flow.protocol, server.at(flow.dst)))
    if not server.mode.takes_local:
        if not server.mode.keeps_destination and not clients.take(flow.src, peer):
            return Refusal.CLIENT_PORT_IN_USE
        return made(Place, (server, flow.src, None))
    local = pool.take(service.locals, service.next_local(), peer)
    return Refusal.NO_LOCAL_PORT if local is None else made(Place, (server, local, None))


def without_server(service: Service) -> Refusal:
    """Why ``service`` has no server for a flow."""
    if service.crowded:
        return Refusal.NO_ROOM
    return Refusal.SERVERS_FULL if service.scheduler.servers else Refusal.NO_REAL_SERVER
