"""One-packet scheduling (ipvsadm -o): each datagram of such a service goes to a real server of its own, and nothing is
kept of it.

The controller sends every one on, with what its server's mode changes; so how many pass is bounded by the punt meter
and by the service's ``new_rate``. Answers are nobody's here: servers answer past the switch (DR, TUNNEL), with their
own address (NAT), or not at all. There is no FULLNAT, where an answer could not be told from another session's.
"""

from __future__ import annotations

from collections.abc import Callable

from fullnat.core.balancing.placement import Refusal, limited, without_server
from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Effect, Inject, PacketIn
from fullnat.core.network.neighbors import Neighbors
from fullnat.core.network.outer import enclose
from fullnat.core.session.admission import refuse
from fullnat.core.session.sessions import Held
from fullnat.core.session.store import SessionStore
from fullnat.net.checksum import updated
from fullnat.net.flow import Address, Endpoint, Flow, is_v6
from fullnat.net.parse import Packet
from fullnat.net.vlan import priority

Source = Callable[[Address], Address]
"""The address of the interface by which packets go there."""


class OnePacket:
    def __init__(self, store: SessionStore, neighbors: Neighbors) -> None:
        self._store = store
        self._stats = store.stats
        self._neighbors = neighbors

    def datagram(
        self, event: PacketIn, packet: Packet, flow: Flow, service: Service, source: Source, now: float
    ) -> list[Effect]:
        """A client's datagram of ``flow`` to ``service``."""
        out: list[Effect] = []
        if packet.is_first_fragment:
            # The others could not follow it.
            self._stats["datagram_dropped"] += 1
            return out
        found = limited(service, flow.src.address, now) or service.schedule(flow) or without_server(service)
        if isinstance(found, Refusal):
            refuse(self._store, service, found, flow, Held(packet, event.ingress_port, 0), now, out)
            self._stats["datagram_dropped"] += 1
            return out
        found.connections += 1
        service.connections += 1
        self._stats["datagram_alone"] += 1
        if found.mode is Mode.DR:
            self._neighbors.packet(packet, found.endpoint.address, now, out, priority(event.ingress_port))
            return out
        frame = _sent_on(packet, flow, found, source)
        if frame is None:
            self._stats["datagram_dropped"] += 1
        else:
            out.append(Inject(event.ingress_port, frame, 0, False))
        return out


def _sent_on(packet: Packet, flow: Flow, server: Server, source: Source) -> bytes | None:
    """The frame for the server; None when its TTL ends before a tunnel."""
    if server.mode is Mode.NAT:
        return _masqueraded(packet, flow, server)
    return enclose(packet, server, source(server.endpoint.address))


def _masqueraded(packet: Packet, flow: Flow, server: Server) -> bytes:
    """The datagram for the server, every checksum as right or wrong as it was; 0, which is none, stays (RFC 768)."""
    frame = bytearray(packet.frame)
    old, new = _octets(flow.dst), _octets(server.at(flow.dst))
    size = len(flow.dst.address)
    end = packet.network + (40 if is_v6(flow.dst.address) else 20)
    frame[end - size : end] = server.endpoint.address
    if not is_v6(flow.dst.address):
        _change(frame, packet.network + 10, old[:size], new[:size])
    frame[packet.transport + 2 : packet.transport + 4] = new[size:]
    at = packet.transport + 6
    if frame[at : at + 2] != b"\0\0":
        _change(frame, at, old, new)
        if frame[at : at + 2] == b"\0\0":
            frame[at : at + 2] = b"\xff\xff"
    return bytes(frame)


def _octets(endpoint: Endpoint) -> bytes:
    return endpoint.address + endpoint.port.to_bytes(2, "big")


def _change(frame: bytearray, at: int, old: bytes, new: bytes) -> None:
    """The checksum there follows ``old``, which became ``new``."""
    frame[at : at + 2] = updated(int.from_bytes(frame[at : at + 2], "big"), old, new).to_bytes(2, "big")
