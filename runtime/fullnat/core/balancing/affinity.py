"""Affinity: the server that a client has already, whatever the scheduler would say."""

from __future__ import annotations

from fullnat.core.balancing.quic import server_of
from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.templates import Templates
from fullnat.core.stats import Stats
from fullnat.net.flow import Flow
from fullnat.net.parse import UDP_BYTES, Packet


class Affinity:
    def __init__(self, templates: Templates, stats: Stats) -> None:
        self._templates = templates
        self._stats = stats

    def server(self, service: Service, flow: Flow, packet: Packet, now: float) -> Server | None:
        """The server that the new ``flow`` belongs to by its first ``packet``; None: the scheduler chooses."""
        if service.quic_servers:
            server = self._by_connection_id(service, packet, now)
            if server is not None:
                self._stats["quic_by_connection_id"] += 1
                return server
        return self._templates.find(service, flow, now)

    @staticmethod
    def _by_connection_id(service: Service, packet: Packet, now: float) -> Server | None:
        """The server of a connection of QUIC, whatever address its client has now. One that is out keeps the
        connections that it has, until its deadline."""
        length = len(next(iter(service.quic_servers)))
        found = server_of(packet.frame[packet.transport + UDP_BYTES :], service.quic_config, length)
        server = None if found is None else service.quic_servers.get(found.server)
        if found is None or server is None:
            return None
        if not found.is_old:
            return server if server.takes_new else None
        return None if server.is_overdue(now) or not server.ids else server
