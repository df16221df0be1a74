"""Admission: SYNs. A new one makes a session; one of an existing session is repeated, or takes the session over.

The SYN is held while its session is written and then injected, so that the first packet takes the path of all others.
"""

from __future__ import annotations

from collections.abc import Callable

from fullnat.core.balancing.placement import Place, Refusal, limited
from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.interface import Effect, Failure, Forward, Inject, Log, Op, Outcome, PacketIn
from fullnat.core.journal import REPLACED, REUSED_BY_CLIENT, ends
from fullnat.core.network.frames import port_unreachable
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.session.isn import IsnGenerator
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.resets import Resets
from fullnat.core.session.sessions import Held, Session
from fullnat.core.session.store import SessionStore
from fullnat.core.snat.mappings import placed
from fullnat.core.stats import REUSED
from fullnat.net.flow import Address, Endpoint, Flow, made
from fullnat.net.parse import Packet
from fullnat.p4constants import PuntReason

ATTEMPTS = 2
"""Sessions tried for one SYN when the switch already has entries of them,"""
BLIND_ATTEMPTS = 8
"""and when it has sessions that are not known yet: half of the ports may be theirs."""
REPORTED = 1.0
"""Seconds after which the switch has reported what it has seen, and after which a client repeats its SYN."""
SUSPICIOUS = 2.0
"""Seconds after its installation from which a session that the switch does not find is suspected to be lost."""
AGAIN = 1.2
"""Seconds after which the repetition of a SYN is here, if it is to come here."""
UNDER_WAY = 10.0
"""Seconds in which SYNs may come that waited when their service began to answer every SYN with a cookie, here or on
their way from a switch that got no processor."""


def refuse(
    store: SessionStore, service: Service, refusal: Refusal, flow: Flow, held: Held, now: float, out: list[Effect]
) -> None:
    """``flow`` gets no session of ``service``: count that, and tell its client where that helps, or is asked for."""
    stats = store.stats
    stats[refusal.value] += 1
    service.refused[refusal.value] += 1
    if refusal.is_told and not service.is_outward:
        stats["conn_sched_unreach"] += 1
        out.append(Forward(held.port, port_unreachable(held.packet, flow)))
    elif refusal.is_limit and service.limits.answers:
        store.telling.refuse(held.packet, service.limits.answers, held.port, now, out)


