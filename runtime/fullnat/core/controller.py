"""The controller core: dispatches events to the modules that know what to do. No I/O, no clock, no randomness of its
own."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from fullnat.config.model import Config
from fullnat.core import reconcile
from fullnat.core.admission import Admission
from fullnat.core.expiry import Expiry
from fullnat.core.frames import gratuitous_arp
from fullnat.core.interface import (
    Effect,
    Event,
    Failure,
    Forward,
    IdleNotice,
    Inject,
    Log,
    NeighborHeard,
    Op,
    Outcome,
    PacketIn,
    Probed,
    SessionEvents,
    Shed,
    Sizes,
    SwitchDown,
    SwitchUp,
    Write,
    Written,
)
from fullnat.core.isn import IsnGenerator
from fullnat.core.lifecycle import Phase
from fullnat.core.mirror import Mirror, desired_entries
from fullnat.core.misses import Misses
from fullnat.core.neighbors import Neighbors
from fullnat.core.options import BadOptions, belongs, edit_options
from fullnat.core.resets import Resets
from fullnat.core.routing import Router
from fullnat.core.server_ids import FoundServers
from fullnat.core.services import NOTHING_FOUND
from fullnat.core.stats import new_stats
from fullnat.core.store import SessionStore
from fullnat.core.views import LocalAddressView, ServiceView, SessionView, local_view, service_view, session_view
from fullnat.net.flow import Address, address
from fullnat.net.parse import Packet, parse
from fullnat.p4constants import PacketOutFlag, PuntReason
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.table import Entry, EntryKey, Owner, Wanted, shown, table_of


class Controller:
    """See :mod:`fullnat.core.interface` for events and effects. ``now`` never goes back."""

    def __init__(self, config: Config, sizes: Sizes, secret: bytes, rng: Random, wall_offset: float = 0.0) -> None:
        """``secret``: at least 16 random bytes, the same after a restart. ``wall_offset``: time of day minus ``now``,
        seconds."""
        self._config = config
        self._stats = new_stats()
        self._router = Router(config)
        isn = IsnGenerator(secret, wall_offset)
        self._store = SessionStore(config, sizes, rng, self._stats, isn)
        self._tables = Mirror()
        self._neighbors = Neighbors(self._router, self._stats)
        self._resets = Resets(self._store)
        self._expiry = Expiry(self._store, self._resets)
        self._misses = Misses(self._store)
        self._admission = Admission(self._store, isn, self._resets)
        self._up = False
        self._now = 0.0
        self._table_writes: dict[int, tuple[tuple[Op, Entry], ...]] = {}
        self._model([])

    # ---- events

    def handle(self, event: Event, now: float) -> list[Effect]:
        out: list[Effect] = []
        self._now = now
        if not self._up and not isinstance(event, SwitchUp):
            return out
        match event:
            case PacketIn():
                self._packet_in(event, now, out)
            case SessionEvents():
                self._expiry.events(event, now)
            case NeighborHeard():
                self._neighbors.heard(event, now, out)
            case Written():
                self._written(event, now, out)
            case Probed():
                self._expiry.probed(event, now, out)
            case IdleNotice():
                self._expiry.idle(event, now)
            case Shed():
                self._stats["syn_shed"] += event.syns
            case SwitchUp():
                self._switch_up(event, now, out)
            case SwitchDown():
                self._switch_down()
        if self._up:
            if self._store.pool.retired:
                self._sync(out)
            elif self._store.services.ids.changed:
                self._write_tables([], out)
        return out

    def deadline(self) -> float | None:
        """When to call :meth:`handle_deadline`, on the clock of ``now``; None while there is nothing to wait for."""
        if not self._up:
            return None
        times = [
            time for time in (self._store.timers.deadline(), self._neighbors.timers.deadline()) if time is not None
        ]
        return min(times, default=None)

    def handle_deadline(self, now: float) -> list[Effect]:
        out: list[Effect] = []
        self._now = now
        if self._up:
            self._expiry.due(now, out)
            self._neighbors.due(now, out)
        return out

    def _packet_in(self, event: PacketIn, now: float, out: list[Effect]) -> None:
        packet, reason = parse(event.frame), event.reason
        if reason == PuntReason.SERVICE_SYN or reason == PuntReason.SESSION_SYN:
            self._admission.syn(event, packet, now, out)
        elif reason == PuntReason.NO_NEIGHBOR:
            self._neighbors.packet(packet, now, out)
        elif reason == PuntReason.ARP:
            self._neighbors.arp(packet, event.ingress_port, now, out)
        elif reason == PuntReason.OPTIONS:
            self._edit_options(event, packet, out)
        elif reason == PuntReason.NO_SESSION:
            self._misses.segment(packet, event.ingress_port, now, out)
        else:
            self._stats["bad_frame"] += 1

    def _edit_options(self, event: PacketIn, packet: Packet, out: list[Effect]) -> None:
        """A segment of a session with TCP options that the switch cannot edit."""
        flow, segment = packet.flow, packet.tcp
        session = self._store.table.by_id.get(event.session_id)
        if flow is None or segment is None or session is None or not belongs(flow, session.entry):
            self._stats["options_refused"] += 1
            return
        try:
            flags = session.service.session_flags
            frame = edit_options(packet, flow, segment, session.entry, flags)
        except BadOptions:
            self._stats["options_refused"] += 1
            return
        self._stats["options_edited"] += 1
        new_session = bool(event.service_flags & PacketOutFlag.NEW_SESSION)
        out.append(Inject(event.ingress_port, frame, event.session_id, new_session, options_edited=True))

    def _written(self, event: Written, now: float, out: list[Effect]) -> None:
        updates = self._table_writes.pop(event.token, None)
        if updates is not None:
            self._tables_written(updates, event.failed, out)
            return
        for session, failure in self._store.answered(event):
            if session.phase is not Phase.REMOVING:
                self._admission.written(session, failure, now, out)
                continue
            held = self._store.removed(session, failure, now)
            if held is not None:
                self._admission.create(session.key, held, now, out)

    def _tables_written(
        self, updates: tuple[tuple[Op, Entry], ...], failed: dict[int, Failure], out: list[Effect]
    ) -> None:
        of_servers: list[tuple[Op, Entry, Outcome]] = []
        for position, (operation, entry) in enumerate(updates):
            failure = failed.get(position)
            if table_of(entry).owner is Owner.SERVERS:
                of_servers.append((operation, entry, Outcome.DONE if failure is None else failure.outcome))
            elif failure is not None:
                self._tables.failed(operation, entry, failure.outcome)
            if failure is not None:
                out.append(Log("ERROR", f"{operation.value} {shown(entry)}: {failure.message}"))
        self._store.services.answered(of_servers)

    # ---- the switch comes and goes

    def _switch_up(self, event: SwitchUp, now: float, out: list[Effect]) -> None:
        reconcile.switch_down(self._store)
        self._neighbors.switch_down()
        self._table_writes.clear()
        self._up = True
        of: dict[Owner, list[Any]] = {owner: [] for owner in Owner}
        for entry in event.entries:
            of[table_of(entry).owner].append(entry)
        self._tables.found(of[Owner.CONFIGURATION])
        of_sessions: list[Effect] = []
        found = FoundServers(of[Owner.SERVERS])
        reconcile.switch_up(self._store, self._expiry, self._resets, of[Owner.SESSIONS], found, now, of_sessions)
        self._number(found, out)
        self._sync(out)
        self._neighbors.switch_up(of[Owner.NEIGHBORS], now, out)
        self._announce(self._own, out)
        out += of_sessions
        if event.orphans:
            out.append(Log("WARNING", f"{event.orphans} half sessions were found on the switch and deleted"))

    def _switch_down(self) -> None:
        self._up = False
        self._table_writes.clear()
        reconcile.switch_down(self._store)
        self._neighbors.switch_down()

    # ---- configuration

    def reconfigure(self, config: Config, now: float) -> list[Effect]:
        """Go over to ``config``, touching only what differs. Removed real servers drain; sessions of removed services
        are reset and removed. While the switch is away only the model changes, and the switch follows at the next
        SwitchUp."""
        out: list[Effect] = []
        self._now = now
        self._config = config
        before = self._own
        gone = self._model(out)
        if not self._up:
            return []
        self._number(NOTHING_FOUND, out)
        self._sync(out)
        self._announce(self._own - before, out)
        if gone:
            self._resets.end([session for session in self._store.table if not session.service.configured], now, out)
        self._neighbors.resolve_wanted(now, out)
        return out

    def _model(self, out: list[Effect]) -> bool:
        """Take the configuration over into every module; whether a service left."""
        config, store = self._config, self._store
        gone = store.services.configure(config)
        locals_ = [address(local) for virtual in config.virtual_servers for local in virtual.local_addresses]
        store.pool.configure(locals_, config.local_port_min, config.local_port_max)
        self._router = Router(config)
        servers = (address(real.address) for virtual in config.virtual_servers for real in virtual.real_servers)
        self._entries()
        self._neighbors.configure(self._router, self._router.next_hops(servers), self._own, out)
        return bool(gone)

    def _entries(self) -> dict[EntryKey, Entry]:
        services = {key: service.service_flags for key, service in self._store.services.by_key.items()}
        locals_ = [local.address for local in self._store.pool]
        desired = desired_entries(Wanted(self._config, services, locals_))
        self._own = {entry.address for entry in desired.values() if isinstance(entry, OwnAddress)}
        return desired

    def _number(self, found: FoundServers, out: list[Effect]) -> None:
        without = self._store.services.number(found)
        if without:
            out.append(Log("ERROR", f"{without} real servers get no sessions: the switch has no room for more of them"))

    def _sync(self, out: list[Effect]) -> None:
        """Make the configured tables what they should be."""
        self._store.pool.retired = False
        self._write_tables(self._tables.change_to(self._entries()), out)

    def _write_tables(self, configured: list[tuple[Op, Entry]], out: list[Effect]) -> None:
        """The updates of ``configured`` tables, and before them those that real servers need."""
        updates = (*self._store.services.updates(), *configured)
        if updates:
            token = self._store.new_token()
            self._table_writes[token] = updates
            out.append(Write(updates, token))

    def _announce(self, addresses: set[Address], out: list[Effect]) -> None:
        """Gratuitous ARP, so that neighbors learn or relearn where ``addresses`` are."""
        for own in sorted(addresses):
            link = self._router.link(own)
            if link is not None:
                out.append(Forward(link.port, gratuitous_arp(link.mac, own)))

    # ---- views

    def sessions(self, now: float | None = None) -> Iterator[SessionView]:
        """Every session; ages and expiry as of ``now``, by default the time of the last event. Events may be handled
        between two of them: sessions that have gone since are left out, and those that have come."""
        time = self._now if now is None else now
        for session in tuple(self._store.table):
            if self._store.table.by_id.get(session.entry.session_id) is session:
                yield session_view(session, self._store.timeout(session), time)

    def services(self) -> tuple[ServiceView, ...]:
        return tuple(service_view(service) for service in self._store.services.by_key.values())

    def local_addresses(self) -> tuple[LocalAddressView, ...]:
        return tuple(local_view(local, self._store.pool) for local in self._store.pool)

    def stats(self) -> dict[str, int]:
        """Counters by name (:data:`fullnat.core.stats.NAMES`), and how many sessions there are now."""
        return self._stats | {"sessions": len(self._store.table)}
