"""The session store: every resource a session holds is taken and given back here.

Ports, session id and server id of a session are freed when the switch has confirmed that its entries are gone, and
only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from random import Random

from fullnat.config.model import GlobalSettings
from fullnat.core.access.telling import Telling
from fullnat.core.balancing.affinity import Affinity
from fullnat.core.balancing.doubts import Doubts
from fullnat.core.balancing.placement import Place
from fullnat.core.balancing.server_ids import ServerKey
from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.services import Services
from fullnat.core.balancing.templates import Templates
from fullnat.core.histogram import SETUP_BOUNDS, Histogram
from fullnat.core.interface import Effect, Failure, Op, Outcome, Sizes
from fullnat.core.journal import Journal
from fullnat.core.memory import Memory
from fullnat.core.session.isn import GAP, HALF, IsnGenerator, is_after
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.pool import ClientEndpoints, LocalPool, Peer
from fullnat.core.session.sessions import NEVER, Held, Session, SessionTable
from fullnat.core.session.writes import Writes
from fullnat.core.snat.mappings import Mapping, Mappings
from fullnat.core.stats import Stats
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import Address, Endpoint, Flow, made
from fullnat.net.parse import Packet
from fullnat.p4constants import OF_SERVER
from fullnat.tables.session import SessionEntry, Splice

REMOVE_RETRY = 1.0
"""Seconds to the first repetition of a failed delete; doubled each time."""
REMOVE_RETRY_LIMIT = 60.0
MSS = 1460
"""Bytes a packet is taken to carry where the switch counts only packets."""
CEILING = HALF - 2 * GAP
"""From an ISN to a number that is above whatever the connection has sent, if that is less."""
WRITE_BATCH = 256
"""Sessions per Write effect."""

_LIVED = (Phase.INSTALLED, Phase.REUSING, Phase.EXPIRING, Phase.CLOSING, Phase.RESTORING)
"""Phases of sessions whose SYN has reached the real server."""


class SessionStore(Writes):
    def __init__(self, sizes: Sizes, rng: Random, stats: Stats, isn: IsnGenerator) -> None:
        super().__init__(SessionTable(sizes.session_ids), TimerWheel())
        self.stats = stats
        self.blind = False
        """The switch has sessions that we do not know yet."""
        self.restoring = False
        """The switch lacks sessions that are being written again."""
        self.moved = NEVER
        """Since when the switch that forwards has done so, if it has taken over from another one: it has counted
        nothing before, and its registers knew of no session."""
        self.heard = NEVER
        """Since when the switch is heard without a gap: what it told before may be lost."""
        self._isn = isn
        self._rng = rng
        self.memory = Memory()
        self.services = Services(sizes.server_ids, rng, self.memory, has_cookies=sizes.has_cookies)
        self.crowded: set[Service] = set()
        """Those with more half-open sessions than they may have; taken by the reader
        (:mod:`fullnat.core.synproxy.need`)."""
        self.unnumbered = 0
        """Sessions of protocols without numbers."""
        settings = GlobalSettings()
        self.pool = LocalPool(rng, settings.local_port_min, settings.local_port_max)
        self.clients = ClientEndpoints()
        self.mappings = Mappings(self.pool, stats)
        self.templates = Templates(self.memory, stats)
        self.affinity = Affinity(self.templates, stats)
        self.doubts = Doubts()
        self.setup = Histogram(SETUP_BOUNDS)
        """Seconds from taking up what asks for a session until the switch has it."""
        self.journal: Journal | None = None
        self.telling = Telling(stats)

    # ---- resources

    def take(
        self,
        key: Flow,
        service: Service,
        place: Place,
        isn: tuple[int, int],
        now: float,
        splice: Splice | None = None,
    ) -> Session | None:
        """A new session of ``key`` at ``place``, with ``isn``: the client's and the one towards the server. None when
        no session id is free; the place is given back then."""
        server, local, mapping = place
        # A million sessions are held: what many have in common they share.
        virtual = service.key[1]
        if not virtual.port:
            virtual = key.dst
        endpoint = server.at(virtual)
        ids = self.table.ids
        session_id = ids.take_spare(self._rng) if self.blind else ids.take()
        if session_id is None:
            self._give_back(service, server, made(Peer, (key.protocol, endpoint)), local, mapping)
            return None
        client_isn, server_isn = isn
        protocol, source, _ = key
        client, client_port = source
        vip, vport = virtual
        fields = (
            session_id,
            server.server_id if server.by_virtual is None else server.id_of(service.virtual(virtual)),
            protocol,
            client,
            client_port,
            vip,
            vport,
            local.address,
            local.port,
            endpoint.address,
            endpoint.port,
            (server_isn - client_isn) & 0xFFFFFFFF,
            client_isn,
            service.established_timeout,
            splice,
        )
        entry = made(SessionEntry, fields)
        session = Session(entry, made(Flow, (protocol, source, virtual)), service, server, now)
        session.mapping = mapping
        self._hold(session)
        server.connections += 1
        service.connections += 1
        if service.persistence_timeout:
            self.templates.placed(service, key, server, now)
        return session

    def adopt(
        self, entry: SessionEntry, key: Flow, service: Service, real: ServerKey, peer: Peer, now: float
    ) -> Session | None:
        """A session of the server ``real`` found on the switch, taken for established; ``key`` is its ``flow_in``, and
        ``peer`` where its server answers. None when what it uses is taken."""
        if key in self.table.by_key or not self.services.ids.fits(entry.server_id, real):
            return None
        if not self.table.ids.claim(entry.session_id):
            return None
        claimed = self._claim(service, real, entry, peer)
        if not claimed:
            self.table.ids.release(entry.session_id)
            return None
        server = service.server(real.endpoint, real.mode)
        session = Session(entry, key, service, server, now)
        session.mapping = None if claimed is True else claimed
        session.step(Step.ADOPT)
        session.events = session.protocol.opened
        session.state = session.protocol.established
        self._hold(session)
        self._persist(session, now)
        return session

    def _give_back(
        self, service: Service, server: Server, peer: Peer, local: Endpoint, mapping: Mapping | None
    ) -> None:
        """``local`` is free again towards ``peer``, where ``server`` answers."""
        if mapping is not None:
            self.mappings.release(service, mapping)
        elif server.mode.takes_local:
            self.pool.release(local, peer)
        elif not server.mode.keeps_destination:
            self.clients.release(local, peer)

    def _claim(self, service: Service, real: ServerKey, entry: SessionEntry, peer: Peer) -> bool | Mapping:
        """Take this very local endpoint of a session found on the switch; False when it is in use."""
        local = made(Endpoint, (entry.local, entry.local_port))
        if real.mode.is_outward:
            return self.mappings.claim(service, entry.flow_in, local) or False
        if real.mode.takes_local:
            return self.pool.claim(local, peer)
        return real.mode.keeps_destination or self.clients.take(local, peer)

    def _hold(self, session: Session) -> None:
        server = session.server
        self.services.hold(session.service, server, session.entry.server_id, session.key.dst)
        session.service.limits.begun(session)
        self._count(session, session.state, 1)
        self.unnumbered += not session.protocol.is_numbered
        self.table.add(session)

    def release(self, session: Session, step: Step = Step.DELETED) -> None:
        """Forget the session: its entries are gone. Gives back all it holds."""
        session.step(step)
        entry, server = session.entry, session.server
        self.timers.cancel(session)
        self.table.remove(session)
        peer = made(Peer, (entry.protocol, session.real))
        self._give_back(session.service, server, peer, session.local, session.mapping)
        self._count(session, session.state, -1)
        session.service.limits.ended(session)
        if session.template is not None:
            session.template.holders -= 1
        self.unnumbered -= not session.protocol.is_numbered
        self.services.released(session.service, server, entry.server_id)
        session.token = 0

    def receiver(self, session_id: int, packet: Packet) -> Address | None:
        """Whom a routed packet is for: its destination, or the server that has the virtual address as well."""
        if session_id & OF_SERVER:
            server = self.services.ids.key(session_id & ~OF_SERVER)
            return packet.dst if server is None else server.endpoint.address
        session = self.table.by_id.get(session_id)
        if session is not None and session.server.mode.keeps_destination and packet.dst == session.key.dst.address:
            return session.server.endpoint.address
        return packet.dst

    # ---- state

    def set_events(self, session: Session, events: int, unjudged: int, now: float) -> None:
        """What stands from now on. A change of the state restarts its time; :meth:`arm` sets the timer."""
        session.events, session.unjudged, session.baseline = events, unjudged, None
        protocol = session.protocol
        state = protocol.state(events)
        old = session.state
        if state is old:
            return
        counted = (protocol.initial, protocol.established)
        if state in counted or old in counted:
            self._count(session, old, -1)
            self._count(session, state, 1)
        session.state = state
        session.changed = now
        session.not_before = 0.0
        self._persist(session, now)

    def _persist(self, session: Session, now: float) -> None:
        """Established sessions hold their clients' templates."""
        if session.template is None and not session.service.persistence_timeout:
            return
        is_established = session.state is session.protocol.established
        if is_established and session.template is None:
            session.template = self.templates.hold(session.service, session.key, session.server, now)
        elif not is_established and session.template is not None:
            self.templates.release(session.template, now)
            session.template = None

    def mark_reset(self, session: Session, now: float) -> None:
        """The controller's own resets have ended it."""
        self.set_events(session, session.events | session.protocol.aborted, 0, now)

    def yield_to_unknown(self, session: Session) -> bool:
        """An insert met entries of the switch: whether they may be those of a session that is not known yet, so that
        ours has gone elsewhere and they stay."""
        if not self.blind:
            return False
        self.release(session, Step.REFUSED)
        self.pool.jump(session.entry.local)
        return True

    def begin(self, session: Session, now: float) -> None:
        """A connection begins: nothing is known of it."""
        session.client_end = 0
        self.set_events(session, 0, 0, now)
        session.changed = session.began = now
        session.not_before = 0.0
        self._persist(session, now)
        self.arm(session, now)

    def is_open(self, session: Session) -> bool:
        """Somebody is to be told when it ends."""
        return session.protocol.is_open(session.events, session.unjudged)

    def _count(self, session: Session, state: IntEnum, change: int) -> None:
        """``change`` sessions more of ``state`` on the session's server."""
        server, scheduler = session.server, session.service.scheduler
        if state is session.protocol.established:
            server.active += change
        else:
            server.inactive += change
            if state is session.protocol.initial:
                server.beginning += change
                service = session.service
                if change > 0:
                    service.limits.opened(session)
                else:
                    service.limits.settled(session)
                if 0 < service.half_open_most < service.half_open:
                    self.crowded.add(service)
        if server.has_threshold and server.judge():
            scheduler.opened(server)
        if scheduler.wants_loads:
            scheduler.loaded(server)

    def timeout(self, session: Session) -> float:
        """Seconds that the session may be idle in its state. One that began before another switch took over may be
        established: what the one before was about to tell is lost."""
        state, protocol, timeouts = session.state, session.protocol, session.service.timeouts
        in_doubt = state is protocol.initial and protocol.is_numbered and session.began < self.moved
        if state is protocol.established or in_doubt:
            return session.entry.idle_timeout
        if session.unjudged:
            return protocol.unjudged_timeout(state, session.events, timeouts, session.entry.idle_timeout)
        return timeouts[state]

    def arm(self, session: Session, now: float) -> None:
        """The timer of the current state. The switch itself tells of idle established sessions; should that be lost,
        they are looked at after twice the time."""
        if session.state is session.protocol.established:
            self.timers.arm(session, now + 2 * session.entry.idle_timeout)
        else:
            self.timers.arm(session, now + self.timeout(session))

    # ---- how a connection ended

    def _told_end(self, session: Session) -> int:
        """The end of what its client has sent, in the server's numbering, if the switch told it with a FIN; or 0."""
        is_last = session.events & session.protocol.client_ended & ~session.unjudged
        return session.client_end if is_last else 0

    def ceiling(self, session: Session) -> int:
        """A number above all that its client has sent, up to 2 GB, for want of better."""
        first = session.server_isn + 1
        reach = CEILING if session.events else 0
        return self._told_end(session) or first + reach & 0xFFFFFFFF

    def client_end(self, session: Session) -> int:
        """The end of what its client has sent, in the server's numbering, or a bound that is not below as of the last
        probe."""
        first, counters = session.server_isn + 1, session.counters
        told = session.client_end
        if self._told_end(session):
            return told
        if session.began < self.moved:
            return self.ceiling(session)
        if counters is None:
            return told or first & 0xFFFFFFFF
        octets = counters.in_packets * MSS if counters.in_bytes is None else counters.in_bytes
        bound = first + octets & 0xFFFFFFFF
        return told if told and is_after(told, bound) else bound

    def count_unanswered(self, session: Session) -> None:
        """The connection is over; was there ever one?"""
        words = session.protocol.words
        if session.events & words or not words:
            return
        counters = session.counters
        if counters is None or not counters.out_packets:
            session.server.unanswered += 1
            session.service.unanswered += 1
            self.stats["sessions_unanswered"] += 1
            self.doubts.unanswered(session)

    def _over(self, session: Session, now: float) -> None:
        """The next connection on its local port is to be above what this one has sent."""
        self.count_unanswered(session)
        if self.journal is not None:
            self.journal.closed(session, now)
        if not session.server.mode.has_own_numbers or not session.protocol.is_numbered:
            return
        end = self.client_end(session)
        if self._isn.is_past(end - session.server_isn, now - session.began, now):
            return
        self._isn.ended(session.local, session.real, end, now)

    # ---- removal

    def remove(self, sessions: Sequence[Session], now: float, out: list[Effect]) -> None:
        """Start to delete the entries of ``sessions``."""
        for start in range(0, len(sessions), WRITE_BATCH):
            batch = sessions[start : start + WRITE_BATCH]
            for session in batch:
                if session.phase in _LIVED:
                    self._over(session, now)
                if session.template is not None:
                    self.templates.release(session.template, now)
                    session.template = None
                session.step(Step.REMOVE)
                session.new_entry = None
            self.write_all(batch, Op.DELETE, now, out)

    def removed(self, session: Session, failure: Failure | None, now: float) -> Held | None:
        """A delete was answered. Returns the SYN that waited for it."""
        if failure is not None and failure.outcome is not Outcome.ABSENT:
            self.stats["write_failed"] += 1
            self.timers.arm(session, now + min(REMOVE_RETRY * 2.0 ** min(session.failures, 16), REMOVE_RETRY_LIMIT))
            session.failures += 1
            return None
        self.release(session)
        return session.held
