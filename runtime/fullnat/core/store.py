"""The session store: every resource a session holds is taken and given back here, and every write of a session starts
here.

Ports, session id and server id of a session are freed when the switch has confirmed that its entries are gone, and
only then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from fullnat.config.model import Config
from fullnat.core.interface import Effect, Failure, Op, Outcome, Sizes, Write, Written
from fullnat.core.pool import LocalAddress, LocalPool, endpoint_of
from fullnat.core.services import Server, Service, Services
from fullnat.core.sessions import ClientKey, Held, Phase, Session, SessionTable, client_key
from fullnat.core.stats import Stats
from fullnat.core.tcp_state import TcpState, Transitions, state_timeouts
from fullnat.core.timers import TimerWheel
from fullnat.tables.session import SessionEntry

WRITE_TIMEOUT = 60.0
"""Seconds after which the answer to a write is taken for lost."""
REMOVE_RETRY = 1.0
"""Seconds to the first repetition of a failed delete; doubled each time."""
REMOVE_RETRY_LIMIT = 60.0
WRITE_BATCH = 256
"""Sessions per Write effect."""


class SessionStore:
    def __init__(self, config: Config, sizes: Sizes, rng: Random, stats: Stats) -> None:
        self.stats = stats
        self.table = SessionTable(sizes.session_ids)
        self.services = Services(sizes.server_ids)
        self.pool = LocalPool(rng, config.local_port_min, config.local_port_max)
        self.timers: TimerWheel[Session] = TimerWheel()
        self.transitions = Transitions()
        self.timeouts = state_timeouts(config.timeouts)
        self._pending: dict[int, Sequence[Session]] = {}
        self._token = 0

    # ---- resources

    def take(
        self,
        key: ClientKey,
        service: Service,
        server: Server,
        place: tuple[LocalAddress, int],
        isn: tuple[int, int],
        now: float,
    ) -> Session | None:
        """A new session in phase INSTALLING with ``place`` (local address and port, already taken) and ``isn``: the
        client's and the one towards the server. None when no session id is free; ``place`` is given back then."""
        local, local_port = place
        session_id = self.table.ids.take()
        if session_id is None:
            self.pool.release(local, server.endpoint, local_port)
            return None
        client_isn, server_isn = isn
        protocol, client, client_port, vip, vport = key
        entry = SessionEntry(
            session_id,
            server.server_id,
            protocol,
            client,
            client_port,
            vip,
            vport,
            local.address,
            local_port,
            server.address,
            server.port,
            (server_isn - client_isn) & 0xFFFFFFFF,
            client_isn,
            service.established_timeout,
        )
        session = Session(entry, key, service, server, local, now)
        self._hold(session)
        server.connections += 1
        return session

    def adopt(self, entry: SessionEntry, service: Service, now: float) -> Session | None:
        """A session found on the switch, taken for established. None when what it uses is taken."""
        key = client_key(entry)
        endpoint = endpoint_of(entry.server, entry.server_port)
        if key in self.table.by_key or not self.services.ids.fits(entry.server_id, service.key, endpoint):
            return None
        if not self.table.ids.claim(entry.session_id):
            return None
        local = self.pool.claim(entry.local, endpoint, entry.local_port)
        if local is None:
            self.table.ids.release(entry.session_id)
            return None
        server = service.server(entry.server, entry.server_port)
        session = Session(entry, key, service, server, local, now)
        session.phase = Phase.INSTALLED
        session.state = TcpState.ESTABLISHED
        self._hold(session)
        return session

    def _hold(self, session: Session) -> None:
        server = session.server
        self.services.hold(session.service, server, session.entry.server_id)
        self._count(session, session.state, 1)
        self.table.add(session)

    def release(self, session: Session) -> None:
        """Forget the session: its entries are gone. Gives back all it holds."""
        entry, server = session.entry, session.server
        self.timers.cancel(session)
        self.table.remove(session)
        self.pool.release(session.local, server.endpoint, entry.local_port)
        self._count(session, session.state, -1)
        self.services.released(session.service, server, entry.server_id)
        session.token = 0

    # ---- state

    def set_state(self, session: Session, state: TcpState, now: float) -> None:
        """Change the TCP state, which restarts its timer."""
        if (state is TcpState.ESTABLISHED) is not (session.state is TcpState.ESTABLISHED):
            self._count(session, session.state, -1)
            self._count(session, state, 1)
        session.state = state
        session.changed = now

    @staticmethod
    def _count(session: Session, state: TcpState, change: int) -> None:
        """``change`` sessions more of ``state`` on the session's server."""
        server, scheduler = session.server, session.service.scheduler
        if state is TcpState.ESTABLISHED:
            server.active += change
        else:
            server.inactive += change
        if scheduler.wants_loads:
            scheduler.loaded(server)

    def timeout(self, session: Session) -> float:
        """Seconds that the session may be idle in its state."""
        if session.state is TcpState.ESTABLISHED:
            return session.entry.idle_timeout
        return self.timeouts[session.state]

    def arm(self, session: Session, now: float) -> None:
        """The timer of the current state. The switch itself tells of idle established sessions; should that be lost,
        they are looked at after twice the time."""
        if session.state is TcpState.ESTABLISHED:
            self.timers.arm(session, now + 2 * session.entry.idle_timeout)
        else:
            self.timers.arm(session, now + self.timeouts[session.state])

    # ---- writes

    def new_token(self) -> int:
        self._token += 1
        return self._token

    def write(
        self, session: Session, operation: Op, entry: SessionEntry, phase: Phase, now: float, out: list[Effect]
    ) -> None:
        """Start a write of one session, which enters ``phase``."""
        token = self.new_token()
        session.token = token
        session.phase = phase
        self._pending[token] = (session,)
        self.timers.arm(session, now + WRITE_TIMEOUT)
        out.append(Write(((operation, entry),), token))

    def remove(self, sessions: Sequence[Session], now: float, out: list[Effect]) -> None:
        """Start to delete the entries of ``sessions``."""
        for start in range(0, len(sessions), WRITE_BATCH):
            batch = sessions[start : start + WRITE_BATCH]
            token = self.new_token()
            for session in batch:
                session.phase = Phase.REMOVING
                session.token = token
                session.new_entry = None
                self.timers.arm(session, now + WRITE_TIMEOUT)
            self._pending[token] = batch
            out.append(Write(tuple((Op.DELETE, session.entry) for session in batch), token))

    def answered(self, event: Written) -> Iterator[tuple[Session, Failure | None]]:
        """The sessions that ``event`` is about, with what went wrong. Skips those that have moved on since."""
        failed = event.failed
        for position, session in enumerate(self._pending.pop(event.token, ())):
            if session.token == event.token:
                session.token = 0
                yield session, failed.get(position)

    def removed(self, session: Session, failure: Failure | None, now: float) -> Held | None:
        """A delete was answered. Returns the SYN that waited for it."""
        if failure is not None and failure.outcome is not Outcome.ABSENT:
            self.stats["write_failed"] += 1
            self.timers.arm(session, now + min(REMOVE_RETRY * 2.0 ** min(session.failures, 16), REMOVE_RETRY_LIMIT))
            session.failures += 1
            return None
        self.release(session)
        return session.held

    def forget_writes(self) -> None:
        """The switch is gone; nothing under way will be answered."""
        self._pending.clear()
        for session in self.table:
            session.token = 0
