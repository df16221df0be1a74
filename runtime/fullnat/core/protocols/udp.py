"""UDP: a session is one-way until its server has sent something, and normal from then on (DPVS:
ip_vs_proto_udp.c). Every datagram opens one, and only time ends it."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property

from fullnat.config.model import Timeouts
from fullnat.core.interface import ProbeResult
from fullnat.core.protocols.base import Protocol, positive, register
from fullnat.net.headers import PROTO_UDP
from fullnat.net.parse import Packet
from fullnat.p4constants import SessionEvent


class UdpState(IntEnum):
    """DPVS's names."""

    ONEWAY = 0
    NORMAL = 1


class Udp(Protocol):
    name = "udp"
    number = PROTO_UDP
    is_numbered = False
    initial = UdpState.ONEWAY
    established = UdpState.NORMAL
    established_timeout = 300.0
    """LVS's."""
    challenging = frozenset()

    def __init__(self) -> None:
        self.opened = self.answers = self.words = int(SessionEvent.SYN_ACK)
        self.aborted = self.client_ended = 0

    @cached_property
    def one_way(self) -> Protocol:
        return OneWayUdp()

    def opening(self, packet: Packet) -> int | None:
        """Every datagram opens one, and none has a number."""
        return None

    def state(self, bits: int) -> UdpState:
        return UdpState.NORMAL if bits & self.answers else UdpState.ONEWAY

    def told(self, bits: int, unjudged: int, report: int) -> tuple[int, int]:
        return bits | report & self.answers, 0

    def is_open(self, bits: int, unjudged: int) -> bool:
        """There is no message of the end of a conversation."""
        return False

    def is_over(self, bits: int, unjudged: int) -> bool:
        return False

    def converses(self, counters: ProbeResult) -> bool:
        return counters.out_packets > 0

    def timeouts(self, configured: Timeouts) -> tuple[float, ...]:
        return positive(configured.udp_oneway, Timeouts().udp_oneway), self.established_timeout


class OneWayUdp(Udp):
    """Of a server that answers past the switch. Nobody sees whether it does, so it is taken to; LVS has one time."""

    initial = UdpState.NORMAL
    sees_servers = False

    def __init__(self) -> None:
        super().__init__()
        self.words = 0

    def state(self, bits: int) -> UdpState:
        return UdpState.NORMAL


register(Udp)
