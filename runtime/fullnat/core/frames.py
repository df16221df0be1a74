"""Frames: the few fields the controller reads, and the few frames it makes itself. Everything else is the switch's
work.

A frame starts at the Ethernet header, untagged. Parsers return None for what is too short or of another kind; the
switch has already checked lengths and the IPv4 header checksum.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from fullnat.net.checksum import checksum
from fullnat.net.flow import Address, Endpoint, Flow, v4
from fullnat.net.headers import (
    ARP_REQUEST,
    BROADCAST,
    ETHERNET_BYTES,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    PROTO_ICMP,
    PROTO_TCP,
    arp,
    ethernet,
    ip,
    tcp_packet,
)

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

_U16 = Struct("!H")
_IPV4 = Struct("!BxH5xB2xII")
_TCP = Struct("!HHIIBB")
_ARP = Struct("!HHBBH6sI6sI")
_ARP_START = (1, ETHERTYPE_IPV4, 6, 4)


class Segment(NamedTuple):
    """A TCP segment over IPv4. ``length``: bytes of payload."""

    src: int
    dst: int
    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    length: int


class Arp(NamedTuple):
    operation: int
    sender_mac: int
    sender: int
    target: int


def parse_tcp(frame: bytes) -> Segment | None:
    if len(frame) < 54 or frame[12] != 8 or frame[13] != 0:
        return None
    version_ihl, total, protocol, src, dst = _IPV4.unpack_from(frame, ETHERNET_BYTES)
    header = (version_ihl & 15) * 4
    start = ETHERNET_BYTES + header
    if protocol != PROTO_TCP or version_ihl >> 4 != 4 or header < 20 or len(frame) < start + 20:
        return None
    src_port, dst_port, seq, ack, offset, flags = _TCP.unpack_from(frame, start)
    length = total - header - (offset >> 4) * 4
    if length < 0:
        return None
    return Segment(src, dst, src_port, dst_port, seq, ack, flags, length)


def parse_arp(frame: bytes) -> Arp | None:
    if len(frame) < ETHERNET_BYTES + _ARP.size or _U16.unpack_from(frame, 12)[0] != ETHERTYPE_ARP:
        return None
    *start, operation, sender_mac, sender, _, target = _ARP.unpack_from(frame, ETHERNET_BYTES)
    if tuple(start) != _ARP_START:
        return None
    return Arp(operation, int.from_bytes(sender_mac, "big"), sender, target)


def ipv4_destination(frame: bytes) -> int | None:
    if len(frame) < 34 or frame[12] != 8 or frame[13] != 0:
        return None
    return int.from_bytes(frame[30:34], "big")


def source_mac(frame: bytes) -> int:
    return int.from_bytes(frame[6:12], "big")


def destination_mac(frame: bytes) -> int:
    return int.from_bytes(frame[0:6], "big")


def tcp_frame(
    macs: tuple[int, int], src: int, src_port: int, dst: int, dst_port: int, seq: int, ack: int, flags: int
) -> bytes:
    """A segment without options or payload, window 0, DF, TTL 64. ``macs``: destination, source."""
    flow = Flow(PROTO_TCP, Endpoint(v4(src), src_port), Endpoint(v4(dst), dst_port))
    return ethernet(*macs, ETHERTYPE_IPV4) + tcp_packet(flow, seq, ack, flags)


def bare_reset(src: int, src_port: int, dst: int, dst_port: int) -> bytes:
    """The RST of an expired session, seq 0: the switch fills seq and the MAC addresses in."""
    return tcp_frame((0, 0), src, src_port, dst, dst_port, 0, 0, RST)


def reset_answer(frame: bytes, segment: Segment) -> bytes | None:
    """The RST that a closed port answers (RFC 9293 3.10.7.1); None for a RST."""
    if segment.flags & RST:
        return None
    if segment.flags & ACK:
        seq, ack, flags = segment.ack, 0, RST
    else:
        occupied = segment.length + (segment.flags >> 1 & 1) + (segment.flags & FIN)
        seq, ack, flags = 0, segment.seq + occupied & 0xFFFFFFFF, RST | ACK
    macs = source_mac(frame), destination_mac(frame)
    return tcp_frame(macs, segment.dst, segment.dst_port, segment.src, segment.src_port, seq, ack, flags)


def port_unreachable(frame: bytes) -> bytes:
    """ICMP port unreachable in answer to ``frame`` (IPv4), quoting its IP header and 8 bytes (RFC 792), from its
    destination."""
    src, dst = Address(frame[26:30]), Address(frame[30:34])
    quoted = frame[ETHERNET_BYTES : ETHERNET_BYTES + (frame[ETHERNET_BYTES] & 15) * 4 + 8]
    total = checksum(b"\x03\x03\0\0\0\0\0\0" + quoted)
    icmp = b"\x03\x03" + total.to_bytes(2, "big") + bytes(4) + quoted
    macs = source_mac(frame), destination_mac(frame)
    return ethernet(*macs, ETHERTYPE_IPV4) + ip(dst, src, PROTO_ICMP, icmp)


def arp_request(mac: int, address: int, target: int, destination: int = BROADCAST) -> bytes:
    """Who has ``target``? Tell ``address`` at ``mac``. Unicast to ``destination`` to confirm a known neighbor."""
    return ethernet(destination, mac, ETHERTYPE_ARP) + arp(ARP_REQUEST, mac, v4(address), 0, v4(target))


def gratuitous_arp(mac: int, address: int) -> bytes:
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