class Admission:
    def __init__(
        self,
        store: SessionStore,
        isn: IsnGenerator,
        resets: Resets,
        suspect: Callable[[Address, float, list[Effect]], None],
    ) -> None:
        """``suspect`` is told of real servers that a client gets no answer from."""
        self._store = store
        self.on_crowd: Callable[[Service, float, list[Effect]], bool] = lambda _service, _now, _out: False
        """Hears of a service that has as many half-open sessions as it may, when one more begins; whether it sees to
        that, so that none has to go."""
        self._suspect = suspect
        self._resets = resets
        self._stats = store.stats
        self._isn = isn

    def syn(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """A client's SYN, with or without a session in the switch."""
        flow = packet.flow
        protocol = BY_NUMBER.get(packet.protocol)
        seq = protocol.opening(packet) if protocol is not None else None
        if flow is None or seq is None:
            self._stats["bad_frame"] += 1
            return
        if not packet.is_intact():
            self._stats["bad_checksum"] += 1
            return
        held = made(Held, (packet, event.ingress_port, seq, 0, event.seq, False))
        session = self._store.table.by_key.get(flow)
        if session is None and self._store.blind and event.reason == PuntReason.SESSION_SYN:
            self._stats["syn_deferred"] += 1  # the client repeats it, and then its session is known
        elif session is None:
            self._stats["syn_received"] += 1
            self.create(flow, held, now, out)
        else:
            self._known(session, event, held, now, out)

    def _known(self, session: Session, event: PacketIn, held: Held, now: float, out: list[Effect]) -> None:
        """A SYN of a session that there is."""
        phase = session.phase
        if phase is Phase.INSTALLED or phase is Phase.EXPIRING:
            is_known = event.reason == PuntReason.SESSION_SYN
            if phase is Phase.INSTALLED and not is_known and now - session.changed > SUSPICIOUS:
                self._store.timers.arm(session, now)
            if session.entry.splice is not None and not is_known:
                # It came before the session was there, which the client has begun with what came behind it.
                self._stats["syn_retransmitted"] += 1
                return
            self._again(session, held, now, out)
        elif session.entry.splice is not None and phase in (Phase.INSTALLING, Phase.REUSING):
            self._stats["syn_retransmitted"] += 1
        elif phase is Phase.INSTALLING or phase is Phase.REUSING:
            waiting = session.held
            came_again = waiting is not None and waiting.seq == held.seq
            self._stats["syn_retransmitted"] += came_again
            session.held = held._replace(came_again=came_again)
        else:
            self._stats["syn_deferred"] += session.held is None
            session.held = held

    def create(self, flow: Flow, held: Held, now: float, out: list[Effect]) -> None:
        """A session for the waiting SYN of ``flow``, which has none, or not any more."""
        store = self._store
        service = store.services.serving(flow, held.port)
        if service is None:
            self._stats["syn_without_service"] += 1
            return
        if service.cookies_since is not None and now - service.cookies_since < UNDER_WAY:
            # A repetition may have got a cookie: the server, with numbers of its own, would reset who acknowledges it.
            self._stats["cookie_syn_waited"] += 1
            return
        found = self.placed(service, flow, held.packet, now)
        if isinstance(found, Refusal):
            refuse(store, service, found, flow, held, now, out)
            return
        self._make_room(service, flow, now, out)
        isn = self.towards(found.server, found.server.at(flow.dst), found.local, held.seq, now)
        session = store.take(flow, service, found, (held.seq, isn), now)
        if session is None:
            refuse(store, service, Refusal.NO_ROOM, flow, held, now, out)
            return
        session.held = held
        store.write(session, Op.INSERT, session.entry, Step.INSERT, now, out)

    def _make_room(self, service: Service, flow: Flow, now: float, out: list[Effect]) -> None:
        """Of the half-open sessions of ``service``, or of the source of ``flow``, the oldest goes if there are as many
        as there may be: whoever answers has done so by then."""
        if service.limits.is_unlimited:
            return
        crowd = service.limits.crowds(flow.src.address)
        if crowd is None or (crowd is service.limits.half_open and self.on_crowd(service, now, out)):
            return
        oldest = next((each for each in crowd if each.phase is Phase.INSTALLED), None)
        if oldest is None:
            return
        self._stats["half_open_ended"] += 1
        service.limits.settled(oldest)
        if not self._resets.begin(oldest, now, out):
            self._store.remove((oldest,), now, out)

    def placed(self, service: Service, flow: Flow, packet: Packet, now: float) -> Place | Refusal:
        """Where a new session of ``flow`` goes, which begins with that, or why there is to be none."""
        return limited(service, flow.src.address, now) or placed(self._store, service, flow, packet, now)

    def towards(
        self, server: Server, at: Endpoint, local: Endpoint, seq: int, now: float, above: int | None = None
    ) -> int:
        """The ISN that ``server``, which answers ``at`` this, sees: ours, or the client's ``seq`` where it is the
        client that it talks to."""
        return self._isn.next(local, at, now, above) if server.mode.has_own_numbers else seq

    def _again(self, session: Session, held: Held, now: float, out: list[Effect], *, sent: bool = True) -> None:
        """A SYN on an installed session. Not ``sent``: the server has seen none yet."""
        store = self._store
        # It was found dead and waits for its resets; the client has begun anew before.
        dead = session.phase is Phase.EXPIRING
        splice = session.entry.splice
        if splice is not None and not dead:
            if held.seq == session.entry.client_isn:
                # Long under way: its client has had a SYN-ACK.
                self._stats["syn_retransmitted"] += 1
                return
            if not splice.number:
                # Its client begins anew before the server has answered; the SYN comes again, and gets a cookie.
                store.remove((session,), now, out)
                return
        if held.seq == session.entry.client_isn and not dead:
            self._stats["syn_retransmitted"] += 1
            answered = session.events & session.protocol.answers
            if self._is_forlorn(session, now):
                self._stats["syn_deferred"] += 1
                session.held = held
                store.remove((session,), now, out)
                return
            if session.service.passive_failures:
                store.doubts.repeated(session)
            if answered and session.is_over:
                # It was long under way: the server, which has forgotten the connection, would begin another one.
                return
            # A server that refused it may take it now: the connection begins once more.
            begins = session.events != 0 and not answered
            if begins:
                store.begin(session, now)
            elif not session.events:
                self._suspect(session.receiver, now, out)
            out.append(Inject(held.port, held.packet.frame, session.entry.session_id, begins))
            return
        challenged = session.state in session.protocol.challenging or (sent and self._may_be_answered(session, now))
        if challenged and not dead:
            # The old delta: the server answers with a challenge ACK (RFC 5961), the client resets, and tries again.
            self._stats["syn_in_established"] += 1
            out.append(Inject(held.port, held.packet.frame, session.entry.session_id, False))
            return
        session.held = held
        if not session.server.effective_weight or not session.service.configured:
            # A new connection, which the real server takes no more: a new session, on another one.
            self._stats["syn_deferred"] += 1
            ends(store.journal, session, REPLACED)
            if dead:
                self._resets.send(session, now, out)
            elif not self._resets.begin(session, now, out):
                store.remove((session,), now, out)
            return
        self._reuse(session, held, now, out)

    def _is_forlorn(self, session: Session, now: float) -> bool:
        """Nobody has answered its SYN, and its server, which takes no new sessions any more, may never; others do."""
        if session.events or session.server.wanted or self._may_be_answered(session, now):
            return False
        return any(server.takes_new for server in session.service.servers.values())

    def _may_be_answered(self, session: Session, now: float) -> bool:
        """Whether the server may have answered the SYN of a session that has just begun, so that both ends go by its
        delta: it has, or the switch's report may be under way."""
        if session.state is not session.protocol.initial:
            return False
        return bool(session.events & session.protocol.answers) or now - session.began < REPORTED

    def _reuse(self, session: Session, held: Held, now: float, out: list[Effect]) -> None:
        """A new connection on the old local address and port (LVS: fullnat_conn_reused_entry)."""
        entry = session.entry
        above = held.end or self._store.ceiling(session)
        isn = self.towards(session.server, session.real, session.local, held.seq, now, above)
        self._store.count_unanswered(session)
        self._stats["fullnat_conn_reused"] += 1
        self._stats[REUSED[session.state.name]] += 1
        session.new_entry = entry._replace(
            delta=(isn - held.seq) & 0xFFFFFFFF,
            client_isn=held.seq,
            idle_timeout=session.service.established_timeout,
            splice=None,
        )
        session.probing = False
        self._store.write(session, Op.MODIFY, session.new_entry, Step.REUSE, now, out)

    def written(self, session: Session, failure: Failure | None, now: float, out: list[Effect]) -> None:
        """The insert or modify of ``session`` was answered."""
        if session.phase is not Phase.INSTALLING and session.phase is not Phase.REUSING:
            # It is to end since: what the switch has is known, and the SYN waits for its removal.
            if failure is None and session.new_entry is not None:
                session.entry = session.new_entry
            session.new_entry = None
            return
        if failure is not None:
            self._failed(session, failure, now, out)
            return
        held, journal = session.held, self._store.journal
        session.held = None
        if held is not None and self._may_have_cookie(session, held, now):
            self._stats["cookie_syn_waited"] += 1
            self._store.remove((session,), now, out)
            return
        if session.phase is Phase.INSTALLING:
            self._stats["sessions_created"] += 1
            self._store.setup.observe(now - session.created)
        elif session.new_entry is not None:
            if journal is not None:
                journal.closed(session, now, REUSED_BY_CLIENT)
            session.entry = session.new_entry
            session.new_entry = None
        session.step(Step.WRITTEN)
        self._store.begin(session, now)
        if journal is not None:
            journal.opened(session, now)
        if held is None:
            return
        if held.seq == session.entry.client_isn:
            out.append(made(Inject, (held.port, held.packet.frame, session.entry.session_id, True, False)))
        else:
            # The client began anew while the session was written.
            self._again(session, held, now, out, sent=False)

    @staticmethod
    def _may_have_cookie(session: Session, held: Held, now: float) -> bool:
        """Whether the SYN that asked for a session has waited for so long that its client has repeated it, and the
        repetition has not come here: it may have got a cookie, and the server would reset who acknowledges that."""
        has_waited = session.phase is Phase.INSTALLING and now - session.created > AGAIN and not held.came_again
        return has_waited and session.service.cookies_since is not None

    def _failed(self, session: Session, failure: Failure, now: float, out: list[Effect]) -> None:
        store = self._store
        outcome, message = failure
        held = session.held
        session.held = None
        if session.phase is Phase.REUSING:
            session.new_entry = None
            self._stats["write_failed"] += 1
            if outcome is Outcome.ABSENT:
                self._stats["sessions_lost"] += 1
                session.held = held
                store.remove((session,), now, out)
            else:
                session.step(Step.REFUSED)
                store.arm(session, now)
            return
        if outcome is Outcome.FULL:
            self._stats["table_full"] += 1
            session.service.refused[Refusal.NO_ROOM.value] += 1
            store.release(session, Step.REFUSED)
            return
        if outcome is Outcome.EXISTS and store.yield_to_unknown(session):
            self._stats["session_conflict"] += 1
            if held is not None and held.attempts + 1 < BLIND_ATTEMPTS:
                self.create(session.key, held._replace(attempts=held.attempts + 1), now, out)
            return
        if outcome is Outcome.EXISTS:
            # The switch holds entries with the keys of ours that no session here owns. They go; the SYN tries once
            # more.
            self._stats["session_conflict"] += 1
            if held is not None and held.attempts + 1 < ATTEMPTS:
                session.held = held._replace(attempts=held.attempts + 1)
        else:
            self._stats["write_failed"] += 1
        out.append(Log("DEBUG", f"session {session.entry.session_id} not installed: {message}"))
        store.remove((session,), now, out)
