"""A frame, parsed once: where its parts are, whose flow it is of.

The switch has checked lengths and the checksum of the IPv4 header before it sends a frame here; whatever is too short
or of another kind all the same parses to a packet without the part in question, never to an exception. No switch checks
the checksum of TCP or UDP: :meth:`Packet.is_intact` does, before anything is made of a segment or datagram here.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from fullnat.net.checksum import sum16
from fullnat.net.flow import Address, Endpoint, Flow, is_v6, made
from fullnat.net.headers import (
    ETHERNET_BYTES,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_TCP,
    PROTO_UDP,
    pseudo_header,
)

_IPV4 = Struct("!BxH5xB2x4s4s")
_IPV6 = Struct("!IHBx16s16s")
_TCP = Struct("!HHIIBB")
_PORTS = Struct("!HH")
_UDP_REST = Struct("!HH")
UDP_BYTES = 8
_ECHO = Struct("!BB2xH")
ECHO_BYTES = 8
_ECHOES = {PROTO_ICMP: (8, 0), PROTO_ICMPV6: (128, 129)}
"""Types of requests and replies."""
_ARP = Struct("!HHBBH6s4s6s4s")
_ARP_START = (1, ETHERTYPE_IPV4, 6, 4)


class Segment(NamedTuple):
    """What a TCP header says beside its ports."""

    seq: int
    ack: int
    flags: int
    header: int
    """Bytes of the header, options included."""
    length: int
    """Bytes of payload, by the IP header."""


class Arp(NamedTuple):
    operation: int
    sender_mac: int
    sender: Address
    target: Address


class Packet(NamedTuple):
    """``network`` and ``transport`` are where in ``frame`` the IP header and what follows it begin."""

    frame: bytes
    ethertype: int
    network: int = ETHERNET_BYTES
    transport: int = 0
    protocol: int = 0
    src: Address | None = None
    dst: Address | None = None
    flow: Flow | None = None
    """Of TCP and UDP, and of echo requests and replies, whose identifier is the port of who asks. Fragments behind the
    first one tell none."""
    tcp: Segment | None = None
    arp: Arp | None = None

    @property
    def source_mac(self) -> int:
        return int.from_bytes(self.frame[6:12], "big")

    @property
    def destination_mac(self) -> int:
        return int.from_bytes(self.frame[0:6], "big")

    @property
    def is_first_fragment(self) -> bool:
        """Whether it is the beginning of a datagram or segment over IPv4, whose rest comes in other packets."""
        return self.flow is not None and self.ethertype == ETHERTYPE_IPV4 and bool(self.frame[self.network + 6] & 0x20)

    def is_intact(self) -> bool:
        """Whether the frame has all of a TCP segment, with a right checksum (RFC 9293 3.1), or of a UDP datagram, whose
        checksum may be missing over IPv4 (RFC 768, RFC 8200 8.1)."""
        flow, segment = self.flow, self.tcp
        if flow is None:
            return False
        if segment is not None:
            length = segment.header + segment.length
        elif self.protocol in _ECHOES:
            return self._is_intact_echo()
        else:
            length, checksum = _UDP_REST.unpack_from(self.frame, self.transport + _PORTS.size)
            if length < UDP_BYTES:
                return False
            if not checksum:
                return len(self.frame) >= self.transport + length and not is_v6(flow.src.address)
        octets = self.frame[self.transport : self.transport + length]
        if len(octets) < length:
            return False
        return sum16(pseudo_header(flow.src.address, flow.dst.address, self.protocol, length) + octets) == 0xFFFF

    def _is_intact_echo(self) -> bool:
        """The same of an echo: ICMP covers itself alone (RFC 792), ICMPv6 the addresses as well (RFC 4443 2.3)."""
        if self.ethertype == ETHERTYPE_IPV4:
            header, at = 0, self.network + 2
            end = self.network + int.from_bytes(self.frame[at : at + 2], "big")
        else:
            header, at = 1, self.network + 4
            end = self.transport + int.from_bytes(self.frame[at : at + 2], "big")
        octets = self.frame[self.transport : end]
        if len(octets) < end - self.transport or self.src is None or self.dst is None:
            return False
        covered = pseudo_header(self.src, self.dst, self.protocol, len(octets)) if header else b""
        return sum16(covered + octets) == 0xFFFF


def parse(frame: bytes) -> Packet:
    """What ``frame`` is, from its Ethernet header on; an 802.1Q tag is no kind that is known here."""
    if len(frame) < ETHERNET_BYTES:
        return Packet(frame, 0)
    ethertype = frame[12] << 8 | frame[13]
    if ethertype == ETHERTYPE_IPV4:
        return _ipv4(frame)
    if ethertype == ETHERTYPE_IPV6:
        return _ipv6(frame)
    if ethertype == ETHERTYPE_ARP:
        return Packet(frame, ethertype, arp=_arp(frame))
    return Packet(frame, ethertype)


def _ipv4(frame: bytes) -> Packet:
    if len(frame) < ETHERNET_BYTES + 20:
        return Packet(frame, ETHERTYPE_IPV4)
    version_ihl, total, protocol, src, dst = _IPV4.unpack_from(frame, ETHERNET_BYTES)
    header = (version_ihl & 15) * 4
    if version_ihl >> 4 != 4 or header < 20 or total < header:
        return Packet(frame, ETHERTYPE_IPV4)
    if (frame[ETHERNET_BYTES + 6] & 0x1F) or frame[ETHERNET_BYTES + 7]:
        return Packet(frame, ETHERTYPE_IPV4, ETHERNET_BYTES, ETHERNET_BYTES + header, protocol, src, dst)
    return _transport(frame, ETHERTYPE_IPV4, ETHERNET_BYTES + header, protocol, src, dst, total - header)


def _ipv6(frame: bytes) -> Packet:
    if len(frame) < ETHERNET_BYTES + 40:
        return Packet(frame, ETHERTYPE_IPV6)
    first, length, protocol, src, dst = _IPV6.unpack_from(frame, ETHERNET_BYTES)
    if first >> 28 != 6:
        return Packet(frame, ETHERTYPE_IPV6)
    return _transport(frame, ETHERTYPE_IPV6, ETHERNET_BYTES + 40, protocol, src, dst, length)


def _transport(
    frame: bytes, ethertype: int, start: int, protocol: int, src: Address, dst: Address, length: int
) -> Packet:
    """``length``: bytes behind the IP header, by the IP header."""
    flow: Flow | None = None
    segment: Segment | None = None
    if protocol == PROTO_TCP and len(frame) >= start + 20:
        src_port, dst_port, seq, ack, offset, flags = _TCP.unpack_from(frame, start)
        header = (offset >> 4) * 4
        if 20 <= header <= length and len(frame) >= start + header:
            segment = made(Segment, (seq, ack, flags, header, length - header))
            flow = made(Flow, (protocol, made(Endpoint, (src, src_port)), made(Endpoint, (dst, dst_port))))
    elif protocol == PROTO_UDP and len(frame) >= start + UDP_BYTES and length >= UDP_BYTES:
        src_port, dst_port = _PORTS.unpack_from(frame, start)
        flow = Flow(protocol, Endpoint(src, src_port), Endpoint(dst, dst_port))
    elif protocol in _ECHOES and len(frame) >= start + ECHO_BYTES <= start + length:
        kind, code, identifier = _ECHO.unpack_from(frame, start)
        request, reply = _ECHOES[protocol]
        if kind in (request, reply) and not code:
            asks = kind == request
            flow = Flow(protocol, Endpoint(src, identifier * asks), Endpoint(dst, identifier * (not asks)))
    return made(Packet, (frame, ethertype, ETHERNET_BYTES, start, protocol, src, dst, flow, segment, None))


def _arp(frame: bytes) -> Arp | None:
    if len(frame) < ETHERNET_BYTES + _ARP.size:
        return None
    *start, operation, sender_mac, sender, _, target = _ARP.unpack_from(frame, ETHERNET_BYTES)
    if tuple(start) != _ARP_START:
        return None
    return Arp(operation, int.from_bytes(sender_mac, "big"), sender, target)
