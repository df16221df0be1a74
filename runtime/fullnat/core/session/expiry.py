"""The end of sessions: state changes told by the switch, timers, probes, resets and removal.

A session that both its endpoints have ended goes when its time is up. Of all others a timer only raises the question;
the switch answers it with the time since the last hit. Whoever may hold the connection for open is told before the
session goes (:mod:`fullnat.core.session.resets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from fullnat.core.interface import Effect, IdleNotice, Probe, Probed, ProbeResult, SessionEvents
from fullnat.core.journal import IDLE, LOST, ends
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.resets import Resets
from fullnat.core.session.sessions import NEVER, Session
from fullnat.core.session.store import SessionStore

DUE_LIMIT = 128
"""Sessions handled per deadline, some 2 ms of work; more follow at once, after whatever else has come in between."""
PROBE_RETRY = 10.0
"""Seconds after which a probe is taken for lost."""
SECOND_LOOK = 1.0
"""Seconds to the next probe of an established session whose idle time is not to be trusted."""
CLOCK_SLACK = 5.0
"""Seconds that an idle time may seem too long because messages wait on their way."""
TELLING = 4.3 + 2 * CLOCK_SLACK
"""Seconds that an entry must have left for an idle time of 32 bits to look too long."""
EPSILON = 1e-3
"""Idle times are told in milliseconds."""

_ASKED = (Phase.INSTALLED, Phase.CLOSING)
"""Phases in which the switch is asked about sessions; in the second one for a journal."""


class Expiry:
    def __init__(self, store: SessionStore, resets: Resets) -> None:
        self._store = store
        self._stats = store.stats
        self._resets = resets
        self._counters_only = False
        """The switch's idle times are wrong."""
        self._tried = False
        """An answer has shown whether they are."""

    # ---- news from the switch

    def events(self, event: SessionEvents, now: float) -> None:
        """A digest: packets that change the state were seen."""
        store = self._store
        session = store.table.by_id.get(event.session_id)
        if session is None or not (session.phase in (Phase.INSTALLED, Phase.RESTORING) or session.is_being_spliced):
            self._stats["events_unknown"] += 1
            return
        if event.seq:
            session.client_end = event.seq
        bits, unjudged = session.protocol.told(session.events, session.unjudged, event.events)
        if bits == session.events and unjudged == session.unjudged:
            self._stats["events_repeated"] += 1
            return
        if session.events & ~bits:
            self._stats["sessions_resumed"] += 1
        before = session.state
        store.set_events(session, bits, unjudged, now)
        if session.state is not before:
            if session.phase is not Phase.REUSING:
                store.arm(session, now)
            if session.service.passive_failures:
                self._heed(session, before)

    def _heed(self, session: Session, before: IntEnum) -> None:
        """Whether the server takes new sessions is seen by what comes of one."""
        protocol, events = session.protocol, session.events
        was_opened = before is protocol.initial and events & protocol.opened == protocol.opened
        if was_opened or session.state is protocol.established:
            session.server.failures = session.server.strikes = 0
        elif before is protocol.initial and events & protocol.words and not events & protocol.answers:
            self._store.doubts.not_taken(session)

    def idle(self, event: IdleNotice, now: float) -> None:
        """One direction has been idle: ask about both, together with all others of this moment."""
        self._stats["idle_notices"] += 1
        session = self._store.table.by_id.get(event.session_id)
        if session is None or session.phase is not Phase.INSTALLED or session.probing or session.is_over:
            return
        wanted = max(now, session.not_before)
        armed = self._store.timers.when(session)
        if armed is None or wanted < armed:
            self._store.timers.arm(session, wanted)

    def probed(self, event: Probed, now: float, out: list[Effect]) -> None:
        by_id = self._store.table.by_id
        over: list[Session] = []
        for session_id, result in event.sessions:
            session = by_id.get(session_id)
            if session is None or not session.probing or session.phase not in _ASKED:
                continue
            session.probing = False
            if session.phase is Phase.CLOSING:
                if result is not None:
                    session.counted(result)
                over.append(session)
                continue
            if result is None:
                self._stats["sessions_lost"] += 1
                ends(self._store.journal, session, LOST)
                over.append(session)
                continue
            session.counted(result)
            if self._judge(session, result, now):
                self._expire(session, now, over, out)
        self._store.remove(over, now, out)

    def _expire(self, session: Session, now: float, remove: list[Session], out: list[Effect]) -> None:
        """The session is over: it is reset, or joins those to ``remove``."""
        self._stats["sessions_expired"] += 1
        if not session.is_over:
            ends(self._store.journal, session, IDLE)
        if not self._resets.begin(session, now, out):
            remove.append(session)

    def _judge(self, session: Session, result: ProbeResult, now: float) -> bool:
        """Whether the session is over; if not, its timer is set."""
        store = self._store
        self._correct(session, result, now)
        timeout = store.timeout(session)
        remaining = timeout - min(self._idle(session, result, now), now - session.changed)
        if remaining <= EPSILON:
            return True
        session.not_before = now + remaining
        # The switch tells of the next idle period of an established session; this is in case it does not.
        told = session.state is session.protocol.established and result.idle is not None
        backup = timeout if told else 0.0
        store.timers.arm(session, now + remaining + backup)
        return False

    def _correct(self, session: Session, result: ProbeResult, now: float) -> None:
        """Put the state right where the traffic contradicts it."""
        store = self._store
        last_hit = now - max(result.idle or 0.0, 0.0)
        if session.state is session.protocol.initial:
            if session.protocol.converses(result) or self._may_be_open(session, result):
                self._stats["promoted"] += 1
                store.set_events(session, session.events | session.protocol.opened, 0, last_hit)
        elif session.state is session.protocol.established:
            # One of which the switch counts nothing either way was restored, by an earlier controller.
            silent = result.in_packets and not result.out_packets and store.moved == NEVER
            if silent and session.created == NEVER and session.protocol.sees_servers:
                store.set_events(session, 0, 0, last_hit)
        elif session.unjudged:
            before = session.baseline
            if before is None or result.in_packets < before.in_packets or result.out_packets < before.out_packets:
                session.baseline = result
            elif result.in_packets > before.in_packets and result.out_packets > before.out_packets:
                self._stats["sessions_resumed"] += 1
                store.set_events(session, session.protocol.taken_back(session.events, session.unjudged), 0, last_hit)

    def _may_be_open(self, session: Session, result: ProbeResult) -> bool:
        """What the switch told of it may have been lost with an earlier connection, and there is more than a SYN."""
        protocol = session.protocol
        if not (protocol.is_numbered and NEVER < session.began < self._store.heard):
            return False
        return result.in_packets > 1 and (result.out_packets > 0 or not protocol.sees_servers)

    def _idle(self, session: Session, result: ProbeResult, now: float) -> float:
        """How long the session has been idle, as far as the switch can be believed.

        PI, the P4Runtime server of BMv2, computes the remaining time in 32 bits: an entry with more than 4.29 s left
        looks nearly expired. An idle time longer than the session has existed gives such a switch away; so the first
        session that ends is asked about, even if both sides have ended it. From then on
        states shorter than the entry's own timeout are judged by how long the counters have stood still, and an
        established session is not over before they stood still between two probes. Stratum tells no idle times at all:
        there the counters decide in every state.

        Of a handshake only what the client sends counts: a server repeats its SYN-ACK for a minute, and a client that
        is not there would have its session for as much longer.
        """
        begins = session.state is session.protocol.initial and session.protocol.is_numbered
        idle = result.idle_in if begins else result.idle
        if idle is None or idle > now - session.created + CLOCK_SLACK:
            self._counters_only = True
        store = self._store
        self._tried = self._tried or now - session.created < session.entry.idle_timeout - TELLING
        if not self._counters_only and idle is not None:
            # A switch that has taken over knows of no packet before that.
            return min(idle, now - store.moved)
        packets = result.in_packets + (0 if begins else result.out_packets)
        moved = session.still is None or session.still[0] != packets
        if session.still is None or moved:
            session.still = (packets, now)
        if session.state is session.protocol.established and idle is not None:
            idle = min(idle, now - store.moved)
            return min(idle, store.timeout(session) - SECOND_LOOK) if moved else idle
        return now - session.still[1]

    # ---- timers

    def due(self, now: float, out: list[Effect]) -> None:
        probe: list[Session] = []
        remove: list[Session] = []
        for session in self._store.timers.due(now, DUE_LIMIT):
            match session.phase:
                case Phase.INSTALLED if self._needs_no_answer(session, now):
                    self._expire(session, now, remove, out)
                case Phase.CLOSING if session.probing or not self._has_news(session):
                    remove.append(session)
                case Phase.INSTALLED | Phase.CLOSING:
                    session.probing = True
                    self._store.timers.arm(session, now + PROBE_RETRY)
                    probe.append(session)
                case Phase.EXPIRING:
                    self._resets.send(session, now, out)
                case Phase.INSTALLING | Phase.REUSING:
                    # The answer was lost; what the SYN's client did since is unknown.
                    session.held = None
                    if not self._resets.begin(session, now, out):
                        remove.append(session)
                case _:
                    remove.append(session)
        if probe:
            out.append(Probe(tuple([session.entry for session in probe])))
        self._stats["probes"] += len(probe)
        self._store.remove(remove, now, out)

    def _needs_no_answer(self, session: Session, now: float) -> bool:
        """Both its endpoints have ended it, and its time is up. A journal has its packets as well."""
        is_over = self._tried and session.is_over and self._store.journal is None
        return is_over and self._time_is_up(session, now)

    def _has_news(self, session: Session) -> bool:
        """A journal is to have the packets of a session that is closing, which nobody has asked for yet."""
        return self._store.journal is not None and not self._store.journal.is_counted(session)

    def _time_is_up(self, session: Session, now: float) -> bool:
        """Of the session's state, whatever packets come."""
        return now - session.changed >= self._store.timeout(session) - EPSILON

    def look(self, sessions: Sequence[Session], now: float, spread: float) -> None:
        """Ask about ``sessions`` soon, evenly over ``spread`` seconds."""
        for position, session in enumerate(sessions):
            self._store.timers.arm(session, now + 1.0 + spread * position / len(sessions))
