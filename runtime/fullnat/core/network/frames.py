"""The few frames that the controller makes itself. Everything else is the switch's work.

Frames start at the Ethernet header, untagged.
"""

from __future__ import annotations

from fullnat.net.flow import Address, Flow, is_v6
from fullnat.net.headers import (
    ARP_REQUEST,
    BROADCAST,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV6,
    PROTO_ICMP,
    PROTO_ICMPV6,
    V6_HEADER,
    V6_MTU,
    TcpFlag,
    arp,
    ethernet,
    ethertype_of,
    icmpv6,
    ip,
    tcp_packet,
)
from fullnat.net.icmp import HEADER_BYTES, PORT_UNREACHABLE, ROOM_TO_QUOTE, V6_KINDS, message
from fullnat.net.nd import advertisement, probe, solicitation
from fullnat.net.parse import Packet

_IPV6 = ETHERTYPE_IPV6.to_bytes(2, "big")


def tcp_frame(macs: tuple[int, int], flow: Flow, seq: int, ack: int, flags: int) -> bytes:
    """A segment without options or payload, window 0, DF, TTL 64. ``macs``: destination, source."""
    return ethernet(*macs, ethertype_of(flow.src.address)) + tcp_packet(flow, seq, ack, flags)


def bare_reset(flow: Flow) -> bytes:
    """The RST of an expired session, seq 0: the switch fills seq and the MAC addresses in."""
    return tcp_frame((0, 0), flow, 0, 0, TcpFlag.RST)


def reset_answer(packet: Packet) -> bytes | None:
    """The RST that a closed port answers (RFC 9293 3.10.7.1); None for a RST, and for what is not TCP."""
    flow, segment = packet.flow, packet.tcp
    if flow is None or segment is None or segment.flags & TcpFlag.RST:
        return None
    if segment.flags & TcpFlag.ACK:
        seq, ack, flags = segment.ack, 0, TcpFlag.RST
    else:
        occupied = segment.length + bool(segment.flags & TcpFlag.SYN) + bool(segment.flags & TcpFlag.FIN)
        seq, ack, flags = 0, segment.seq + occupied & 0xFFFFFFFF, TcpFlag.RST | TcpFlag.ACK
    return tcp_frame((packet.source_mac, packet.destination_mac), flow.reversed(), seq, ack, flags)


def port_unreachable(packet: Packet, flow: Flow) -> bytes:
    """ICMP port unreachable in answer to a ``packet`` of ``flow``, from its destination."""
    return icmp_error(packet, PORT_UNREACHABLE, flow.dst.address, (packet.source_mac, packet.destination_mac))


def icmp_error(packet: Packet, kind: tuple[int, int], source: Address, macs: tuple[int, int], mtu: int = 0) -> bytes:
    """The ICMP error of type and code ``kind`` in answer to a ``packet``, or its like in ICMPv6, from ``source``,
    quoting as much of it as is sure to arrive (RFC 1812 4.3.2.3, RFC 4443 2.4). With fragmentation needed, no packet
    above ``mtu`` bytes gets through (RFC 1191 4). ``macs``: destination, source. Raises ValueError for a packet without
    addresses."""
    if packet.src is None:
        raise ValueError("nobody to tell: the packet has no source")
    frame, start = packet.frame, packet.network
    if is_v6(packet.src):
        end = start + V6_HEADER + int.from_bytes(frame[start + 4 : start + 6], "big")
        quoted = frame[start : min(end, start + V6_MTU - V6_HEADER - HEADER_BYTES)]
        answer = icmpv6(source, packet.src, bytes((*V6_KINDS[kind], 0, 0)) + mtu.to_bytes(4, "big") + quoted)
        return ethernet(*macs, packet.ethertype) + ip(source, packet.src, PROTO_ICMPV6, answer)
    length = min(int.from_bytes(frame[start + 2 : start + 4], "big"), ROOM_TO_QUOTE)
    answer = message(kind, mtu.to_bytes(4, "big"), frame[start : start + length])
    return ethernet(*macs, packet.ethertype) + ip(source, packet.src, PROTO_ICMP, answer)


def arp_request(mac: int, address: Address, target: Address, destination: int = BROADCAST) -> bytes:
    """Who has ``target``? Tell ``address`` at ``mac``. Unicast to ``destination`` to confirm a known neighbor."""
    return ethernet(destination, mac, ETHERTYPE_ARP) + arp(ARP_REQUEST, mac, address, 0, target)


def question(mac: int, address: Address, target: Address, destination: int | None = None) -> bytes:
    """Who has ``target``? Tell ``address`` at ``mac``: to all, or to the one at ``destination``."""
    if is_v6(target):
        return solicitation(mac, address, target, destination)
    return arp_request(mac, address, target, BROADCAST if destination is None else destination)


def announcements(mac: int, address: Address) -> tuple[bytes, ...]:
    """That ``address`` is at ``mac``: gratuitous ARP (RFC 5227 2.3: a request), or an unasked advertisement. Of IPv6
    the question whether somebody has it already comes before that, and nobody waits for the answer, as in RFC 4429: a
    switch that takes over serves at once."""
    if is_v6(address):
        return probe(mac, address), advertisement(mac, address)
    return (arp_request(mac, address, address),)


def readdressed(frame: bytes, destination: int, source: int) -> bytes | None:
    """A frame with MAC addresses filled in and TTL or hop limit lowered, the checksum of IPv4 with it; None when that
    ends here."""
    ends = destination.to_bytes(6, "big") + source.to_bytes(6, "big")
    if frame[12:14] == _IPV6:
        limit = frame[21]
        return None if limit <= 1 else b"".join((ends, frame[12:21], bytes((limit - 1,)), frame[22:]))
    ttl = frame[22]
    if ttl <= 1:
        return None
    header_checksum = int.from_bytes(frame[24:26], "big") + 0x0100
    header_checksum = (header_checksum & 0xFFFF) + (header_checksum >> 16)
    return b"".join((
        ends, frame[12:22], bytes((ttl - 1,)), frame[23:24], header_checksum.to_bytes(2, "big"), frame[26:],
    ))  # fmt: skip
