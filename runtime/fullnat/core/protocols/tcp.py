"""TCP states of a session: which news of its endpoints means which state, as data, and the time a session may stay in
each.

LVS (ip_vs_proto_tcp.c, ``tcp_states``) moves a session by every single segment. Here the state follows the endpoints:
the switch reports as SessionEvent bits what the receivers of segments can have accepted, and takes back what turns out
not to have been accepted. The state is a function of the bits that stand, in whatever order they were reported.
"""

from __future__ import annotations

from enum import IntEnum

from fullnat.config.model import Timeouts
from fullnat.p4constants import SessionEvent


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

SYNCHRONISED = frozenset({TcpState.ESTABLISHED, TcpState.FIN_WAIT, TcpState.CLOSE_WAIT})
"""States in which both ends answer a SYN with a challenge (RFC 5961 4)."""


class Transitions:
    """What SessionEvent bits mean."""

    def __init__(self) -> None:
        bit = SessionEvent
        self.fin_in: int = bit.FIN_IN
        self.established = bit.SYN_ACK | bit.ESTABLISHED
        self.reset: int = bit.RST_OUT
        """What the controller's own resets stand as."""
        self.answers = bit.SYN_ACK | bit.FIN_OUT
        """Bits that prove the server's SYN-ACK: its FIN does, should the report of the SYN-ACK be lost."""
        self.words = self.answers | bit.RST_OUT
        """Bits that prove that the server has sent anything."""
        self._both_fins = bit.FIN_IN | bit.FIN_OUT
        self._resets = bit.RST_IN | bit.RST_OUT
        self._ends = self._both_fins | self._resets
        self._resumed: int = bit.RESUMED
        self._lasting = self.established | self._ends
        rules = [(state, sum(events)) for state, events in RULES]
        heard = [bits | (bit.SYN_ACK if bits & self.answers else 0) for bits in range(self._lasting + 1)]
        self._states = tuple(next(state for state, needed in rules if bits & needed == needed) for bits in heard)

    def state(self, bits: int) -> TcpState:
        return self._states[bits]

    def told(self, bits: int, unjudged: int, report: int) -> tuple[int, int]:
        """``bits``, and those of them that nobody could judge, after a ``report`` of the switch."""
        if report <= self._lasting:
            return bits | report, unjudged & ~report
        told = report & self._lasting
        if report & self._resumed:
            withdrawn = told & self._ends
            return (bits | told) & ~withdrawn, unjudged & ~withdrawn
        return bits | told, unjudged | told & self._ends & ~bits

    def is_open(self, bits: int, unjudged: int) -> bool:
        """An endpoint may hold the connection for open, and the switch's registers have numbers to reset it with."""
        if not bits & self.answers:
            return False
        judged = bits & ~unjudged
        return not judged & self._resets and judged & self._both_fins != self._both_fins


DEFAULT_ESTABLISHED = 90.0
"""LVS's timeout of established sessions, seconds."""


def positive(seconds: float, otherwise: float) -> float:
    """``seconds``, or ``otherwise`` when it is zero or less: a timeout of zero never means at once."""
    return seconds if seconds > 0 else otherwise


def state_timeouts(timeouts: Timeouts) -> tuple[float, ...]:
    """Seconds by state. ESTABLISHED is only the default: every session carries its own (SessionEntry.idle_timeout)."""
    default = Timeouts()

    def seconds(state: TcpState) -> float:
        if state is TcpState.ESTABLISHED:
            return DEFAULT_ESTABLISHED
        name = state.name.lower()
        return positive(getattr(timeouts, name), getattr(default, name))

    return tuple(seconds(state) for state in TcpState)
