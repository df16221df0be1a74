"""TCP states of a session: the LVS transition tables as data, and the time a session may stay in each state.

LVS (ip_vs_proto_tcp.c, ``tcp_states``) runs every packet through these tables. The switch reports only the packets that
can change the outcome, as SessionEvent bits; each bit is one row here. INPUT is client to real server, OUTPUT the
other way.
"""

from __future__ import annotations

from enum import IntEnum

from fullnat.config.model import Timeouts
from fullnat.p4constants import SessionEvent


class TcpState(IntEnum):
    """LVS names; the value is the column of the tables below."""

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


class TcpEvent(IntEnum):
    """What a segment is to the state machine: RST before SYN before FIN before ACK."""

    SYN = 0
    FIN = 1
    ACK = 2
    RST = 3


Row = tuple[TcpState, ...]
Table = tuple[Row, ...]

_SHORT = dict(zip(["NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA"], TcpState, strict=True))


def _row(cells: str) -> Row:
    return tuple(_SHORT[cell] for cell in cells.split())


#                NO ES SS SR FW TW CL CW LA LI SA
INPUT: Table = (
    _row("        SR ES ES SR SR SR SR SR SR SR SR"),  # SYN
    _row("        CL CW SS TW TW TW CL CW LA LI TW"),  # FIN
    _row("        CL ES SS ES FW TW CL CW CL LI ES"),  # ACK
    _row("        CL CL CL SR CL CL CL CL LA LI SR"),  # RST
)
OUTPUT: Table = (
    _row("        SS ES SS SR SS SS SS SS SS LI SR"),  # SYN
    _row("        TW FW SS TW FW TW CL TW LA LI TW"),  # FIN
    _row("        ES ES SS ES FW TW CL CW LA ES ES"),  # ACK
    _row("        CL CL SS CL CL TW CL CL CL CL CL"),  # RST
)

_EVENT_ROWS: dict[SessionEvent, Row] = {
    SessionEvent.SYN_ACK: OUTPUT[TcpEvent.SYN],
    SessionEvent.ESTABLISHED: INPUT[TcpEvent.ACK],
    SessionEvent.FIN_IN: INPUT[TcpEvent.FIN],
    SessionEvent.FIN_OUT: OUTPUT[TcpEvent.FIN],
    SessionEvent.RST_IN: INPUT[TcpEvent.RST],
    SessionEvent.RST_OUT: OUTPUT[TcpEvent.RST],
}


class Transitions:
    """Maps SessionEvent bits to states. A segment sets one bit; several bits are several segments, taken in bit order,
    which is the order of a connection's life."""

    def __init__(self) -> None:
        self._rows = tuple(sorted((int(event), row) for event, row in _EVENT_ROWS.items()))

    def after(self, state: TcpState, events: int) -> TcpState:
        for bit, row in self._rows:
            if events & bit:
                state = row[state]
        return state


DEFAULT_ESTABLISHED = 90.0
"""LVS's timeout of established sessions, seconds."""


def positive(seconds: float, otherwise: float) -> float:
    """``seconds``, or ``otherwise`` when it is zero or less: a timeout of zero never means at once."""
    return seconds if seconds > 0 else otherwise


def state_timeouts(timeouts: Timeouts) -> tuple[float, ...]:
    """Seconds by state. ESTABLISHED is only the default: every session carries its own (SessionEntry.idle_timeout)."""
    default = Timeouts()
    seconds = {
        TcpState.NONE: positive(timeouts.none, default.none),
        TcpState.ESTABLISHED: DEFAULT_ESTABLISHED,
        TcpState.SYN_SENT: positive(timeouts.syn_sent, default.syn_sent),
        TcpState.SYN_RECV: positive(timeouts.syn_recv, default.syn_recv),
        TcpState.FIN_WAIT: positive(timeouts.fin_wait, default.fin_wait),
        TcpState.TIME_WAIT: positive(timeouts.time_wait, default.time_wait),
        TcpState.CLOSE: positive(timeouts.close, default.close),
        TcpState.CLOSE_WAIT: positive(timeouts.close_wait, default.close_wait),
        TcpState.LAST_ACK: positive(timeouts.last_ack, default.last_ack),
        TcpState.LISTEN: positive(timeouts.listen, default.listen),
        TcpState.SYNACK: positive(timeouts.synack, default.synack),
    }
    return tuple(seconds[state] for state in TcpState)
