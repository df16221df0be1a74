"""The TCP state tables, cell by cell against LVS's (ip_vs_proto_tcp.c, tcp_states)."""

from __future__ import annotations

import pytest
from fullnat.config.model import Timeouts
from fullnat.core.tcp_state import DEFAULT_ESTABLISHED, INPUT, OUTPUT, TcpEvent, TcpState, Transitions, state_timeouts

from .builders import EVENT

NAMES = {
    "NO": "NONE", "ES": "ESTABLISHED", "SS": "SYN_SENT", "SR": "SYN_RECV", "FW": "FIN_WAIT", "TW": "TIME_WAIT",
    "CL": "CLOSE", "CW": "CLOSE_WAIT", "LA": "LAST_ACK", "LI": "LISTEN", "SA": "SYNACK",
}  # fmt: skip
COLUMNS = ["NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA"]
LVS_INPUT = {
    "SYN": "SR ES ES SR SR SR SR SR SR SR SR",
    "FIN": "CL CW SS TW TW TW CL CW LA LI TW",
    "ACK": "CL ES SS ES FW TW CL CW CL LI ES",
    "RST": "CL CL CL SR CL CL CL CL LA LI SR",
}
LVS_OUTPUT = {
    "SYN": "SS ES SS SR SS SS SS SS SS LI SR",
    "FIN": "TW FW SS TW FW TW CL TW LA LI TW",
    "ACK": "ES ES SS ES FW TW CL CW LA ES ES",
    "RST": "CL CL SS CL CL TW CL CL CL CL CL",
}
CELLS = [
    (table, event, column, after)
    for table, rows in (("INPUT", LVS_INPUT), ("OUTPUT", LVS_OUTPUT))
    for event, row in rows.items()
    for column, after in zip(COLUMNS, row.split(), strict=True)
]


@pytest.mark.parametrize(("table", "event", "column", "after"), CELLS)
def test_cell(table: str, event: str, column: str, after: str) -> None:
    tables = {"INPUT": INPUT, "OUTPUT": OUTPUT}
    assert tables[table][TcpEvent[event]][TcpState[NAMES[column]]] is TcpState[NAMES[after]]


LIVES = [
    ("handshake", ["SYN_ACK", "ESTABLISHED"], "ESTABLISHED"),
    ("half open", ["SYN_ACK"], "SYN_RECV"),
    ("client closes first", ["SYN_ACK", "ESTABLISHED", "FIN_IN"], "CLOSE_WAIT"),
    ("and the server after it", ["SYN_ACK", "ESTABLISHED", "FIN_IN", "FIN_OUT"], "TIME_WAIT"),
    ("server closes first", ["SYN_ACK", "ESTABLISHED", "FIN_OUT"], "FIN_WAIT"),
    ("and the client after it", ["SYN_ACK", "ESTABLISHED", "FIN_OUT", "FIN_IN"], "TIME_WAIT"),
    ("client resets", ["SYN_ACK", "ESTABLISHED", "RST_IN"], "CLOSE"),
    ("server resets", ["SYN_ACK", "ESTABLISHED", "RST_OUT"], "CLOSE"),
    ("server refuses", ["RST_OUT"], "CLOSE"),
    ("client resets its half-open connection", ["SYN_ACK", "RST_IN"], "SYN_RECV"),
    ("digest of the first ACK lost", ["SYN_ACK", "FIN_IN"], "TIME_WAIT"),
]


@pytest.mark.parametrize(("life", "events", "state"), LIVES)
@pytest.mark.parametrize("merged", [False, True])
def test_life(life: str, events: list[str], state: str, merged: bool) -> None:
    transitions = Transitions()
    at = TcpState.SYN_RECV
    bits: list[int] = [EVENT[event] for event in events]
    if merged and bits == sorted(bits):
        bits = [sum(bits)]
    for bit in bits:
        at = transitions.after(at, bit)
    assert at is TcpState[state]


def test_default_timeouts_are_those_of_lvs() -> None:
    assert dict(zip(TcpState, state_timeouts(Timeouts()), strict=True)) == {
        TcpState.NONE: 2,
        TcpState.ESTABLISHED: 90,
        TcpState.SYN_SENT: 3,
        TcpState.SYN_RECV: 30,
        TcpState.FIN_WAIT: 7,
        TcpState.TIME_WAIT: 7,
        TcpState.CLOSE: 3,
        TcpState.CLOSE_WAIT: 7,
        TcpState.LAST_ACK: 7,
        TcpState.LISTEN: 120,
        TcpState.SYNACK: 30,
    }


def test_zero_never_means_at_once() -> None:
    zero = Timeouts(**dict.fromkeys(Timeouts.__dataclass_fields__, 0.0))
    assert state_timeouts(zero) == state_timeouts(Timeouts())
    assert min(state_timeouts(zero)) > 0
    assert DEFAULT_ESTABLISHED == 90
