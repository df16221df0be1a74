"""Agreement with the switch after (re)connecting: it is read, never wiped, and where it differs about sessions, it is
right."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.commands import ServiceKey
from fullnat.core.expiry import Expiry
from fullnat.core.interface import Effect, Log, Op, Write
from fullnat.core.lifecycle import Phase, Step
from fullnat.core.resets import Resets
from fullnat.core.server_ids import FoundServers
from fullnat.core.service import Service
from fullnat.core.sessions import NEVER, Session
from fullnat.core.store import SessionStore
from fullnat.net.flow import Endpoint, Flow, made
from fullnat.tables.session import SessionEntry

ADOPTED_SPREAD = 10.0
"""Seconds over which adopted sessions are looked at for the first time."""


def switch_down(store: SessionStore) -> None:
    """Forget what was under way. A session that was being installed may or may not be on the switch: reading will
    tell."""
    store.forget_writes()
    for session in list(store.table):
        session.held = None
        session.probing = False
        if session.phase is Phase.INSTALLING:
            store.release(session, Step.INTERRUPT)
        else:
            session.new_entry = None
            session.step(Step.INTERRUPT)


def switch_up(
    store: SessionStore,
    expiry: Expiry,
    resets: Resets,
    found: Iterable[SessionEntry],
    servers: FoundServers,
    now: float,
    out: list[Effect],
) -> None:
    """``found``: every session that the switch has, and ``servers`` what it has of their servers."""
    by_key = _by_key(found)
    _drop_missing(store, by_key)
    store.services.switch_up(servers)
    _resume(store, resets, now, out)
    adopted: list[Session] = []
    orphans: list[Session] = []
    surplus: list[SessionEntry] = []
    gone: dict[ServiceKey, Service] = {}
    # Of two sessions that give one id to different servers, the one whose packets take the right way stays.
    for key, entry in sorted(by_key.items(), key=lambda item: not servers.agrees(item[1], _service_key(item[0]))):
        if key in store.table.by_key:
            continue
        of = _service_key(key)
        real = servers.key(entry, of)
        if real is None:
            surplus.append(entry)
            continue
        service = store.services.by_key.get(of)
        home = service or gone.get(of)
        if home is None:
            home = gone[of] = _gone(of, servers.flags.get(entry.server_id, 0))
        session = store.adopt(_with_timeout(entry, home), key, home, real, now)
        if session is None:
            surplus.append(entry)
            continue
        session.created = NEVER
        session.changed = now - session.entry.idle_timeout
        (adopted if service is not None else orphans).append(session)
    store.stats["sessions_adopted"] += len(adopted)
    expiry.look(adopted, now, ADOPTED_SPREAD, out)
    if surplus:
        out.append(Log("WARNING", f"{len(surplus)} sessions on the switch contradict others and are deleted"))
        out.append(Write(tuple((Op.DELETE, entry) for entry in surplus)))
    resets.end(orphans, now, out)


def _by_key(found: Iterable[SessionEntry]) -> dict[Flow, SessionEntry]:
    """By their ``flow_in``; those to one virtual service share its endpoint."""
    virtual: dict[Endpoint, Endpoint] = {}
    by_key = {}
    for entry in found:
        dst = made(Endpoint, (entry.vip, entry.vport))
        dst = virtual.setdefault(dst, dst)
        by_key[made(Flow, (entry.protocol, made(Endpoint, (entry.client, entry.client_port)), dst))] = entry
    return by_key


def _drop_missing(store: SessionStore, by_key: dict[Flow, SessionEntry]) -> None:
    """Release what the switch does not have, or has otherwise."""
    for session in list(store.table):
        entry = by_key.get(session.key)
        if entry is None or not _same(entry, session.entry):
            store.stats["sessions_lost"] += entry is None
            store.release(session)


def _same(found: SessionEntry, ours: SessionEntry) -> bool:
    """Whether the switch has our session, as far as it tells: not every switch keeps timeouts and metadata."""
    return ours == found._replace(
        idle_timeout=ours.idle_timeout,
        client_isn=found.client_isn or ours.client_isn,
    )


def _service_key(flow: Flow) -> ServiceKey:
    return flow.protocol, flow.dst


def _gone(key: ServiceKey, session_flags: int) -> Service:
    """A stand-in for a service that is configured no more, but has sessions."""
    service = Service(key)
    service.configured = False
    service.session_flags = session_flags
    return service


def _with_timeout(entry: SessionEntry, service: Service) -> SessionEntry:
    return entry if entry.idle_timeout > 0 else entry._replace(idle_timeout=service.established_timeout)


def _resume(store: SessionStore, resets: Resets, now: float, out: list[Effect]) -> None:
    """Go on with what was interrupted."""
    removing: list[Session] = []
    homeless: list[Session] = []
    for session in store.table:
        if session.phase in (Phase.REMOVING, Phase.CLOSING):
            removing.append(session)
        elif not session.service.configured and session.phase is Phase.INSTALLED:
            homeless.append(session)
    store.remove(removing, now, out)
    resets.end(homeless, now, out)
