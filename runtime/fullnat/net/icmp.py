"""ICMP errors and the packets that they quote (RFC 792, RFC 1812 4.3): found, translated, and made."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from fullnat.net.checksum import checksum, updated
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.net.headers import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_TCP,
    PROTO_UDP,
    V6_HEADER,
    V6_MTU,
    TcpFlag,
)
from fullnat.net.parse import Packet

UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM = 3, 4, 5, 11, 12
PORT_UNREACHABLE = (UNREACHABLE, 3)
FRAGMENTATION_NEEDED = (UNREACHABLE, 4)
PROHIBITED = (UNREACHABLE, 13)
"""Communication administratively prohibited (RFC 1812 5.2.7.1)."""
TTL_EXCEEDED = (TIME_EXCEEDED, 0)
V6_KINDS = {PORT_UNREACHABLE: (1, 4), FRAGMENTATION_NEEDED: (2, 0), TTL_EXCEEDED: (3, 0), PROHIBITED: (1, 1)}
"""What ICMPv6 calls them (RFC 4443 3)."""
TRANSLATED = frozenset({UNREACHABLE, SOURCE_QUENCH, TIME_EXCEEDED, PARAMETER_PROBLEM})
"""Types of errors about packets of a session; a redirect is for the next hop alone."""
V6_TRANSLATED = frozenset({1, 2, 3, 4})
"""All that ICMPv6 has."""
QUERIES = frozenset({0, 8, 13, 14, 15, 16, 17, 18})
"""Types that are no errors."""
V6_QUERIES = range(128, 256)
V6_REDIRECT = 137
GROUP = 0xFF
"""Begins an address of IPv6 that is a group's."""
HEADER_BYTES = 8
LEAST_QUOTED = 8
"""Bytes behind the IP header of a quoted packet that every error has (RFC 792)."""
ROOM_TO_QUOTE = 576 - 20 - HEADER_BYTES
"""Bytes of a packet that an error quotes: longer than 576 bytes with its IP header it need not be received
(RFC 1812 4.3.2.3)."""
_TCP_BYTES = 18
"""Of a TCP header up to and with its checksum."""

_IPV4 = Struct("!BxHxxHxB2x4s4s")
_PORTS = Struct("!HH")


class Quoted(NamedTuple):
    """``network``, ``transport`` and ``end`` are where in the error's frame the quoted IP header begins, what follows
    it begins, and all that is quoted ends."""

    network: int
    transport: int
    end: int
    flow: Flow
    """As the sender of the quoted packet wrote it."""


def is_answerable(packet: Packet) -> bool:
    """Whether an error may be sent about ``packet``, as far as it says itself (RFC 1812 4.3.2.7, RFC 4443 2.4): no
    fragment but the first, to and from one host, and if it is ICMP, no error."""
    frame = packet.frame
    if packet.ethertype == ETHERTYPE_IPV6:
        return _is_answerable6(packet)
    if packet.ethertype != ETHERTYPE_IPV4 or packet.src is None:
        return False
    if int.from_bytes(frame[packet.network + 6 : packet.network + 8], "big") & 0x1FFF:
        return False
    return packet.protocol != PROTO_ICMP or (len(frame) > packet.transport and frame[packet.transport] in QUERIES)


def _is_answerable6(packet: Packet) -> bool:
    src, dst, frame, at = packet.src, packet.dst, packet.frame, packet.transport
    if src is None or dst is None or not any(src) or GROUP in (src[0], dst[0]):
        return False
    if packet.protocol != PROTO_ICMPV6:
        return True
    return len(frame) > at and frame[at] in V6_QUERIES and frame[at] != V6_REDIRECT


def quoted(packet: Packet) -> Quoted | None:
    """What ``packet`` quotes, if it is an ICMP error to the sender of the packet that it quotes, and that is TCP or UDP
    with 8 bytes behind its IP header. Not of a fragment but the first, which has no ports, nor behind extension
    headers."""
    frame, start, six = packet.frame, packet.transport, packet.ethertype == ETHERTYPE_IPV6
    if packet.src is None or packet.protocol != (PROTO_ICMPV6 if six else PROTO_ICMP):
        return None
    length = frame[packet.network + 4 : packet.network + 6] if six else frame[packet.network + 2 : packet.network + 4]
    end = packet.network + (V6_HEADER if six else 0) + int.from_bytes(length, "big")
    network = start + HEADER_BYTES
    least = V6_HEADER if six else _IPV4.size
    if end > len(frame) or end < network + least or frame[start] not in (V6_TRANSLATED if six else TRANSLATED):
        return None
    header = frame[network : network + least]
    size, protocol, src, dst = _ipv6(header) if six else _ipv4(header)
    transport = network + size
    if size < least or transport + LEAST_QUOTED > end or src != packet.dst or protocol not in (PROTO_TCP, PROTO_UDP):
        return None
    src_port, dst_port = _PORTS.unpack_from(frame, transport)
    return Quoted(network, transport, end, Flow(protocol, Endpoint(src, src_port), Endpoint(dst, dst_port)))


