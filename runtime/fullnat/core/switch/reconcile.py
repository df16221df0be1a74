"""Agreement with the switch after (re)connecting: it is read, never wiped, and where it differs about sessions, it is
right. Sessions that it has lost are restored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fullnat.core.balancing.server_ids import FoundServers, ServerKey
from fullnat.core.balancing.service import Service
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, IdleNotice, Log, Op, SessionEvents, SwitchUp, Write
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.session.expiry import Expiry
from fullnat.core.session.lifecycle import Phase, Step
from fullnat.core.session.pool import Peer
from fullnat.core.session.resets import Resets
from fullnat.core.session.sessions import NEVER, Session
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.restoration import Restoration
from fullnat.net.flow import Endpoint, Flow, made
from fullnat.tables.session import SessionEntry

ADOPTED_SPREAD = 10.0
"""Seconds over which adopted sessions are looked at for the first time,"""
LOOKS = 20_000
"""or as many as it takes to look at no more in a second: while others are read, and connections begin."""

DEFERRED = 1 << 20
"""News of sessions that are not known yet that are kept. What else there was is found out when they are looked at."""

NAMED = 3
"""Of the sessions that are deleted."""


class Parts(NamedTuple):
    """Of the core, that sessions found or missing concern."""

    store: SessionStore
    expiry: Expiry
    resets: Resets
    restoration: Restoration


def switch_down(store: SessionStore) -> None:
    """Forget what was under way. A session that was being installed may or may not be on the switch: reading will
    tell. One that it was asked about is asked about again at once when there is a switch."""
    store.forget_writes()
    for session in list(store.table):
        session.held = None
        if session.probing:
            session.probing = False
            store.timers.arm(session, session.not_before)
        if session.phase is Phase.INSTALLING:
            store.release(session, Step.INTERRUPT)
        else:
            session.new_entry = None
            session.step(Step.INTERRUPT)


def switch_up(
    parts: Parts,
    event: SwitchUp,
    found: Iterable[SessionEntry],
    servers: FoundServers,
    now: float,
    first: list[Effect],
    out: list[Effect],
) -> None:
    """``found``: every session that the switch has, and ``servers`` what it has of their servers. What is to be done
    ``first`` comes before their entries change."""
    store, resets = parts.store, parts.resets
    entries = tuple(found)
    lost: list[Session] = []
    if len(store.table):
        restorable = event.emptied or parts.restoration.interrupted
        lost = _missing(store, {entry.flow_in: entry for entry in entries}, restorable=restorable)
        parts.restoration.lose(lost)
    store.services.switch_up(servers)
    _resume(store, resets, now, out)
    adoption = Adoption(parts, servers)
    adoption.found(entries, now)
    adoption.finish(now, first, out)
    if lost:
        out.append(Log("INFO", f"{len(lost)} sessions that the switch has lost are written again"))
        parts.restoration.begin(now, out)


class _Whose(NamedTuple):
    """What sessions found on the switch have in common, that are of one server and address."""

    service: ServiceKey
    """It may be configured no more."""
    real: ServerKey | None
    """None: nothing tells."""
    leads: bool
    """The switch sends their packets where their entries say."""
    virtual: Endpoint
    peer: Peer
    """What their local ports are taken towards."""


class Adoption:
    """Sessions are taken over as they are found, while others begin and end. None was known before."""

    def __init__(self, parts: Parts, servers: FoundServers) -> None:
        """``servers``: what the switch has of its sessions' servers."""
        self.servers = servers
        self.deferred: list[SessionEvents | IdleNotice] = []
        """News of sessions that were not known yet."""
        self._store, self._expiry, self._resets, _ = parts
        self._late: list[SessionEntry] = []
        """Those whose turn is last."""
        self._orphans: list[Session] = []
        """Of services that are configured no more."""
        self._gone: dict[ServiceKey, Service] = {}
        self._surplus: list[SessionEntry] = []
        self._known: dict[tuple[object, ...], _Whose] = {}
        """By what their entries say of it, where that tells."""
        self._adopted = 0

    def found(self, entries: Iterable[SessionEntry], now: float) -> None:
        """Sessions that the switch has; those that are known began meanwhile."""
        by_key = self._store.table.by_key
        adopted: list[Session] = []
        for entry in entries:
            key, whose = self._whose(entry)
            if key in by_key:
                continue
            # Of two sessions that give one id to different servers, the one whose packets take the right way stays.
            if not whose.leads:
                self._late.append(entry)
            elif not self._adopt(key, entry, whose, now, adopted):
                self._surplus.append(entry)
        self._look(adopted, now)

    def defers(self, event: SessionEvents | IdleNotice) -> bool:
        """Keep ``event`` if it is of a session that is not known yet."""
        if event.session_id in self._store.table.by_id:
            return False
        if len(self.deferred) < DEFERRED:
            self.deferred.append(event)
        return True

    def finish(self, now: float, first: list[Effect], out: list[Effect]) -> None:
        """There are no more of them. ``first`` as for :func:`switch_up`."""
        store = self._store
        adopted: list[Session] = []
        for entry in self._late:
            key, whose = self._whose(entry)
            if key not in store.table.by_key and not self._adopt(key, entry, whose, now, adopted):
                self._surplus.append(entry)
        self._look(adopted, now)
        if self._adopted:
            out.append(Log("INFO", f"{self._adopted} sessions found on the switch and taken over"))
        if surplus := self._surplus:
            out.append(Log("WARNING", _deleted(surplus)))
            first.append(Write(tuple((Op.DELETE, entry) for entry in surplus)))
        self._resets.end(self._orphans, now, out)
        store.services.ids.settle()
        for event in self.deferred:
            if isinstance(event, IdleNotice):
                self._expiry.idle(event, now)
            else:
                self._expiry.events(event, now)

    def _whose(self, entry: SessionEntry) -> tuple[Flow, _Whose]:
        """Its ``flow_in``, and whose it is. What sessions of one server have in common is found once, and they share
        it."""
        _, server_id, protocol, client, client_port, vip, vport, local, local_port, server, server_port, _, _, _, _ = (
            entry
        )
        is_client = local == client and local_port == client_port
        said = server_id, protocol, vip, vport, server, server_port, is_client
        source = made(Endpoint, (client, client_port))
        known = self._known.get(said)
        if known is not None:
            return made(Flow, (protocol, source, known.virtual)), known
        virtual = made(Endpoint, (vip, vport))
        key = made(Flow, (protocol, source, virtual))
        of = self._service_of(key, entry)
        real = self.servers.key(entry, of)
        peer = made(Peer, (protocol, made(Endpoint, (entry.server, entry.server_port))))
        whose = _Whose(of, real, self.servers.lead(entry, real), virtual, peer)
        asked = self.servers.virtual(entry)
        if asked is not None and asked.port:
            # A server of one port: whatever the client, there is one service that it may be of.
            self._known[said] = whose
        return key, whose

    def _service_of(self, key: Flow, entry: SessionEntry) -> ServiceKey:
        """The service that the session is of: of several the one that its server is known to be of. It may be
        configured no more."""
        services, servers = self._store.services, self.servers
        virtual = servers.virtual(entry)
        is_outward = servers.is_outward(entry)
        possible = services.possible(key, is_outward=is_outward)
        if virtual is not None:
            # A server of one port is none of several.
            possible = [of for of in possible if (of[1].port == 0) is (virtual.port == 0)]
        else:
            possible = [of for of in possible if servers.key(entry, of) is not None]
        if len(possible) > 1:
            keys = ((of, servers.key(entry, of)) for of in possible if servers.agrees(entry, of))
            fits = [of for of, real in keys if real is not None and services.ids.fits(entry.server_id, real)]
            possible = fits or possible
        if possible:
            return possible[0]
        return key.protocol, key.dst if virtual is None or virtual.port else virtual

    def _adopt(self, key: Flow, entry: SessionEntry, whose: _Whose, now: float, adopted: list[Session]) -> bool:
        """False when something that it uses is another one's, or nothing tells whose it is."""
        store = self._store
        of, real, _, _, peer = whose
        if real is None:
            return False
        service = store.services.by_key.get(of)
        home = service or self._gone.get(of)
        if home is None:
            home = self._gone[of] = _gone(of, self.servers.flags.get(entry.server_id, 0))
        if entry.idle_timeout <= 0:
            entry = entry._replace(idle_timeout=home.established_timeout)
        session = store.adopt(entry, key, home, real, peer, now)
        if session is None:
            return False
        session.created = NEVER
        session.changed = now - entry.idle_timeout
        (adopted if service is not None else self._orphans).append(session)
        return True

    def _look(self, adopted: list[Session], now: float) -> None:
        """See soon whether they live."""
        self._adopted += len(adopted)
        self._store.stats["sessions_adopted"] += len(adopted)
        self._expiry.look(adopted, now, max(ADOPTED_SPREAD, self._adopted / LOOKS))


