"""TCP: which news of its endpoints means which state of a session, as data, and the time that it may stay in each.

LVS (ip_vs_proto_tcp.c, ``tcp_states``) moves a session by every single segment. Here the state follows the endpoints:
the switch reports as SessionEvent bits what the receivers of segments can have accepted, and takes back what turns out
not to have been accepted. The state is a function of the bits that stand, in whatever order they were reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import cached_property
from typing import ClassVar

from fullnat.config.model import Timeouts
from fullnat.core.interface import ProbeResult
from fullnat.core.protocols.base import Protocol, positive, register
from fullnat.net.headers import PROTO_TCP, TcpFlag
from fullnat.net.parse import Packet
from fullnat.p4constants import SessionEvent

HANDSHAKE_PACKETS_IN = 16
HANDSHAKE_PACKETS_OUT = 8
"""More packets each way than a handshake takes, retransmissions included."""
EMPTY_FRAME = 74
"""Bytes of a server's SYN-ACK, RST or challenge with its usual options; one that says more has a connection."""


class TcpState(IntEnum):
    """LVS's names."""

    NONE = 0
    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT = 4
    TIME_WAIT = 5
    CLOSE = 6
    CLOSE_WAIT = 7
    LAST_ACK = 8
    LISTEN = 9
    SYNACK = 10


RULES: tuple[tuple[TcpState, tuple[SessionEvent, ...]], ...] = (
    (TcpState.CLOSE, (SessionEvent.RST_OUT,)),
    (TcpState.CLOSE, (SessionEvent.RST_IN, SessionEvent.SYN_ACK)),
    (TcpState.TIME_WAIT, (SessionEvent.FIN_IN, SessionEvent.FIN_OUT)),
    (TcpState.CLOSE_WAIT, (SessionEvent.FIN_IN, SessionEvent.SYN_ACK)),
    (TcpState.FIN_WAIT, (SessionEvent.FIN_OUT,)),
    (TcpState.ESTABLISHED, (SessionEvent.ESTABLISHED, SessionEvent.SYN_ACK)),
    (TcpState.SYN_RECV, ()),
)
"""The first rule all of whose events stand gives the state. Whatever the client does, nothing comes of it before the
server's SYN-ACK."""
ONE_WAY_RULES: tuple[tuple[TcpState, tuple[SessionEvent, ...]], ...] = (
    (TcpState.CLOSE, (SessionEvent.RST_OUT,)),
    (TcpState.CLOSE, (SessionEvent.RST_IN, SessionEvent.ESTABLISHED)),
    (TcpState.FIN_WAIT, (SessionEvent.FIN_IN,)),
    (TcpState.ESTABLISHED, (SessionEvent.ESTABLISHED,)),
    (TcpState.SYN_RECV, ()),
)
"""The same where the server is not seen (LVS: table INPUT_ONLY). RST_OUT is our own reset."""

_ENDED = frozenset({TcpState.TIME_WAIT, TcpState.CLOSE})
_SYN = int(TcpFlag.SYN)
_JUDGED = int(TcpFlag.SYN | TcpFlag.ACK | TcpFlag.RST | TcpFlag.FIN)
"""Plain ints, because every SYN is asked."""


