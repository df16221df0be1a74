"""Outer headers of tunnels, as the data plane puts them on (p4src/arch/v1model/tunnel.p4; RFC 2003, 2473, 4213)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from fullnat.core.balancing.servers import Server
from fullnat.core.declared.modes import Mode
from fullnat.net.checksum import checksum, sum16, updated
from fullnat.net.flow import Address, is_v6
from fullnat.net.headers import DONT_FRAGMENT, PROTO_UDP, V6_HEADER, ethertype_of
from fullnat.net.parse import Packet
from fullnat.p4constants import PORT_GUE

PROTO_IPV4, PROTO_IPV6 = 4, 41
V4_HEADER, GUE_BYTES = 20, 8
GUE_FIRST, GUE_PORTS = 49152, 16384
_V4, _V6, _GUE = Struct("!BBHHHBBH"), Struct("!IHBB"), Struct("!HHHH")


class _Inner(NamedTuple):
    """What the outer header has of the packet in it, which is one hop older."""

    packet: bytes
    size: int
    protocol: int
    traffic_class: int
    hops: int
    identity: tuple[int, int]
    """Of IPv4: id, and flags with offset; of IPv6, which is not fragmented on its way, what has that of IPv4 so."""


def enclose(packet: Packet, server: Server, source: Address) -> bytes | None:
    """The frame of a datagram with an outer header from ``source`` to the ``server``, of that family; None when its TTL
    or hop limit ends here."""
    inner = _older(packet.frame[packet.network :])
    if inner is None:
        return None
    address = server.endpoint.address
    between = _gue(packet, inner) if server.mode is Mode.GUE else b""
    size, protocol = inner.size + len(between), PROTO_UDP if between else inner.protocol
    if is_v6(address):
        outer = _V6.pack(6 << 28 | inner.traffic_class << 20, size, protocol, inner.hops) + source + address
    else:
        fields = 0x45, inner.traffic_class, V4_HEADER + size, *inner.identity, inner.hops, protocol
        ends = source + address
        outer = _V4.pack(*fields, checksum(_V4.pack(*fields, 0) + ends)) + ends
    link = packet.frame[: packet.network - 2] + ethertype_of(address).to_bytes(2, "big")
    return link + outer + between + inner.packet


def _older(packet: bytes) -> _Inner | None:
    if packet[0] >> 4 == 6:
        _, size, _, hops = _V6.unpack_from(packet)
        if hops <= 1:
            return None
        traffic_class = int.from_bytes(packet[:2], "big") >> 4 & 0xFF
        left = packet[:7] + bytes((hops - 1,)) + packet[8:]
        return _Inner(left, V6_HEADER + size, PROTO_IPV6, traffic_class, hops, (0, DONT_FRAGMENT))
    _, tos, size, number, flags, hops, protocol, summed = _V4.unpack_from(packet)
    if hops <= 1:
        return None
    summed = updated(summed, packet[8:10], bytes((hops - 1, protocol)))
    left = packet[:8] + bytes((hops - 1, protocol)) + summed.to_bytes(2, "big") + packet[12:]
    return _Inner(left, size, PROTO_IPV4, tos, hops, (number, flags))


def _gue(packet: Packet, inner: _Inner) -> bytes:
    """UDP's header, of which no checksum is asked (RFC 768, 6935), from any dynamic port that is the flow's own."""
    ends = V4_HEADER - 8 if inner.protocol == PROTO_IPV4 else V6_HEADER - 32
    addresses = inner.packet[ends : V4_HEADER if inner.protocol == PROTO_IPV4 else V6_HEADER]
    port = GUE_FIRST + sum16(packet.frame[packet.transport : packet.transport + 4] + addresses) % GUE_PORTS
    return _GUE.pack(port, PORT_GUE, GUE_BYTES + inner.size, 0)
