"""ICMP errors about packets of a session reach the packet's sender, as if it had spoken to whom it thinks it did."""

from __future__ import annotations

from typing import Any

from fullnat.p4constants import TOA_V4_BYTES

from ptf_tests import topology
from ptf_tests.base import requires
from ptf_tests.packets import ICMP, IP, Ether, IPOption, Raw, Tcp, Udp, timestamps
from ptf_tests.sessions import DirectSession, Session, SessionTest, TunnelSession
from ptf_tests.test_udp import UdpTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE, UPLINK

PORT_UNREACHABLE = (3, 3)
FRAGMENTATION_NEEDED = (3, 4)
ERRORS = (
    *((3, code) for code in (0, 1, 3, 4, 9, 13)),
    (4, 0),
    (11, 0),
    (11, 1),
    (12, 0),
)
CLIENT_ROUTER = "203.0.113.50"
SERVER_ROUTER = "10.0.0.50"
LEAST = 8
"""Bytes of the transport header that an error quotes at least (RFC 792)."""


def quoted(packet: Tcp | Udp, length: int | None = None, **fields: Any) -> bytes:
    """The IP packet as an error quotes it: with ``length`` bytes behind its header, by default all; ``fields`` of IP."""
    ip = IP(bytes(packet)[14:])
    behind = bytes(ip.payload)
    if fields:
        ip = ip.copy()
        del ip.chksum, ip.ihl
        for name, value in fields.items():
            setattr(ip, name, value)
    header = IP(bytes(ip))
    return bytes(header)[: header.ihl * 4] + behind[:length]


def error(
    receiver: str,
    quote: bytes,
    kind: tuple[int, int] = PORT_UNREACHABLE,
    router: str = CLIENT_ROUTER,
    port: int = CLIENT_SIDE,
    mtu: int = 0,
    padding: bytes = b"",
    checksum: int | None = None,
    **fields: Any,
) -> bytes:
    """An ICMP error of ``router`` that came in by ``port``; ``fields`` of IP."""
    source = topology.CLIENT_MAC if port == CLIENT_SIDE else topology.SERVER_MAC
    ether = Ether(dst=topology.PORT_MAC[port], src=source)
    message = _message(kind, mtu, quote, checksum)
    return bytes(ether / IP(**{"src": router, "ttl": 60, **fields}, dst=receiver, proto=1) / Raw(message)) + padding


def _message(kind: tuple[int, int], mtu: int, quote: bytes, checksum: int | None) -> bytes:
    rest = b"\0\0" + mtu.to_bytes(2, "big")
    head = bytes(ICMP(type=kind[0], code=kind[1], chksum=checksum) / Raw(rest + quote))
    # scapy's ICMP has the second word of the header too: here it is the message's.
    return _with_checksum(bytes(kind) + b"\0\0" + rest + quote, checksum) if head else head


def _with_checksum(message: bytes, checksum: int | None) -> bytes:
    from scapy.utils import checksum as reckoned

    total = reckoned(message) if checksum is None else checksum
    return message[:2] + total.to_bytes(2, "big") + message[4:]
