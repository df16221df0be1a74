"""Neighbor discovery (RFC 4861): solicitations and advertisements, made as frames and read from packets.

A frame that this module reads is one that the switch sent here because of its type; everything that RFC 4861 7.1 asks
of it is checked here once more, for the switch leaves a part of that to the controller.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from fullnat.net.checksum import sum16
from fullnat.net.flow import V6_BYTES, Address, is_v6
from fullnat.net.headers import ETHERTYPE_IPV6, PROTO_ICMPV6, ethernet, icmpv6, ip, pseudo_header
from fullnat.net.parse import Packet

SOLICITATION = 135
ADVERTISEMENT = 136
HOP_LIMIT = 255
"""What no router can have forwarded has still (RFC 4861 11.2)."""
UNSPECIFIED = Address(bytes(V6_BYTES))
ALL_NODES = Address(b"\xff\x02" + bytes(13) + b"\x01")
SOLICITED_NODE = b"\xff\x02" + bytes(9) + b"\x01\xff"
"""Before the last three bytes of an address (RFC 4291 2.7.1)."""

_ROUTER, _SOLICITED, _OVERRIDE = 0x80, 0x40, 0x20
_SOURCE_OPTION, _TARGET_OPTION = 1, 2
_OPTION_UNIT = 8
_HEADER = Struct("!BBHB3x16s")
"""Type, code, checksum, flags of an advertisement, target."""


class Solicitation(NamedTuple):
    """Somebody asks where ``target`` is."""

    sender: Address
    """UNSPECIFIED: it wants to know whether it may have the address itself (RFC 4862 5.4)."""
    target: Address
    mac: int | None
    """Its own, if it says so."""


class Advertisement(NamedTuple):
    """Somebody says that it is ``target``."""

    target: Address
    mac: int | None
    """Its own, if it says so."""
    solicited: bool
    override: bool
    """What is known of it otherwise is wrong."""


def solicited_node(target: Address) -> Address:
    """The group of all that have an address with this end."""
    return Address(SOLICITED_NODE + target[-3:])


def group_mac(group: Address) -> int:
    """The Ethernet address of a group (RFC 2464 7)."""
    return 0x3333_0000_0000 | int.from_bytes(group[-4:], "big")


def solicitation(mac: int, source: Address, target: Address, destination: int | None = None) -> bytes:
    """Who has ``target``? Tell ``source`` at ``mac``. To the group of the target, or to confirm a known neighbor to it
    alone, at ``destination``."""
    to = solicited_node(target) if destination is None else target
    return _frame(mac, group_mac(to) if destination is None else destination, source, to, _asking(target, mac))


def probe(mac: int, target: Address) -> bytes:
    """Has anybody ``target``, which ``mac`` is about to use? (RFC 4862 5.4.2)"""
    group = solicited_node(target)
    return _frame(mac, group_mac(group), UNSPECIFIED, group, _asking(target, None))


def advertisement(mac: int, target: Address, to: Address = UNSPECIFIED, destination: int = 0) -> bytes:
    """``target`` is at ``mac``: the answer to ``to`` at ``destination``, or unasked to all."""
    asked = to != UNSPECIFIED
    flags = _SOLICITED | _OVERRIDE if asked else _OVERRIDE
    body = _HEADER.pack(ADVERTISEMENT, 0, 0, flags, target) + _option(_TARGET_OPTION, mac)
    receiver = to if asked else ALL_NODES
    return _frame(mac, destination if asked else group_mac(ALL_NODES), target, receiver, body)


def read(packet: Packet) -> Solicitation | Advertisement | None:
    """What ``packet`` says; None where RFC 4861 7.1.1 and 7.1.2 have it discarded."""
    frame, at, src, dst = packet.frame, packet.transport, packet.src, packet.dst
    if packet.protocol != PROTO_ICMPV6 or src is None or dst is None or not is_v6(src):
        return None
    length = int.from_bytes(frame[packet.network + 4 : packet.network + 6], "big")
    body = frame[at : at + length]
    if len(body) < max(length, _HEADER.size) or frame[packet.network + 7] != HOP_LIMIT:
        return None
    kind, code, _, flags, target = _HEADER.unpack_from(body)
    if code or target[0] == 0xFF or sum16(pseudo_header(src, dst, PROTO_ICMPV6, length) + body) != 0xFFFF:
        return None
    options = _options(body[_HEADER.size :])
    if options is None:
        return None
    if kind == SOLICITATION:
        mac = options.get(_SOURCE_OPTION)
        if src == UNSPECIFIED and (mac is not None or not dst.startswith(SOLICITED_NODE)):
            return None
        return Solicitation(src, Address(target), mac)
    if kind == ADVERTISEMENT and not (dst[0] == 0xFF and flags & _SOLICITED):
        mac = options.get(_TARGET_OPTION)
        return Advertisement(Address(target), mac, bool(flags & _SOLICITED), bool(flags & _OVERRIDE))
    return None


def _asking(target: Address, mac: int | None) -> bytes:
    return _HEADER.pack(SOLICITATION, 0, 0, 0, target) + (b"" if mac is None else _option(_SOURCE_OPTION, mac))


def _option(kind: int, mac: int) -> bytes:
    return bytes((kind, 1)) + mac.to_bytes(6, "big")


def _options(octets: bytes) -> dict[int, int] | None:
    """The link-layer addresses by the kind of their option; None when a length is none."""
    found: dict[int, int] = {}
    at = 0
    while at < len(octets):
        size = octets[at + 1] * _OPTION_UNIT if at + 1 < len(octets) else 0
        if not size or at + size > len(octets):
            return None
        if size == _OPTION_UNIT:
            found.setdefault(octets[at], int.from_bytes(octets[at + 2 : at + size], "big"))
        at += size
    return found


def _frame(mac: int, destination: int, src: Address, dst: Address, body: bytes) -> bytes:
    packet = ip(src, dst, PROTO_ICMPV6, icmpv6(src, dst, body), ttl=HOP_LIMIT)
    return ethernet(destination, mac, ETHERTYPE_IPV6) + packet
