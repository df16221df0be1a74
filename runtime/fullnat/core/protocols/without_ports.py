"""ICMP: echo requests of a host inside, one session for each identifier and destination (RFC 5508 3.2). Each request
opens one, and only time ends it (Linux: nf_conntrack_icmp_timeout)."""

from __future__ import annotations

from fullnat.config.model import Timeouts
from fullnat.core.protocols.base import positive, register
from fullnat.core.protocols.udp import Udp
from fullnat.net.headers import PROTO_ICMP, PROTO_ICMPV6
from fullnat.net.parse import Packet

TIMEOUT = 30.0
REQUESTS = 8, 128
"""Types of ICMP and ICMPv6."""


class Icmp(Udp):
    """The switch tells no news of it: a session is one-way for as long as it lasts."""

    name = "icmp"
    number = PROTO_ICMP
    established_timeout = TIMEOUT

    def __init__(self) -> None:
        super().__init__()
        self.words = 0

    def opens(self, packet: Packet) -> bool:
        """Requests do, replies do not."""
        return packet.frame[packet.transport] in REQUESTS

    def timeouts(self, configured: Timeouts) -> tuple[float, ...]:
        seconds = positive(configured.udp_oneway, TIMEOUT)
        return seconds, seconds


class Icmpv6(Icmp):
    name = "icmpv6"
    number = PROTO_ICMPV6


register(Icmp)
register(Icmpv6)
