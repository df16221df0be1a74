"""What the switch's reports mean: states by the bits that stand, and the times of the states."""

from __future__ import annotations

from itertools import permutations

import pytest
from fullnat.config.model import Timeouts
from fullnat.core.protocols.tcp import Tcp, TcpState

from .builders import EVENT

NEW = Tcp()
ENDS = ("FIN_IN", "FIN_OUT", "RST_IN", "RST_OUT")

LIVES = [
    ("nothing yet", [], "SYN_RECV", False),
    ("half open", ["SYN_ACK"], "SYN_RECV", True),
    ("handshake", ["SYN_ACK", "ESTABLISHED"], "ESTABLISHED", True),
    ("client closes first", ["SYN_ACK", "ESTABLISHED", "FIN_IN"], "CLOSE_WAIT", True),
    ("and the server after it", ["SYN_ACK", "ESTABLISHED", "FIN_IN", "FIN_OUT"], "TIME_WAIT", False),
    ("server closes first", ["SYN_ACK", "ESTABLISHED", "FIN_OUT"], "FIN_WAIT", True),
    ("client resets", ["SYN_ACK", "ESTABLISHED", "RST_IN"], "CLOSE", True),
    ("server resets", ["SYN_ACK", "ESTABLISHED", "RST_OUT"], "CLOSE", True),
    ("both reset", ["SYN_ACK", "ESTABLISHED", "RST_IN", "RST_OUT"], "CLOSE", False),
    ("client resets what the server closes", ["SYN_ACK", "ESTABLISHED", "FIN_OUT", "RST_IN"], "CLOSE", True),
    ("server refuses", ["RST_OUT"], "CLOSE", False),
    ("client refuses the SYN-ACK", ["SYN_ACK", "RST_IN"], "CLOSE", True),
    ("report of the first ACK lost", ["SYN_ACK", "FIN_IN"], "CLOSE_WAIT", True),
    ("report of the SYN-ACK lost", ["ESTABLISHED"], "SYN_RECV", False),
    ("all before the server's FIN lost", ["FIN_OUT"], "FIN_WAIT", True),
    ("a client alone proves nothing", ["ESTABLISHED", "FIN_IN", "RST_IN"], "SYN_RECV", False),
]


@pytest.mark.parametrize(("life", "events", "state", "is_open"), LIVES)
def test_the_order_of_reports_does_not_matter(life: str, events: list[str], state: str, is_open: bool) -> None:
    for order in permutations(events):
        bits = unjudged = 0
        for event in order:
            bits, unjudged = NEW.told(bits, unjudged, EVENT[event])
        assert NEW.state(bits) is TcpState[state]
        assert NEW.is_open(bits, unjudged) is is_open
    merged = NEW.told(0, 0, sum(EVENT[event] for event in events))
    assert NEW.state(merged[0]) is TcpState[state]


@pytest.mark.parametrize("end", ENDS)
def test_what_is_withdrawn_has_not_happened(end: str) -> None:
    opened = EVENT["SYN_ACK"] | EVENT["ESTABLISHED"]
    ended = NEW.told(opened, 0, EVENT[end])
    assert NEW.state(ended[0]) is not TcpState.ESTABLISHED
    assert NEW.told(*ended, EVENT[end] | EVENT["RESUMED"]) == (opened, 0)
    assert NEW.told(EVENT["SYN_ACK"] | EVENT[end], 0, EVENT[end] | EVENT["ESTABLISHED"] | EVENT["RESUMED"]) == (
        opened,
        0,
    ), "what is new in the same report stays"


@pytest.mark.parametrize("end", ENDS)
def test_an_end_that_nobody_could_judge_leaves_somebody_to_tell(end: str) -> None:
    opened = EVENT["SYN_ACK"] | EVENT["ESTABLISHED"]
    bits, unjudged = NEW.told(opened, 0, EVENT[end] | EVENT["UNJUDGED"])
    assert (bits, unjudged) == (opened | EVENT[end], EVENT[end])
    assert NEW.is_open(bits, unjudged)
    assert NEW.told(EVENT[end], 0, EVENT[end] | EVENT["UNJUDGED"])[1] == 0, "it was judged before"


def test_default_timeouts() -> None:
    """LVS's, but for half-closed connections: those outlive TCP_RTO_MAX, 120 s, as their ends may probe so rarely."""
    assert dict(zip(TcpState, NEW.timeouts(Timeouts()), strict=True)) == {
        TcpState.NONE: 2,
        TcpState.ESTABLISHED: 90,
        TcpState.SYN_SENT: 3,
        TcpState.SYN_RECV: 30,
        TcpState.FIN_WAIT: 130,
        TcpState.TIME_WAIT: 7,
        TcpState.CLOSE: 3,
        TcpState.CLOSE_WAIT: 130,
        TcpState.LAST_ACK: 30,
        TcpState.LISTEN: 120,
        TcpState.SYNACK: 30,
    }


def test_zero_never_means_at_once() -> None:
    zero = Timeouts(**dict.fromkeys(Timeouts.__dataclass_fields__, 0.0))
    assert NEW.timeouts(zero) == NEW.timeouts(Timeouts())
    assert min(NEW.timeouts(zero)) > 0
    assert NEW.established_timeout == 90
