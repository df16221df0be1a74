"""The few frames that the controller makes itself. Everything else is the switch's work.

Frames start at the Ethernet header, untagged.
"""

from __future__ import annotations

from fullnat.net.checksum import checksum
from fullnat.net.flow import Address, Flow
from fullnat.net.headers import (
    ARP_REQUEST,
    BROADCAST,
    ETHERTYPE_ARP,
    PROTO_ICMP,
    TcpFlag,
    arp,
    ethernet,
    ethertype_of,
    ip,
    tcp_packet,
)
from fullnat.net.parse import Packet


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
    """ICMP port unreachable in answer to an IPv4 ``packet`` of ``flow``, from its destination, quoting its IP header
    and 8 bytes (RFC 792)."""
    quoted = packet.frame[packet.network : packet.transport + 8]
    total = checksum(b"\x03\x03\0\0\0\0\0\0" + quoted)
    icmp = b"\x03\x03" + total.to_bytes(2, "big") + bytes(4) + quoted
    answer = ip(flow.dst.address, flow.src.address, PROTO_ICMP, icmp)
    return ethernet(packet.source_mac, packet.destination_mac, packet.ethertype) + answer


def fragmentation_needed(packet: Packet, source: Address, client: Address, mac: int, mtu: int) -> bytes:
    """ICMP fragmentation needed (RFC 1191 4) in answer to an IPv4 ``packet`` of ``client``, from ``source``, quoting
    its IP header and 8 bytes: no packet above ``mtu`` bytes gets through. The frame is for ``mac``."""
    quoted = packet.frame[packet.network : packet.transport + 8]
    head, limit = b"\x03\x04", mtu.to_bytes(4, "big")
    total = checksum(head + b"\0\0" + limit + quoted).to_bytes(2, "big")
    return ethernet(mac, mac, packet.ethertype) + ip(source, client, PROTO_ICMP, head + total + limit + quoted)


def arp_request(mac: int, address: Address, target: Address, destination: int = BROADCAST) -> bytes:
    """Who has ``target``? Tell ``address`` at ``mac``. Unicast to ``destination`` to confirm a known neighbor."""
    return ethernet(destination, mac, ETHERTYPE_ARP) + arp(ARP_REQUEST, mac, address, 0, target)


def gratuitous_arp(mac: int, address: Address) -> bytes:
    """The announcement that ``address`` is at ``mac`` (RFC 5227 2.3: a request)."""
    return arp_request(mac, address, address)


def readdressed(frame: bytes, destination: int, source: int) -> bytes | None:
    """An IPv4 frame with MAC addresses filled in and TTL lowered, its checksum with it; None when the TTL ends here."""
    ttl = frame[22]
    if ttl <= 1:
        return None
    header_checksum = int.from_bytes(frame[24:26], "big") + 0x0100
    header_checksum = (header_checksum & 0xFFFF) + (header_checksum >> 16)
    return b"".join((
        destination.to_bytes(6, "big"), source.to_bytes(6, "big"), frame[12:22], bytes((ttl - 1,)), frame[23:24],
        header_checksum.to_bytes(2, "big"), frame[26:],
    ))  # fmt: skip
