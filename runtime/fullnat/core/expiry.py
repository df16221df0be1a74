"""The end of sessions: state changes told by the switch, timers, probes, resets and removal.

A timer only raises the question; the switch answers it with the time since the last hit. Established sessions are
reset on both sides first, and their entries stay a moment longer, because the resets are rewritten by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fullnat.core.frames import bare_reset
from fullnat.core.interface import Effect, IdleNotice, Log, Probe, Probed, ProbeResult, Reset, SessionEvents
from fullnat.core.sessions import Phase, Session
from fullnat.core.store import SessionStore
from fullnat.core.tcp_state import TcpState

PROBE_BATCH = 256
"""Sessions per Probe effect."""
DUE_LIMIT = 4096
"""Sessions handled per deadline; more follow at once, after whatever else has come in between."""
PROBE_RETRY = 10.0
"""Seconds after which a probe is taken for lost."""
CLOSING_TIME = 1.0
"""Seconds between the resets of a session and its removal."""
RESET_RATE = 5000.0
"""Sessions reset per second, so that a mass expiry is no storm."""
RESET_BURST = 512.0
SECOND_LOOK = 1.0
"""Seconds to the next probe of an established session whose idle time is not to be trusted."""
CLOCK_SLACK = 5.0
"""Seconds that an idle time may seem too long because messages wait on their way."""
EPSILON = 1e-3
"""Idle times are told in milliseconds."""
HANDSHAKE_PACKETS_IN = 16
HANDSHAKE_PACKETS_OUT = 8
"""More packets each way than a handshake takes, retransmissions included: a session in SYN_RECV with more is
established."""

_SILENT = frozenset({TcpState.TIME_WAIT, TcpState.CLOSE})
"""States in which nobody waits for a RST."""


class ResetRate:
    """Spaces resets evenly after a burst (a virtual-scheduling token bucket)."""

    def __init__(self, rate: float = RESET_RATE, burst: float = RESET_BURST) -> None:
        self._gap = 1.0 / rate
        self._slack = burst / rate
        self._next = 0.0

    def slot(self, now: float) -> float:
        """When the next reset may be sent; at or before ``now`` means at once."""
        self._next = max(self._next, now - self._slack) + self._gap
        return self._next


class Expiry:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._stats = store.stats
        self._rate = ResetRate()
        self._counters_only = False
        """The switch's idle times are wrong."""

    # ---- news from the switch

    def events(self, event: SessionEvents, now: float) -> None:
        """A digest: segments that change the TCP state were seen."""
        store = self._store
        session = store.table.by_id.get(event.session_id)
        if session is None or session.phase is not Phase.INSTALLED:
            self._stats["events_unknown"] += 1
            return
        new = event.events & ~session.events
        if not new:
            self._stats["events_repeated"] += 1
            return
        session.events |= new
        state = store.transitions.after(session.state, new)
        if state is not session.state:
            store.set_state(session, state, now)
            store.arm(session, now)

    def idle(self, event: IdleNotice, now: float) -> None:
        """One direction has been idle: ask about both, together with all others of this moment."""
        self._stats["idle_notices"] += 1
        session = self._store.table.by_id.get(event.session_id)
        if session is None or session.phase is not Phase.INSTALLED or session.probing:
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
            if session is None or not session.probing or session.phase is not Phase.INSTALLED:
                continue
            session.probing = False
            if result is None:
                self._stats["sessions_lost"] += 1
                over.append(session)
                continue
            session.counters = result
            if self._judge(session, result, now, out):
                self._stats["sessions_expired"] += 1
                over.append(session)
        self._store.remove(over, now, out)

    def _judge(self, session: Session, result: ProbeResult, now: float, out: list[Effect]) -> bool:
        """Whether to remove the session now; if not, its timer is set or its end has begun."""
        store = self._store
        if (
            session.state is TcpState.SYN_RECV
            and result.in_packets > HANDSHAKE_PACKETS_IN
            and result.out_packets > HANDSHAKE_PACKETS_OUT
        ):
            self._stats["promoted"] += 1
            store.set_state(session, TcpState.ESTABLISHED, now - max(result.idle or 0.0, 0.0))
        timeout = store.timeout(session)
        remaining = timeout - min(self._idle(session, result, now), now - session.changed)
        if remaining > EPSILON:
            session.not_before = now + remaining
            # The switch tells of the next idle period of an established session; this is in case it does not.
            told = session.state is TcpState.ESTABLISHED and result.idle is not None
            backup = timeout if told else 0.0
            store.timers.arm(session, now + remaining + backup)
            return False
        if session.state is TcpState.ESTABLISHED:
            self._stats["sessions_expired"] += 1
            self._reset(session, now, out)
            return False
        return True

    def _idle(self, session: Session, result: ProbeResult, now: float) -> float:
        """How long the session has been idle, as far as the switch can be believed.

        PI, the P4Runtime server of BMv2, computes the remaining time in 32 bits: an entry with more than 4.29 s left
        looks nearly expired. An idle time longer than the session has existed gives such a switch away. From then on
        states shorter than the entry's own timeout are judged by how long the counters have stood still, and an
        established session is not over before they stood still between two probes. Stratum tells no idle times at all:
        there the counters decide in every state.
        """
        if result.idle is None or result.idle > now - session.created + CLOCK_SLACK:
            self._counters_only = True
        if not self._counters_only and result.idle is not None:
            return result.idle
        packets = result.in_packets + result.out_packets
        moved = session.still is None or session.still[0] != packets
        if session.still is None or moved:
            session.still = (packets, now)
        if session.state is TcpState.ESTABLISHED and result.idle is not None:
            return min(result.idle, self._store.timeout(session) - SECOND_LOOK) if moved else result.idle
        return now - session.still[1]

    # ---- timers

    def due(self, now: float, out: list[Effect]) -> None:
        probe: list[Session] = []
        remove: list[Session] = []
        for session in self._store.timers.due(now, DUE_LIMIT):
            match session.phase:
                case Phase.INSTALLED:
                    session.probing = True
                    self._store.timers.arm(session, now + PROBE_RETRY)
                    probe.append(session)
                case Phase.EXPIRING:
                    self._send_resets(session, now, out)
                case Phase.INSTALLING | Phase.REUSING:
                    # The answer was lost; what the SYN's client did since is unknown.
                    session.held = None
                    remove.append(session)
                case Phase.CLOSING | Phase.REMOVING:
                    remove.append(session)
        out.extend(
            Probe(tuple(session.entry for session in probe[start : start + PROBE_BATCH]))
            for start in range(0, len(probe), PROBE_BATCH)
        )
        self._stats["probes"] += len(probe)
        self._store.remove(remove, now, out)

    # ---- ends

    def end(self, sessions: Iterable[Session], now: float, out: list[Effect]) -> None:
        """Reset and remove ``sessions``: their service is gone."""
        remove: list[Session] = []
        for session in sessions:
            if session.phase is Phase.INSTALLED and session.state not in _SILENT:
                self._reset(session, now, out)
            elif session.phase <= Phase.REUSING:
                remove.append(session)
        self._store.remove(remove, now, out)

    def _reset(self, session: Session, now: float, out: list[Effect]) -> None:
        """Reset both sides as soon as the rate allows."""
        slot = self._rate.slot(now)
        if slot <= now:
            self._send_resets(session, now, out)
        else:
            session.phase = Phase.EXPIRING
            self._store.timers.arm(session, slot)

    def _send_resets(self, session: Session, now: float, out: list[Effect]) -> None:
        entry = session.entry
        number = entry.session_id
        if session.state is TcpState.ESTABLISHED:
            self._stats["rst_in_established"] += 1
            self._stats["rst_out_established"] += 1
        self._stats["sessions_reset"] += 1
        out.append(Reset(bare_reset(entry.client, entry.client_port, entry.vip, entry.vport), number))
        out.append(Reset(bare_reset(entry.server, entry.server_port, entry.local, entry.local_port), number))
        self._store.set_state(session, TcpState.CLOSE, now)
        session.phase = Phase.CLOSING
        self._store.timers.arm(session, now + CLOSING_TIME)

    def look(self, sessions: Sequence[Session], now: float, spread: float, out: list[Effect]) -> None:
        """Ask about ``sessions`` soon, evenly over ``spread`` seconds."""
        for position, session in enumerate(sessions):
            self._store.timers.arm(session, now + 1.0 + spread * position / len(sessions))
        if sessions:
            out.append(Log("INFO", f"{len(sessions)} sessions found on the switch and taken over"))
