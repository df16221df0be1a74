"""Datagrams: the first one of a flow makes a session. It waits while the session is written, with those that follow it,
and they are injected in their order; so the first packet takes the path of all others.

A session whose real server leaves, fails, or gets weight 0, is removed at once: nothing ends a conversation over UDP,
so whoever goes on sending from the same port is to find another server (iqiyi/dpvs#109). Not so QUIC, whose connections
end.
"""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.balancing.placement import Refusal, limited
from fullnat.core.balancing.service import Service
from fullnat.core.interface import Effect, Failure, Inject, Log, Op, Outcome, PacketIn
from fullnat.core.journal import SERVER_LEFT, ends
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.session.admission import SUSPICIOUS, refuse
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.one_packet import OnePacket
from fullnat.core.session.sessions import Held, Session
from fullnat.core.session.store import SessionStore
from fullnat.core.snat.mappings import placed
from fullnat.net.flow import Flow
from fullnat.net.parse import Packet

PER_FLOW = 32
"""Datagrams of one flow that wait at most."""
IN_ALL = 8192
"""Datagrams that wait at most."""
SHARE = 2
"""UDP has one in so many of the switch's sessions at most: whoever forges its sources leaves the others to TCP."""
PATIENCE = 2.0
"""Seconds after which a datagram is of no use any more: a resolver has asked again by then."""

_LIVE = (Phase.INSTALLING, Phase.INSTALLED)


class _Queue:
    """What waits for the session of one flow, in order. There is at least one."""

    __slots__ = ("held", "since")

    def __init__(self, first: Held, now: float) -> None:
        self.held = [first]
        self.since = now


class Datagrams:
    def __init__(self, store: SessionStore, one_packet: OnePacket) -> None:
        self._store = store
        self._one_packet = one_packet
        self._stats = store.stats
        self._waiting: dict[Flow, _Queue] = {}
        self._count = 0

    def datagram(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """A client's datagram that the switch has no session for."""
        flow = packet.flow
        protocol = BY_NUMBER.get(packet.protocol)
        if flow is None or protocol is None or protocol.is_numbered or not protocol.opens(packet):
            self._stats["bad_frame"] += 1
            return
        # The sum of a first fragment is that of them all.
        if not packet.is_first_fragment and not packet.is_intact():
            self._stats["bad_checksum"] += 1
            return
        session = self._store.table.by_key.get(flow)
        service = self._store.services.serving(flow, event.ingress_port)
        if service is not None and service.one_packet:
            self._stats["datagram_received"] += 1
            source = self._store.services.ids.source
            out += self._one_packet.datagram(event, packet, flow, service, source, now)
        elif session is None:
            self._stats["datagram_received"] += 1
            if self._count < IN_ALL:
                self._count += 1
                self._open(flow, _Queue(Held(packet, event.ingress_port, 0), now), now, out)
            else:
                self._stats["datagram_dropped"] += 1
        elif session.phase is Phase.INSTALLED:
            if now - session.began > SUSPICIOUS:
                self._store.timers.arm(session, now)
            out.append(Inject(event.ingress_port, event.frame, session.entry.session_id, False))
        elif session.phase is Phase.RESTORING:
            self._stats["datagram_dropped"] += 1
        else:
            self._wait(flow, Held(packet, event.ingress_port, 0), now)

    def written(self, session: Session, failure: Failure | None, now: float, out: list[Effect]) -> None:
        """The insert of ``session`` was answered."""
        if failure is not None:
            self._drop(session.key)
            self._failed(session, failure, now, out)
            return
        self._stats["sessions_created"] += 1
        session.step(Step.WRITTEN)
        store = self._store
        store.begin(session, now)
        store.setup.observe(now - session.created)
        if store.journal is not None:
            store.journal.opened(session, now)
        queue = self._waiting.pop(session.key, None)
        if queue is None:
            return
        self._count -= len(queue.held)
        for position, held in enumerate(queue.held):
            out.append(Inject(held.port, held.packet.frame, session.entry.session_id, position == 0))

    def removed(self, flow: Flow, now: float, out: list[Effect]) -> None:
        """A deletion was answered; if the session of ``flow`` is gone, what waited for that gets a new one."""
        queue = self._waiting.get(flow)
        if queue is None or flow in self._store.table.by_key:
            return
        del self._waiting[flow]
        if now - queue.since <= PATIENCE:
            self._open(flow, queue, now, out)
        else:
            self._give_up(queue)

    def leave(self, services: Iterable[Service], now: float, out: list[Effect]) -> None:
        """Remove the sessions of those real servers of ``services`` that are to have none: the next datagram of each is
        scheduled anew. With one-packet scheduling none has any."""
        store = self._store
        out_of = {
            server
            for service in services
            if not service.protocol.is_numbered and not service.quic_servers
            for server in service.all_servers()
            if (not server.wanted or service.one_packet) and server.sessions
        }
        if out_of:
            leaving = [session for session in store.table if session.server in out_of and session.phase in _LIVE]
            self._stats["datagram_rescheduled"] += len(leaving)
            for session in leaving:
                ends(store.journal, session, SERVER_LEFT)
            store.remove(leaving, now, out)

    def switch_down(self) -> None:
        """Nothing that waits will be answered."""
        for queue in self._waiting.values():
            self._give_up(queue)
        self._waiting.clear()

    def _open(self, flow: Flow, queue: _Queue, now: float, out: list[Effect]) -> None:
        """A session for ``flow``, which has none; ``queue`` is counted already."""
        store = self._store
        service = store.services.serving(flow, queue.held[0].port)
        if service is None:
            self._stats["syn_without_service"] += 1
            self._give_up(queue)
            return
        full = store.unnumbered * SHARE >= store.table.ids.size
        found = (
            Refusal.NO_ROOM
            if full
            else limited(service, flow.src.address, now) or placed(store, service, flow, queue.held[0].packet, now)
        )
        session = None if isinstance(found, Refusal) else store.take(flow, service, found, (0, 0), now)
        if session is None:
            refusal = found if isinstance(found, Refusal) else Refusal.NO_ROOM
            refuse(store, service, refusal, flow, queue.held[0], now, out)
            self._give_up(queue)
            return
        self._waiting[session.key] = queue
        store.write(session, Op.INSERT, session.entry, Step.INSERT, now, out)

    def _failed(self, session: Session, failure: Failure, now: float, out: list[Effect]) -> None:
        outcome, message = failure
        if outcome is Outcome.FULL:
            self._stats["table_full"] += 1
            session.service.refused[Refusal.NO_ROOM.value] += 1
            self._store.release(session, Step.REFUSED)
            return
        self._stats["session_conflict" if outcome is Outcome.EXISTS else "write_failed"] += 1
        if outcome is Outcome.EXISTS and self._store.yield_to_unknown(session):
            return
        out.append(Log("DEBUG", f"session {session.entry.session_id} not installed: {message}"))
        self._store.remove((session,), now, out)

    def _wait(self, flow: Flow, held: Held, now: float) -> None:
        queue = self._waiting.get(flow)
        if self._count >= IN_ALL or (queue is not None and len(queue.held) >= PER_FLOW):
            self._stats["datagram_dropped"] += 1
            return
        self._count += 1
        if queue is None:
            self._waiting[flow] = _Queue(held, now)
        else:
            queue.held.append(held)

    def _drop(self, flow: Flow) -> None:
        queue = self._waiting.pop(flow, None)
        if queue is not None:
            self._give_up(queue)

    def _give_up(self, queue: _Queue) -> None:
        self._count -= len(queue.held)
        self._stats["datagram_dropped"] += len(queue.held)