def _ipv4(header: bytes) -> tuple[int, int, Address, Address]:
    """Size, protocol and addresses of a quoted packet's header; size 0 if what follows is no transport header."""
    version_ihl, _, fragment, protocol, src, dst = _IPV4.unpack(header)
    size = (version_ihl & 15) * 4
    return 0 if version_ihl >> 4 != 4 or fragment & 0x1FFF else size, protocol, Address(src), Address(dst)


def _ipv6(header: bytes) -> tuple[int, int, Address, Address]:
    size = V6_HEADER if header[0] >> 4 == 6 else 0
    return size, header[6], Address(header[8:24]), Address(header[24:40])


class Change(NamedTuple):
    """What a translation makes of an error."""

    flow: Flow
    """Of the quoted packet, as its own sender wrote it."""
    hides_router: bool
    """The error's source becomes the quoted packet's destination, and does not stay what it is."""
    seq: int
    """What is added to the quoted sequence number; ``ack``: to what the segment acknowledges, if it is quoted."""
    ack: int
    mtu: int
    """What is taken off the MTU of fragmentation needed; an MTU of 0 tells of none."""


def translated(packet: Packet, quote: Quoted, change: Change) -> bytes:
    """The frame of an error for the sender of the packet that it quotes. Every checksum changes by the difference
    (RFC 1624), so what came damaged stays so (LVS: ip_vs_nat_icmp, which makes them anew)."""
    frame, start, flow = packet.frame, packet.transport, change.flow
    six = packet.ethertype == ETHERTYPE_IPV6
    network = _readdressed(frame[quote.network : quote.transport], flow.src.address + flow.dst.address, six)
    behind = _transport(frame[quote.transport : quote.end], quote.flow, change)
    outer = frame[packet.network : start]
    before = outer[8:40] if six else outer[12:20]
    source = flow.dst.address if change.hides_router else before[: len(before) // 2]
    ends = source + flow.src.address
    old, new = frame[start : quote.end], _lowered(frame[start : quote.network], change.mtu, six) + network + behind
    odd = b"\0" * (len(old) % 2)
    # That of ICMPv6 covers the addresses outside, too.
    covered = (before, ends) if six else (b"", b"")
    new = new[:2] + _updated(old[2:4], covered[0] + old[4:] + odd, covered[1] + new[4:] + odd) + new[4:]
    return frame[: packet.network] + _readdressed(outer, ends, six) + new + frame[quote.end :]


def _readdressed(header: bytes, addresses: bytes, six: bool) -> bytes:
    """An IP header with other addresses; that of IPv4 has a checksum."""
    return header[:8] + addresses + header[40:] if six else _with(header, 12, addresses, 10)


def _lowered(head: bytes, less: int, six: bool) -> bytes:
    """The error's own header with an MTU that is ``less``, if it tells of one. No link of IPv6 has less than 1280."""
    mtu = int.from_bytes(head[4:8], "big")
    if six and (head[0], head[1]) == V6_KINDS[FRAGMENTATION_NEEDED]:
        return head[:4] + (max(mtu - less, V6_MTU) if mtu > V6_MTU else mtu).to_bytes(4, "big")
    if not six and (head[0], head[1]) == FRAGMENTATION_NEEDED:
        return head[:6] + max((mtu & 0xFFFF) - less, 0).to_bytes(2, "big")
    return head


def _transport(old: bytes, before: Flow, change: Change) -> bytes:
    """What is quoted behind the IP header."""
    flow = change.flow
    ports = _PORTS.pack(flow.src.port, flow.dst.port)
    of_ip = before.src.address + before.dst.address, flow.src.address + flow.dst.address
    if flow.protocol == PROTO_UDP:
        field = old[6:8]
        if any(field):
            field = _updated(field, of_ip[0] + old[:4], of_ip[1] + ports)
            field = field if any(field) else b"\xff\xff"
        return ports + old[4:6] + field + old[8:]
    new = ports + _plus(old[4:8], change.seq) + old[8:]
    if len(old) < _TCP_BYTES:
        return new
    if old[13] & TcpFlag.ACK:
        new = new[:8] + _plus(old[8:12], change.ack) + new[12:]
    return new[:16] + _updated(old[16:18], of_ip[0] + old[:12], of_ip[1] + new[:12]) + new[18:]


def _plus(number: bytes, addend: int) -> bytes:
    return (int.from_bytes(number, "big") + addend & 0xFFFFFFFF).to_bytes(4, "big")


def _with(header: bytes, at: int, new: bytes, field: int) -> bytes:
    """``header`` with ``new`` at an even place, and its checksum at ``field``."""
    end = at + len(new)
    result = header[:at] + new + header[end:]
    return result[:field] + _updated(header[field : field + 2], header[at:end], new) + result[field + 2 :]


def _updated(field: bytes, old: bytes, new: bytes) -> bytes:
    return updated(int.from_bytes(field, "big"), old, new).to_bytes(2, "big")


def message(kind: tuple[int, int], rest: bytes, quote: bytes) -> bytes:
    """An ICMP message of type and code ``kind`` with the second word ``rest`` of its header, that quotes ``quote``."""
    head = bytes(kind)
    return head + checksum(head + b"\0\0" + rest + quote).to_bytes(2, "big") + rest + quote
