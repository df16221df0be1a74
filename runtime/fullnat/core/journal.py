"""The journal of sessions, where somebody keeps one: what began and what ended, with packets, bytes and the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fullnat.core.interface import ProbeResult
from fullnat.core.session.sessions import NEVER, Session, Twice, added, once
from fullnat.net.flow import Endpoint
from fullnat.p4constants import SessionEvent
from fullnat.tables.session import SessionEntry

OPENED, CLOSED = "opened", "closed"
IDLE = "idle"
"""Why sessions end, beside what their endpoints do: no packet came for its time;"""
LOST = "lost"
"""the switch had it no more;"""
REUSED_BY_CLIENT = "client_began_anew"
"""a SYN came with another number, and took it over;"""
REPLACED = "server_takes_none"
"""the same, and its server takes no new sessions;"""
TAKEN_OUT = "taken_out"
"""its service is gone, or its server's time is over;"""
SERVER_LEFT = "server_left"
"""of UDP: its server takes no new sessions."""
_BY_ENDPOINTS = (
    (SessionEvent.RST_IN, "client_reset"),
    (SessionEvent.RST_OUT, "server_reset"),
    (SessionEvent.FIN_IN | SessionEvent.FIN_OUT, "finished"),
)
_OTHERWISE = "other"


class Record(NamedTuple):
    event: str
    now: float
    """On the clock of the core."""
    entry: SessionEntry
    server: Endpoint
    """Of SNAT the host outside."""
    mode: str
    service: Endpoint
    """The name of its service."""
    state: str = ""
    why: str = ""
    began: float | None = None
    """None for a session that was found on the switch."""
    counters: ProbeResult | None = None
    """As the switch last told; None: it never did."""


class Journal:
    """``put`` takes what is recorded, and returns at once."""

    def __init__(self, put: Callable[[Record], None]) -> None:
        self._put = put
        self._why: dict[int, str] = {}
        """Of sessions that are ending, by id."""
        self._before: dict[int, ProbeResult] = {}
        """What others have sent by the entries of sessions that took them over, by id."""

    def opened(self, session: Session, now: float) -> None:
        mode, service = session.server.mode.value, session.service.key[1]
        self._put(Record(OPENED, now, session.entry, session.named_server, mode, service))

    def ends(self, session: Session, why: str) -> None:
        """``session`` is going to be closed; the first reason is the one that counts."""
        self._why.setdefault(session.entry.session_id, why)

    def is_counted(self, session: Session) -> bool:
        """Its packets were asked for when it was decided to end it."""
        return self._why.get(session.entry.session_id) == IDLE

    def closed(self, session: Session, now: float, why: str = "") -> None:
        entry, mode = session.entry, session.server.mode.value
        told = why or self._why.get(entry.session_id) or _of_endpoints(session.events)
        counters = session.counters and added(once(session.counters, session.twice), session.earlier)
        record = Record(CLOSED, now, entry, session.named_server, mode, session.service.key[1])
        began = None if session.began == NEVER else session.began
        before = self._before.pop(entry.session_id, None)
        self._put(record._replace(state=session.state.name, why=told, began=began, counters=_since(before, counters)))
        self._why.pop(entry.session_id, None)
        if why == REUSED_BY_CLIENT and counters is not None:
            self._before[entry.session_id] = counters


def _since(before: ProbeResult | None, now: ProbeResult | None) -> ProbeResult | None:
    """An entry that a new connection takes over counts on."""
    if before is None or now is None:
        return now
    return once(now, Twice(before.in_packets, before.in_bytes or 0, before.out_packets, before.out_bytes or 0))


def ends(journal: Journal | None, session: Session, why: str) -> None:
    """``session`` is going to be closed, if anybody wants to know."""
    if journal is not None:
        journal.ends(session, why)


def _of_endpoints(events: int) -> str:
    return next((why for bits, why in _BY_ENDPOINTS if events & bits == bits), _OTHERWISE)
