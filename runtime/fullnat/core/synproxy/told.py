"""What a cookie tells of its client's SYN, and the server's SYN-ACK of its windows."""

from __future__ import annotations

from fullnat.core.session.options import BadOptions, walk
from fullnat.net.flow import is_v6
from fullnat.net.headers import ETHERNET_BYTES, TcpFlag, tcp_packet
from fullnat.net.parse import Packet, Segment
from fullnat.p4constants import (
    COOKIE_MSS6_0,
    COOKIE_MSS6_1,
    COOKIE_MSS6_2,
    COOKIE_MSS6_3,
    COOKIE_MSS_0,
    COOKIE_MSS_1,
    COOKIE_MSS_2,
    COOKIE_MSS_3,
    COOKIE_SCALE_1,
    COOKIE_SCALE_2,
    COOKIE_SCALE_3,
)

_MSS = (COOKIE_MSS_0, COOKIE_MSS_1, COOKIE_MSS_2, COOKIE_MSS_3)
_MSS6 = (COOKIE_MSS6_0, COOKIE_MSS6_1, COOKIE_MSS6_2, COOKIE_MSS6_3)
_SCALES = (None, COOKIE_SCALE_1, COOKIE_SCALE_2, COOKIE_SCALE_3)
_SCALE_OPTION = 3
_MOST = 0xFFFF


def has_scale(cookie: int) -> bool:
    """Whether the client of ``cookie`` has windows scaled, and scales them."""
    return _SCALES[cookie >> 2 & 3] is not None


def syn(packet: Packet, cookie: int) -> bytes:
    """The SYN that a client sent, as far as ``packet``, which acknowledges its ``cookie``, and that tell."""
    flow, segment = packet.flow, packet.tcp
    assert flow is not None
    assert segment is not None
    mss = (_MSS6 if is_v6(flow.src.address) else _MSS)[cookie & 3]
    options = bytes((2, 4)) + mss.to_bytes(2, "big")
    scale = _SCALES[cookie >> 2 & 3]
    if cookie >> 4 & 1:
        options += bytes((1, 1, 4, 2))
    if scale is not None:
        options += bytes((1, _SCALE_OPTION, 3, scale))
    window = int.from_bytes(packet.frame[packet.transport + 14 : packet.transport + 16], "big")
    offered = min(window << (scale or 0), _MOST)
    head = packet.frame[:ETHERNET_BYTES]
    return head + tcp_packet(flow, segment.seq - 1, 0, TcpFlag.SYN, window=offered, options=options)


def server_scale(packet: Packet, segment: Segment) -> int:
    """Of the server's windows, by its SYN-ACK."""
    start = packet.transport + 20
    options = packet.frame[start : packet.transport + segment.header]
    try:
        found = [options[at + 2] for kind, at, end in walk(options) if kind == _SCALE_OPTION and end - at == 3]
    except BadOptions:
        return 0
    return min(found[0], 14) if found else 0
