"""One-packet scheduling (ipvsadm -o): each datagram of such a service goes to a real server of its own, and nothing is
kept of it.

The controller sends every one on, with what its server's mode changes; so how many pass is bounded by the punt meter
and by the service's ``new_rate``. Answers are nobody's here: servers answer past the switch (DR, TUNNEL), with their
own address (NAT), or not at all. There is no FULLNAT, where an answer could not be told from another session's.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from fullnat.core.admission import refuse
from fullnat.core.interface import Effect, Inject, PacketIn
from fullnat.core.modes import Mode
from fullnat.core.neighbors import Neighbors
from fullnat.core.placement import Refusal, limited, without_server
from fullnat.core.servers import Server
from fullnat.core.service import Service
from fullnat.core.sessions import Held
from fullnat.core.stats import Stats
from fullnat.net.checksum import checksum, sum16, updated
from fullnat.net.flow import Address, Endpoint, Flow, is_v6
from fullnat.net.headers import PROTO_UDP
from fullnat.net.parse import Packet
from fullnat.net.vlan import priority
from fullnat.p4constants import PORT_GUE

Source = Callable[[Address], Address]
"""The address of the interface by which packets go there."""
PROTO_IPV4 = 4
OUTER_BYTES = 20
GUE_FIRST, GUE_PORTS = 49152, 16384
_GUE = Struct("!HHHH")


class OnePacket:
    def __init__(self, stats: Stats, neighbors: Neighbors) -> None:
        self._stats = stats
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
            refuse(self._stats, service, found, flow, Held(packet, event.ingress_port, 0), out)
            self._stats["datagram_dropped"] += 1
            return out
        found.connections += 1
        service.connections += 1
        self._stats["datagram_alone"] += 1
        if found.mode is Mode.DR:
            self._neighbors.packet(packet, found.endpoint.address, now, out, priority(event.ingress_port))
            return out
        frame = _masqueraded(packet, flow, found) if found.mode is Mode.NAT else _tunnelled(packet, found, source)
        if frame is None:
            self._stats["datagram_dropped"] += 1
        else:
            out.append(Inject(event.ingress_port, frame, 0, False))
        return out


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


def _tunnelled(packet: Packet, server: Server, source: Source) -> bytes | None:
    """The datagram in an outer header, of which TOS, id, DF and TTL are its own, as the data plane has it; None when
    its TTL ends here, or it is of another family."""
    inner = bytearray(packet.frame[packet.network :])
    address = server.endpoint.address
    if inner[0] >> 4 != 4 or is_v6(address) or inner[8] <= 1:
        return None
    total = int.from_bytes(inner[2:4], "big") + server.mode.outer_bytes
    protocol = PROTO_UDP if server.mode is Mode.GUE else PROTO_IPV4
    outer = b"\x45" + inner[1:2] + total.to_bytes(2, "big") + inner[4:9] + bytes((protocol, 0, 0))
    outer += source(address) + address
    before = bytes(inner[8:10])
    inner[8] -= 1
    _change(inner, 10, before, bytes(inner[8:10]))
    outer = outer[:10] + checksum(outer).to_bytes(2, "big") + outer[12:]
    if server.mode is Mode.GUE:
        # Any dynamic port does that is the flow's own.
        port = GUE_FIRST + sum16(packet.frame[packet.transport : packet.transport + 4] + inner[12:20]) % GUE_PORTS
        outer += _GUE.pack(port, PORT_GUE, total - OUTER_BYTES, 0)
    return packet.frame[: packet.network] + outer + bytes(inner)
