"""Connections that a SYN cookie began (LVS: ip_vs_synproxy.c): the client has its SYN-ACK, of the switch, before the
real server is asked.

What acknowledges a cookie makes a session, whose server gets a SYN with what the cookie tells of the client's. As long
as the server has not answered, what the client sends waits here. With the server's SYN-ACK both entries learn by how
much its numbers differ from the cookie's; then what has waited goes through the switch, and behind it the SYN-ACK, of
which the switch makes an ACK that opens the client's window. A server that does not answer, or refuses, is the client's
RST.
"""

from __future__ import annotations

from fullnat.core.balancing.placement import Refusal
from fullnat.core.interface import Effect, Failure, Forward, Inject, Op, PacketIn
from fullnat.core.network.frames import reset_answer
from fullnat.core.session.admission import Admission
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.sessions import Held, Session
from fullnat.core.session.store import SessionStore
from fullnat.core.synproxy.successors import Successors
from fullnat.core.synproxy.told import has_scale, server_scale, syn
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import Flow
from fullnat.net.headers import TcpFlag
from fullnat.net.parse import Packet, Segment
from fullnat.p4constants import ServiceFlag, SessionEvent
from fullnat.tables.session import Splice

PER_SESSION = 16
"""Segments of one session that wait at most: its client has a window of one, and what it repeats is kept once."""
IN_ALL = 16384
"""Segments that wait at most."""
PATIENCE = (1.0, 2.0, 4.0)
"""Seconds until the SYN is sent again, twice, and until its server is taken for dead."""

EARLY, FORGOTTEN = 1.0, 30.0
"""Seconds after which a flow that is late is answered, and after which that it was is forgotten."""
LATE = 65536
"""Flows that are known to be late."""
_COOKIES = int(ServiceFlag.COOKIES | ServiceFlag.COOKIES_IN_NEED)

_MASK = 0xFFFFFFFF
_HALF = 1 << 31


class _Waiting:
    """A session whose server has not answered, and what is for it."""

    __slots__ = ("answer", "cookie", "port", "queue", "scale", "syn", "tries")

    def __init__(self, cookie: int, first: Held, own_scale: int) -> None:
        self.cookie = cookie
        self.queue = [first]
        """What the client has sent, in its order. There is at least one."""
        self.port = first.port
        self.syn = syn(first.packet, cookie)
        """For the server."""
        self.scale = own_scale if has_scale(cookie) else 0
        """By which the client shifts windows of the server's."""
        self.tries = 0
        self.answer: Held | None = None
        """The server's SYN-ACK, once it is there."""