class Tcp(Protocol):
    name = "tcp"
    number = PROTO_TCP
    initial = TcpState.SYN_RECV
    established = TcpState.ESTABLISHED
    established_timeout = 90.0
    """LVS's."""
    challenging = frozenset({TcpState.ESTABLISHED, TcpState.FIN_WAIT, TcpState.CLOSE_WAIT})
    """Both ends answer a SYN with a challenge (RFC 5961 4)."""
    rules: ClassVar = RULES

    def __init__(self) -> None:
        bit = SessionEvent
        self.client_ended = int(bit.FIN_IN)
        self.opened = bit.SYN_ACK | bit.ESTABLISHED
        self.aborted = int(bit.RST_OUT)
        # A FIN of the server proves its SYN-ACK, should the report of that be lost.
        self.answers = bit.SYN_ACK | bit.FIN_OUT
        self.words = self.answers | bit.RST_OUT
        self._both_fins = bit.FIN_IN | bit.FIN_OUT
        self._resets = bit.RST_IN | bit.RST_OUT
        self._ends = self._both_fins | self._resets
        self._resumed = int(bit.RESUMED)
        self._lasting = self.opened | self._ends
        rules = [(state, sum(events)) for state, events in self.rules]
        heard = [bits | (bit.SYN_ACK if bits & self.answers else 0) for bits in range(self._lasting + 1)]
        self._states = tuple(next(state for state, needed in rules if bits & needed == needed) for bits in heard)

    @cached_property
    def one_way(self) -> Protocol:
        return OneWayTcp()

    def opening(self, packet: Packet) -> int | None:
        segment = packet.tcp
        return segment.seq if segment is not None and segment.flags & _JUDGED == _SYN else None

    def state(self, bits: int) -> TcpState:
        return self._states[bits]

    def told(self, bits: int, unjudged: int, report: int) -> tuple[int, int]:
        if report <= self._lasting:
            return bits | report, unjudged & ~report
        told = report & self._lasting
        if report & self._resumed:
            withdrawn = told & self._ends
            return self.taken_back(bits | told, withdrawn), unjudged & ~withdrawn
        return bits | told, unjudged | told & self._ends & ~bits

    def taken_back(self, bits: int, ends: int) -> int:
        """What a FIN of the server proves, stays proved."""
        return bits & ~ends | (SessionEvent.SYN_ACK if bits & self.answers else 0)

    def is_open(self, bits: int, unjudged: int) -> bool:
        """Only with the server's answer have the switch's registers numbers to reset it with.

        The RST of one side ends nothing for sure: nobody repeats it should it get lost, and the switch, which checks no
        TCP checksum, takes a damaged one for right.
        """
        if not bits & self.answers:
            return False
        judged = bits & ~unjudged
        return judged & self._both_fins != self._both_fins and judged & self._resets != self._resets

    def converses(self, counters: ProbeResult) -> bool:
        """Both sides send more than a handshake. Whoever forges a client's segments gets bare answers of the server."""
        if counters.in_packets <= HANDSHAKE_PACKETS_IN or counters.out_packets <= HANDSHAKE_PACKETS_OUT:
            return False
        return counters.out_bytes is None or counters.out_bytes > counters.out_packets * EMPTY_FRAME

    def is_over(self, bits: int, unjudged: int) -> bool:
        """The switch reports the second FIN when both are acknowledged, and of RSTs those that the receiver accepts."""
        return self._states[bits & ~unjudged] in _ENDED

    def timeouts(self, configured: Timeouts) -> tuple[float, ...]:
        default = Timeouts()

        def seconds(state: TcpState) -> float:
            if state is TcpState.ESTABLISHED:
                return self.established_timeout
            name = state.name.lower()
            return positive(getattr(configured, name), getattr(default, name))

        return tuple(seconds(state) for state in TcpState)

    def unjudged_timeout(self, state: IntEnum, bits: int, timeouts: Sequence[float], established: float) -> float:
        """Such a RST may be anybody's: it shortens no life to seconds."""
        if state is TcpState.CLOSE and bits & self.answers:
            return max(timeouts[state], min(established, timeouts[TcpState.FIN_WAIT]))
        return timeouts[state]


class OneWayTcp(Tcp):
    """Of a server that answers past the switch: its SYN-ACK is reported when the client acknowledges it."""

    rules = ONE_WAY_RULES
    sees_servers = False

    def is_open(self, bits: int, unjudged: int) -> bool:
        """The client has not ended its part; what the server does after that, nobody here knows."""
        return bool(bits & self.answers) and not bits & ~unjudged & self.client_ended

    def converses(self, counters: ProbeResult) -> bool:
        """The client sends more than a handshake."""
        return counters.in_packets > HANDSHAKE_PACKETS_IN


register(Tcp)
