"""Headers made from their fields, for IPv4 and IPv6 alike: the family is that of the addresses.

The one place that builds packets for the controller, for the user-space hosts of the demo and for the tests' single
segments. Lengths and checksums are filled in.
"""

from __future__ import annotations

from enum import IntFlag
from struct import Struct

from fullnat.net.checksum import checksum
from fullnat.net.flow import Address, Flow, is_v6

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
ETHERTYPE_IPV6 = 0x86DD
ETHERNET_BYTES = 14
PROTO_ICMP = 1
PROTO_TCP = 6
PROTO_UDP = 17
PROTO_ICMPV6 = 58
BROADCAST = 0xFFFFFFFFFFFF
ARP_REQUEST = 1
ARP_REPLY = 2
TTL = 64
V6_HEADER = 40
"""Bytes of an IPv6 header."""
V6_MTU = 1280
"""Bytes that every link of IPv6 carries at least (RFC 8200 5), and the longest that an error may be (RFC 4443 2.4)."""
DONT_FRAGMENT = 0x4000

_IPV4 = Struct("!BBHHHBBH4s4s")
_IPV6 = Struct("!IHBB16s16s")
_TCP = Struct("!HHIIBBHHH")
_UDP = Struct("!HHHH")
_ARP = Struct("!HHBBH6s4s6s4s")


class TcpFlag(IntFlag):
    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10


def ethernet(destination: int, source: int, ethertype: int) -> bytes:
    return destination.to_bytes(6, "big") + source.to_bytes(6, "big") + ethertype.to_bytes(2, "big")


def ethertype_of(address: Address) -> int:
    return ETHERTYPE_IPV6 if is_v6(address) else ETHERTYPE_IPV4


def ip(src: Address, dst: Address, protocol: int, payload: bytes, ttl: int = TTL) -> bytes:
    """An IP packet without options; IPv4 with DF and identification 0 (RFC 6864)."""
    if is_v6(src):
        return _IPV6.pack(6 << 28, len(payload), protocol, ttl, src, dst) + payload
    total = 20 + len(payload)
    header = _IPV4.pack(0x45, 0, total, 0, DONT_FRAGMENT, ttl, protocol, 0, src, dst)
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + payload


def pseudo_header(src: Address, dst: Address, protocol: int, length: int) -> bytes:
    """What a transport checksum covers of the IP header: of IPv4 and IPv6 the same sum (RFC 9293 3.1, RFC 8200 8.1)."""
    return src + dst + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")


def tcp(
    flow: Flow, seq: int, ack: int, flags: int, *, window: int = 0, options: bytes = b"", payload: bytes = b""
) -> bytes:
    """A segment of ``flow``; ``options`` are filled up with zeros (EOL) to whole words."""
    options += b"\0" * (-len(options) % 4)
    src, dst = flow.src, flow.dst
    offset = (20 + len(options)) << 2
    numbers = seq & 0xFFFFFFFF, ack & 0xFFFFFFFF
    segment = _TCP.pack(src.port, dst.port, *numbers, offset, flags, window, 0, 0) + options + payload
    total = checksum(pseudo_header(src.address, dst.address, PROTO_TCP, len(segment)) + segment)
    return segment[:16] + total.to_bytes(2, "big") + segment[18:]


def tcp_packet(
    flow: Flow, seq: int, ack: int, flags: int, *, window: int = 0, options: bytes = b"", payload: bytes = b""
) -> bytes:
    """The same in an IP packet."""
    segment = tcp(flow, seq, ack, flags, window=window, options=options, payload=payload)
    return ip(flow.src.address, flow.dst.address, PROTO_TCP, segment)


def udp(flow: Flow, payload: bytes) -> bytes:
    """A datagram of ``flow``. A checksum that comes to 0 is sent as 0xffff (RFC 768)."""
    length = 8 + len(payload)
    pseudo = pseudo_header(flow.src.address, flow.dst.address, PROTO_UDP, length)
    total = checksum(pseudo + _UDP.pack(flow.src.port, flow.dst.port, length, 0) + payload)
    return _UDP.pack(flow.src.port, flow.dst.port, length, total or 0xFFFF) + payload


def icmpv6(src: Address, dst: Address, message: bytes) -> bytes:
    """``message`` with its checksum, which covers the addresses (RFC 4443 2.3); the field is zero."""
    total = checksum(pseudo_header(src, dst, PROTO_ICMPV6, len(message)) + message)
    return message[:2] + total.to_bytes(2, "big") + message[4:]


def arp(operation: int, sender_mac: int, sender: Address, target_mac: int, target: Address) -> bytes:
    """An ARP packet of Ethernet and IPv4 (RFC 826), without its Ethernet header."""
    return _ARP.pack(
        1, ETHERTYPE_IPV4, 6, 4, operation, sender_mac.to_bytes(6, "big"), sender, target_mac.to_bytes(6, "big"), target
    )