class Splicing:
    def __init__(self, store: SessionStore, admission: Admission) -> None:
        self._store = store
        self._admission = admission
        self._stats = store.stats
        self._successors = Successors(store)
        self._waiting: dict[int, _Waiting] = {}
        """By session id."""
        self._count = 0
        """Segments that wait."""
        self._late: dict[Flow, float] = {}
        """When flows without session were first late."""
        self.own_scale = 0
        """What SYN-ACKs with cookies say of our windows."""
        self.timers: TimerWheel[int] = TimerWheel()
        """Of the sessions in ``_waiting``."""

    # ---- packets

    def acknowledged(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """A segment without session acknowledges a cookie, as the switch has found."""
        flow, segment = packet.flow, packet.tcp
        if flow is None or segment is None:
            self._stats["bad_frame"] += 1
        elif not packet.is_intact():
            self._stats["bad_checksum"] += 1
        elif (session := self._store.table.by_key.get(flow)) is None:
            self._open(flow, Held(packet, event.ingress_port, segment.seq), now, out)
        elif not self._waits(session, packet, event.ingress_port):
            held = Held(packet, event.ingress_port, segment.seq)
            if not self._successors.begins(session, held, now, out):
                self._pass(session, packet, event.ingress_port, out)

    def late(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> bool:
        """Whether a segment that the switch had no session for is one of a session that waits for its server; or may
        be of one whose first segment was lost or overtaken, which alone acknowledges the cookie: the first of a flow
        that is late is not answered, as its client repeats it."""
        flow, segment = packet.flow, packet.tcp
        if flow is None or segment is None:
            return False
        session = self._store.table.by_key.get(flow)
        if session is not None:
            if not packet.is_intact():
                return False
            held = Held(packet, event.ingress_port, segment.seq)
            return self._successors.follows(flow, held) or self._of_session(session, packet, event.ingress_port, out)
        if not event.service_flags & _COOKIES or segment.flags & TcpFlag.RST:
            return False
        since = self._late.get(flow)
        if since is not None and EARLY < now - since < FORGOTTEN:
            return False
        if since is None or now - since >= FORGOTTEN:
            if len(self._late) >= LATE:
                self._late.clear()
            self._late[flow] = now
        self._stats["cookie_late_spared"] += 1
        return True

    def segment(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """A segment of a session whose server had not answered when it came."""
        session, segment = self._store.table.by_id.get(event.session_id), packet.tcp
        if session is None or segment is None or packet.flow is None:
            self._stats["bad_frame"] += session is not None
            return
        if not packet.is_intact():
            self._stats["bad_checksum"] += 1
            return
        waiting = self._waiting.get(event.session_id)
        if packet.flow != session.key:
            if waiting is not None and session.phase is Phase.INSTALLED:
                self._answered(session, waiting, segment, packet, event.ingress_port, now, out)
            elif waiting is None:
                self._pass(session, packet, event.ingress_port, out)
        elif waiting is None:
            self._of_none(session, packet, event.ingress_port, now, out)
        elif segment.flags & TcpFlag.RST:
            # Its client has gone: the server's SYN-ACK will find no session.
            self._stats["cookie_client_gone"] += 1
            self._end(session, now, out)
        else:
            self._waits(session, packet, event.ingress_port)

    # ---- what the switch has written

    def written(self, session: Session, failure: Failure | None, now: float, out: list[Effect]) -> bool:
        """A write of ``session`` was answered; False if it is none that waits for its server."""
        number = session.entry.session_id
        waiting = self._waiting.get(number)
        if waiting is None:
            return False
        if session.phase is not Phase.INSTALLING and session.phase is not Phase.REUSING:
            # It has gone meanwhile, with its service say: nothing would ask for what waits any more.
            self._refuse(waiting, out)
            self._forget(number)
            return False
        if failure is not None:
            self._stats["write_failed"] += 1
            self._refuse(waiting, out)
            self._end(session, now, out)
        elif session.phase is Phase.INSTALLING:
            self._stats["sessions_created"] += 1
            session.step(Step.WRITTEN)
            self._store.begin(session, now)
            self._ask(session, waiting, now, out, first=True)
        else:
            assert session.new_entry is not None
            session.entry, session.new_entry = session.new_entry, None
            session.step(Step.WRITTEN)
            self._forget(number)
            # The switch has told it meanwhile, when nobody listened.
            self._store.set_events(session, session.events | SessionEvent.SYN_ACK, session.unjudged, now)
            self._store.arm(session, now)
            self._stats["sessions_spliced"] += 1
            # What the client sends when its window opens would overtake what has waited.
            held = [*_in_order(waiting.queue), *((waiting.answer,) if waiting.answer is not None else ())]
            out += (Inject(each.port, each.packet.frame, number, False) for each in held)
        return True

    def removed(self, session: Session, now: float, out: list[Effect]) -> bool:
        """``session`` may be gone; whether a cookie begins another one in its place."""
        queue = self._successors.gone(session)
        if not queue:
            return False
        self._open(session.key, queue[0], now, out)
        successor = self._store.table.by_key.get(session.key)
        if successor is not None:
            for held in queue[1:]:
                self._waits(successor, held.packet, held.port)
        return True

    def due(self, now: float, out: list[Effect]) -> None:
        """Servers that have not answered are asked once more, or taken for dead."""
        for number in [*self.timers.due(now, IN_ALL)]:
            waiting, session = self._waiting.get(number), self._store.table.by_id.get(number)
            if waiting is None or session is None:
                self._forget(number)
            elif session.phase is not Phase.INSTALLED:
                self.timers.arm(number, now + PATIENCE[0])
                if session.phase not in (Phase.INSTALLING, Phase.REUSING):
                    self._forget(number)
            elif waiting.tries < len(PATIENCE):
                self._stats["cookie_syn_repeated"] += 1
                self._ask(session, waiting, now, out)
            else:
                self._stats["cookie_server_silent"] += 1
                self._refuse(waiting, out)
                self._end(session, now, out)

    def switch_down(self) -> None:
        """Nothing that waits will be answered."""
        self._successors.clear()
        for number in [*self._waiting]:
            self._forget(number)

    # ---- one session

    def _open(self, flow: Flow, first: Held, now: float, out: list[Effect]) -> None:
        store, packet, port = self._store, first.packet, first.port
        service = store.services.serving(flow, port)
        if service is None:
            self._stats["syn_without_service"] += 1
            return
        found = Refusal.NO_ROOM if self._count >= IN_ALL else self._admission.placed(service, flow, packet, now)
        client_isn = first.seq - 1 & _MASK
        session = None
        if not isinstance(found, Refusal):
            isn = self._admission.towards(found.server, found.server.at(flow.dst), found.local, client_isn, now)
            session = store.take(flow, service, found, (client_isn, isn), now, Splice(0))
        if session is None:
            refusal = found if isinstance(found, Refusal) else Refusal.NO_ROOM
            self._stats[refusal.value] += 1
            service.refused[refusal.value] += 1
            _reset(packet, port, out)
            return
        self._late.pop(flow, None)
        self._waiting[session.entry.session_id] = _Waiting(_cookie(first), first, self.own_scale)
        self._count += 1
        store.write(session, Op.INSERT, session.entry, Step.INSERT, now, out)

    def _ask(self, session: Session, waiting: _Waiting, now: float, out: list[Effect], *, first: bool = False) -> None:
        """Send the SYN to the server."""
        number = session.entry.session_id
        out.append(Inject(waiting.port, waiting.syn, number, first))
        self.timers.arm(number, now + PATIENCE[min(waiting.tries, len(PATIENCE) - 1)])
        waiting.tries += 1

    def _answered(
        self,
        session: Session,
        waiting: _Waiting,
        segment: Segment,
        packet: Packet,
        port: int,
        now: float,
        out: list[Effect],
    ) -> None:
        """By the server."""
        if segment.flags & TcpFlag.ACK and segment.ack != session.server_isn + 1 & _MASK:
            # Of an old connection: as a client would, by RFC 9293 3.10.7.3.
            _reset(packet, port, out)
            return
        if segment.flags & TcpFlag.RST:
            self._stats["cookie_server_refused"] += 1
            self._refuse(waiting, out)
            self._end(session, now, out)
            return
        if segment.flags & (TcpFlag.SYN | TcpFlag.ACK) != TcpFlag.SYN | TcpFlag.ACK:
            return
        difference = waiting.cookie - segment.seq & _MASK
        if not difference:
            # One in 2^32: 0 says that the server has not answered.
            self._refuse(waiting, out)
            self._end(session, now, out)
            return
        waiting.answer = Held(packet, port, segment.seq)
        narrowed = max(waiting.scale - server_scale(packet, segment), 0)
        session.new_entry = session.entry._replace(splice=Splice(difference, waiting.scale, narrowed))
        self._store.write(session, Op.MODIFY, session.new_entry, Step.REUSE, now, out)

    def _waits(self, session: Session, packet: Packet, port: int) -> bool:
        """Whether ``packet``, of the client, waits now; once, however often it comes."""
        waiting, segment = self._waiting.get(session.entry.session_id), packet.tcp
        if waiting is None or segment is None:
            return False
        last = waiting.queue[-1]
        if any(held.packet.frame == packet.frame for held in waiting.queue):
            return True
        first = waiting.queue[0].packet.tcp
        if len(waiting.queue) == 1 and first is not None and not first.length and segment.seq == last.seq:
            # It acknowledges the cookie as well.
            waiting.queue[0] = Held(packet, port, segment.seq)
        elif len(waiting.queue) < PER_SESSION and self._count < IN_ALL:
            waiting.queue.append(Held(packet, port, segment.seq))
            self._count += 1
        else:
            self._stats["cookie_segments_dropped"] += 1
        return True

    def _of_session(self, session: Session, packet: Packet, port: int, out: list[Effect]) -> bool:
        """Whether a segment that came before the switch had the session is for it, if a cookie began that."""
        if self._waits(session, packet, port):
            return True
        if session.entry.splice is None or session.phase is not Phase.INSTALLED:
            return False
        self._pass(session, packet, port, out)
        return True

    def _of_none(self, session: Session, packet: Packet, port: int, now: float, out: list[Effect]) -> None:
        """A client's segment: of a session that has its server since, or of one that an earlier controller has begun,
        which is nobody's."""
        if session.entry.splice is not None and not session.entry.splice.number:
            if session.phase is Phase.INSTALLED:
                _reset(packet, port, out)
                self._store.remove((session,), now, out)
            return
        self._pass(session, packet, port, out)

    def _pass(self, session: Session, packet: Packet, port: int, out: list[Effect]) -> None:
        """The switch knows by now what to do with it."""
        if session.phase is Phase.INSTALLED:
            out.append(Inject(port, packet.frame, session.entry.session_id, False))
        else:
            self._stats["cookie_segments_dropped"] += 1

    def _refuse(self, waiting: _Waiting, out: list[Effect]) -> None:
        """The client, which has a connection, has it no longer."""
        _reset(waiting.queue[-1].packet, waiting.queue[-1].port, out)

    def _end(self, session: Session, now: float, out: list[Effect]) -> None:
        self._forget(session.entry.session_id)
        session.new_entry = None
        self._store.remove((session,), now, out)

    def _forget(self, number: int) -> None:
        self.timers.cancel(number)
        waiting = self._waiting.pop(number, None)
        self._count -= len(waiting.queue) if waiting is not None else 0


def _reset(packet: Packet, port: int, out: list[Effect]) -> None:
    answer = reset_answer(packet)
    if answer is not None:
        out.append(Forward(port, answer))


def _cookie(first: Held) -> int:
    """The one that it acknowledges."""
    segment = first.packet.tcp
    assert segment is not None
    return segment.ack - 1 & _MASK


def _in_order(queue: list[Held]) -> list[Held]:
    """As the client has sent them, by their numbers. Bare acknowledgements are as good as none where there are others:
    one that comes behind what the client has repeated since would say that it has sent no more."""
    first = queue[0].seq
    ordered = sorted(queue, key=lambda held: held.seq - first + _HALF & _MASK)
    return [held for held in ordered if _is_more_than_ack(held.packet.tcp)] or ordered[-1:]


def _is_more_than_ack(segment: Segment | None) -> bool:
    return segment is not None and bool(segment.length or segment.flags & TcpFlag.FIN)
