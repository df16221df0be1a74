"""Several reports of one session that come together."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from fullnat.core.interface import SessionEvents
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.core.session.reports import joined
from fullnat.p4constants import SessionEvent

from .builders import EVENT, IN, OUT, config, real, virtual
from .helpers import opened
from .switch import Rig

SYN_ACK, ESTABLISHED = EVENT["SYN_ACK"], EVENT["ESTABLISHED"]
FIN_IN, FIN_OUT = EVENT["FIN_IN"], EVENT["FIN_OUT"]


def test_what_only_tells_more_is_told_at_once() -> None:
    reports = [
        SessionEvents(1, OUT, SYN_ACK),
        SessionEvents(2, OUT, SYN_ACK),
        SessionEvents(1, IN, ESTABLISHED),
        SessionEvents(1, IN, FIN_IN, 77),
        SessionEvents(1, OUT, FIN_OUT),
    ]
    everything = SYN_ACK | ESTABLISHED | FIN_IN | FIN_OUT
    assert joined(reports) == [SessionEvents(1, OUT, everything, 77), SessionEvents(2, OUT, SYN_ACK)]


def test_what_is_taken_back_keeps_its_place() -> None:
    reports = [
        SessionEvents(1, IN, FIN_IN),
        SessionEvents(1, IN, SessionEvent.RESUMED | FIN_IN),
        SessionEvents(1, IN, FIN_IN, 5),
        SessionEvents(1, OUT, FIN_OUT),
    ]
    assert joined(reports) == [*reports[:2], SessionEvents(1, OUT, FIN_IN | FIN_OUT, 5)]


def test_what_stands_is_the_same() -> None:
    """Whatever comes in whatever order, of sessions of both protocols."""
    rng = Random(1)
    for _ in range(3000):
        reports = [
            SessionEvents(rng.randrange(3), rng.choice((IN, OUT)), rng.randrange(1, 256), rng.choice((0, 0, 1, 2)))
            for _ in range(rng.randrange(12))
        ]
        fewer = joined(reports)
        assert len(fewer) <= len(reports)
        for name in PROTOCOLS:
            assert _outcome(name, fewer) == _outcome(name, reports)


def _outcome(protocol: str, reports: Iterable[SessionEvents]) -> dict[int, tuple[int, int, int]]:
    """What stands of each session, what of it nobody could judge, and the end of what its client has sent."""
    told = PROTOCOLS[protocol].told
    found: dict[int, tuple[int, int, int]] = {}
    for session_id, _, events, seq in reports:
        bits, unjudged, end = found.get(session_id, (0, 0, 0))
        found[session_id] = (*told(bits, unjudged, events), seq or end)
    return found


def test_a_connection_that_is_over_already_clears_its_server() -> None:
    """It has taken one, though nobody here has seen it established."""
    rig = Rig(config(virtual(real_servers=(real("10.0.2.11"), real("10.0.2.12")), passive_failures=2)))
    server = opened(rig, 40000).server
    ports = iter(range(40001, 50000))

    def connects(events: int) -> None:
        entry = next(entry for port in ports if (entry := opened(rig, port)).server == server)
        rig.send(SessionEvents(entry.session_id, OUT, events))
        rig.settle()

    connects(EVENT["RST_OUT"])
    connects(SYN_ACK | ESTABLISHED | FIN_IN | FIN_OUT)
    connects(EVENT["RST_OUT"])
    (service,) = rig.controller.services()
    assert [each.ejected for each in service.servers] == [None, None]
    connects(EVENT["RST_OUT"])
    (service,) = rig.controller.services()
    assert [each.ejected is not None for each in service.servers].count(True) == 1