def _deleted(surplus: Sequence[SessionEntry]) -> str:
    flows = [
        f"{BY_NUMBER[entry.protocol].name} {entry.flow_in.src} to {entry.flow_in.dst}" for entry in surplus[:NAMED]
    ]
    more = f" and {len(surplus) - NAMED} more" if len(surplus) > NAMED else ""
    return (
        f"{len(surplus)} sessions found on the switch are deleted, which ends their connections: another session has "
        "the same session id or local port or gives the server id to another real server, or nothing tells whose they "
        f"are ({', '.join(flows)}{more})"
    )


def _missing(store: SessionStore, by_key: dict[Flow, SessionEntry], *, restorable: bool) -> list[Session]:
    """What the switch has lost, if that is ``restorable``. All else that it does not have, or has otherwise, is
    released."""
    lost: list[Session] = []
    for session in list(store.table):
        entry = by_key.get(session.key)
        if entry is not None and same(entry, session.entry):
            continue
        if restorable and session.phase in (Phase.INSTALLED, Phase.EXPIRING) and not session.is_over:
            lost.append(session)
        else:
            store.stats["sessions_lost"] += entry is None
            store.release(session)
    return lost


def same(found: SessionEntry, ours: SessionEntry) -> bool:
    """Whether the switch has our session, as far as it tells: not every switch keeps timeouts and metadata."""
    return ours == found._replace(
        idle_timeout=ours.idle_timeout,
        client_isn=found.client_isn or ours.client_isn,
    )


def _gone(key: ServiceKey, session_flags: int) -> Service:
    """A stand-in for a service that is configured no more, but has sessions."""
    service = Service(key)
    service.configured = False
    service.session_flags = session_flags
    return service


def _resume(store: SessionStore, resets: Resets, now: float, out: list[Effect]) -> None:
    """Go on with what was interrupted."""
    removing: list[Session] = []
    unwanted: list[Session] = []
    for session in store.table:
        if session.phase in (Phase.REMOVING, Phase.CLOSING):
            removing.append(session)
        elif session.phase is Phase.INSTALLED and session.is_unwanted(now):
            unwanted.append(session)
    store.remove(removing, now, out)
    resets.end(unwanted, now, out)
