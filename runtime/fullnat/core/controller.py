"""The controller core: dispatches events to the modules that know what to do. No I/O, no clock, no randomness of its
own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from fullnat.config.model import Config
from fullnat.core.access.refused import RefusedClients
from fullnat.core.access.talkers import Talkers
from fullnat.core.access.wishes import OF_ALL, of_all, wish_of
from fullnat.core.answers import Answers
from fullnat.core.arrivals import Arrivals
from fullnat.core.balancing.draining import Draining
from fullnat.core.balancing.health import Health, Verdict
from fullnat.core.balancing.passive import Passive
from fullnat.core.balancing.server_ids import FoundServers
from fullnat.core.balancing.services import NOTHING_FOUND
from fullnat.core.balancing.warming import Warming
from fullnat.core.capacity import Capacity
from fullnat.core.declared.commands import Command
from fullnat.core.declared.declaration import Change, Declaration
from fullnat.core.declared.model import Model
from fullnat.core.interface import (
    THE_SWITCH,
    Asked,
    Behind,
    Effect,
    Envelope,
    Event,
    IdleNotice,
    LimitPunts,
    Log,
    Moved,
    NeighborHeard,
    PacketIn,
    Probed,
    SessionEvents,
    SessionsFound,
    SessionsRead,
    Shed,
    Sizes,
    SwitchDown,
    SwitchId,
    SwitchUp,
    Written,
)
from fullnat.core.journal import Journal, Record
from fullnat.core.memory import Memo, MemoryKey
from fullnat.core.network.awaited import Awaited
from fullnat.core.network.neighbors import Neighbors, announce
from fullnat.core.network.networks import Networks
from fullnat.core.network.next_hops import NextHops
from fullnat.core.remembrance import Remembrance
from fullnat.core.reporting import Reporting
from fullnat.core.session.admission import Admission
from fullnat.core.session.datagrams import Datagrams
from fullnat.core.session.expiry import Expiry
from fullnat.core.session.isn import IsnGenerator
from fullnat.core.session.one_packet import OnePacket
from fullnat.core.session.resets import Resets
from fullnat.core.session.store import SessionStore
from fullnat.core.stats import new_stats
from fullnat.core.switch import reconcile
from fullnat.core.switch.configured import Configured
from fullnat.core.switch.restoration import Restoration
from fullnat.core.synproxy.syn_proxies import SynProxies
from fullnat.net.flow import Address
from fullnat.tables.table import Owner, table_of


class SeveralSwitches(Exception):
    """A second switch; the message names both."""


class Controller(Reporting):
    """See :mod:`fullnat.core.interface` for events and effects. ``now`` never goes back."""

    def __init__(
        self,
        sizes: Sizes,
        secret: bytes,
        rng: Random,
        wall_offset: float = 0.0,
        networks: Mapping[SwitchId, Config] | None = None,
    ) -> None:
        """Without configuration: :meth:`apply` gives it all it has. ``secret``: at least 16 random bytes, the same
        after a restart. ``wall_offset``: time of day minus ``now``, seconds. ``networks``: of switches that all
        forward, and hold what THE_SWITCH is told; commands say nothing of them."""
        self._stats = new_stats()
        isn = IsnGenerator(secret, wall_offset)
        self._store = SessionStore(sizes, rng, self._stats, isn)
        self._networks = Networks(networks or {}, self._store)
        router_of_one = self._networks.router if networks else None
        self._declaration = Declaration(self._store.services.leaving, sizes, router_of_one)
        self.capacity = Capacity(sizes, self._store, self._declaration)
        self._next_hops = NextHops()
        self._tables = Configured(self._store, self._next_hops)
        router, services = self._declaration.common, self._store.services
        services.outward.own = self._tables.own
        services.ids.route(self._declaration.router.source)
        self._neighbors = Neighbors(router, self._stats, self._next_hops, self._tables.write_next_hops)
        self._awaited = Awaited(router)
        self._resets = Resets(self._store)
        self._expiry = Expiry(self._store, self._resets)
        self._restoration = Restoration(self._store, self._resets)
        self._parts = reconcile.Parts(self._store, self._expiry, self._resets, self._restoration)
        self._talkers = Talkers()
        self._refused = RefusedClients(self._store, self._tables.policies, self._resets)
        self._admission = Admission(self._store, isn, self._resets, self._neighbors.suspect)
        self._syn_proxies = SynProxies(self._store, self._admission, secret, wall_offset)
        self._datagrams = Datagrams(self._store, OnePacket(self._store, self._neighbors))
        openers = self._admission, self._datagrams, self._syn_proxies
        self._arrivals = Arrivals(
            self._store, self._declaration, self._tables, self._neighbors, *openers, self._refused, self._talkers
        )
        self._answers = Answers(
            self._store, self._tables, self._restoration, self._syn_proxies, self._admission, self._datagrams
        )
        self._draining = Draining(self._store, self._resets)
        self._warming = Warming(services, self._store.memory)
        self._health = Health(self._store, self._tables, self._warming, self._datagrams)
        self._passive = Passive(self._store, self._health)
        self.memory = Remembrance(self._store, self._draining, self._warming, wall_offset)
        """What the next controller is to know; see :meth:`recall`."""
        self._switch: SwitchId | None = None
        """The switch that is up."""
        self._adoption: reconcile.Adoption | None = None
        """While its sessions are being found."""
        self._without_id = 0
        """Real servers without sessions, as last told."""
        self._now = 0.0

    def handle(self, event: Event, now: float, switch: SwitchId) -> list[Envelope]:
        """News of ``switch``. Raises SeveralSwitches when it comes up while another one is."""
        out: list[Effect] = []
        self._now = now
        if switch != self._switch:
            if switch in self._networks:
                return self._networks.handle(event, now, switch)
            if not self._comes_up(event, switch):
                return []
        match event:
            case PacketIn():
                self._arrivals.packet(event, now, out)
            case Written():
                self._answers.written(event, now, out)
            case SessionEvents() | IdleNotice() if self._adoption is not None and self._adoption.defers(event):
                pass
            case SessionEvents():
                self._expiry.events(event, now)
            case NeighborHeard():
                self._neighbors.heard(event, now, out)
            case Asked():
                self._talkers.seen(event.source, now, event.of)
            case Probed():
                self._expiry.probed(event, now, out)
            case IdleNotice():
                self._expiry.idle(event, now)
            case Shed():
                self._stats["syn_shed"] += event.syns
                self._stats["packet_shed"] += event.others
            case Behind():
                self._syn_proxies.behind(now)
            case SwitchUp():
                self._switch_up(event, now, out)
            case SessionsFound() if self._adoption is not None:
                self._adoption.found(event.sessions, now)
            case SessionsRead() if self._adoption is not None:
                self._sessions_read(self._adoption, event, now, out)
            case Moved():
                self._store.moved = self._store.moved if event.again else now
                out += announce(self._declaration.common, self._tables.own)
            case SwitchDown():
                self._switch_down()
                return []
        if self._store.services.ids.changed or self._next_hops.changed:
            self._tables.write([], out)  # before anything that leads there
        return [(switch, out)] if out else []

    def conclude(self, now: float) -> list[Envelope]:
        """What events that have come together lead to; it follows them."""
        if self._switch is None:
            return []
        out: list[Effect] = []
        self._passive.eject(now, out)
        out += self._store.mappings.blocks.told()
        if self._store.crowded:
            self._tables.change(self._syn_proxies.crowded(now, out), (), out)
        if self._store.pool.retired:
            self._tables.retire(out)
        elif self._store.services.ids.changed or self._next_hops.changed or self._tables.buckets.changed:
            self._tables.write([], out)
        elif self._tables.policies.changed:
            self._tables.follow_policies(out)
        return [(self._switch, out)] if out else []

    def _comes_up(self, event: Event, switch: SwitchId) -> bool:
        if not isinstance(event, SwitchUp):
            return False
        if self._switch is not None:
            raise SeveralSwitches(f"{switch} comes up while {self._switch} is: one switch at a time is supported")
        self._switch = switch
        return True

    def deadline(self) -> float | None:
        """When to call :meth:`handle_deadline`, on the clock of ``now``; None while there is nothing to wait for."""
        if self._switch is None:
            return None
        owners = self._store, self._neighbors, self._warming, self._draining, self._store.templates, self._passive
        times = *(owner.timers.deadline() for owner in owners), self._syn_proxies.deadline(), self._networks.deadline()
        return min((time for time in times if time is not None), default=None)

    def handle_deadline(self, now: float) -> list[Envelope]:
        self._now = now
        if self._switch is None:
            return []
        out: list[Effect] = []
        self._expiry.due(now, out)
        self._neighbors.due(now, out)
        self._warming.due(now)
        self._draining.due(now, out)
        self._store.templates.due(now)
        self._passive.due(now, out)
        if calm := self._syn_proxies.due(now, out):
            self._tables.change(calm, (), out)
        self._passive.eject(now, out)
        return [(self._switch, out), *self._networks.due(now)] if out else self._networks.due(now)

    # ---- the switch comes and goes

    def _switch_up(self, event: SwitchUp, now: float, out: list[Effect]) -> None:
        self._interrupt()
        of: dict[Owner, list[Any]] = {owner: [] for owner in Owner}
        for entry in event.entries:
            of[table_of(entry).owner].append(entry)
        self._tables.found(of[Owner.CONFIGURATION])
        of_sessions: list[Effect] = []
        found = FoundServers(of[Owner.SERVERS], of[Owner.CONFIGURATION])
        self._store.blind = not event.whole
        self._store.heard = now
        if event.whole:
            reconcile.switch_up(self._parts, event, of[Owner.SESSIONS], found, now, out, of_sessions)
        else:
            self._store.services.switch_up(found)
            self._adoption = reconcile.Adoption(self._parts, found)
        routes, gateways = self._tables.routes(), self._declaration.common.gateways
        self._neighbors.switch_up(self._next_hops.switch_up(of[Owner.NEIGHBORS], routes, gateways), now)
        self._number(found, out)
        self._tables.found_buckets(of[Owner.BUCKETS])
        self._tables.found_policies(of[Owner.POLICIES])
        self._syn_proxies.switch_up(of[Owner.COOKIES], now, out)
        self._tables.sync(out)
        self._neighbors.resume(now, out)
        out += announce(self._declaration.common, self._tables.own)
        out += of_sessions
        if event.whole:
            self._adopted(event.orphans, now, out)

    def _sessions_read(self, adoption: reconcile.Adoption, event: SessionsRead, now: float, out: list[Effect]) -> None:
        """All sessions are known."""
        self._adoption = None
        self._store.blind = False
        adoption.finish(now, out, out)
        self._number(adoption.servers, out)
        self._adopted(event.orphans, now, out)

    def _adopted(self, orphans: int, now: float, out: list[Effect]) -> None:
        self._draining.switch_up(now)
        self._datagrams.leave(self._store.services, now, out)
        if orphans:
            out.append(Log("WARNING", f"{orphans} half sessions were found on the switch and deleted"))

    def _switch_down(self) -> None:
        self._switch = self._adoption = None
        self._store.blind = False
        self._tables.forget_writes()
        self._interrupt()

    def _interrupt(self) -> None:
        """Nothing that is under way will be answered."""
        reconcile.switch_down(self._store)
        self._restoration.forget()
        self._syn_proxies.switch_down()
        self._datagrams.switch_down()
        self._neighbors.switch_down()

    # ---- commands

    @property
    def model(self) -> Model:
        """What commands have made of the configuration; to be read only."""
        return self._declaration.model

    def apply(self, commands: Iterable[Command], now: float) -> list[Envelope]:
        """Carry out all of ``commands``, touching only what they change. Raises CommandError if one of them cannot be,
        and then nothing has changed.

        Removed real servers drain; sessions of removed services are reset and removed. While the switch is away only
        the model changes, and the switch follows at the next SwitchUp. No commands at all try again what the switch has
        refused."""
        change = self._declaration.change(commands)
        out: list[Effect] = []
        self._now = now
        hops, gone, told = self._take_over(change, out)
        beside = self._networks.follow(change.services.values(), now) if self._networks else []
        if self._switch is None:
            return [(THE_SWITCH, told), *beside] if told else beside
        out += told
        self._syn_proxies.sync(now, out)
        self._number(NOTHING_FOUND, out)
        new = self._tables.sync(out) if change.network else self._tables.change(change.services, change.locals, out)
        out += announce(self._declaration.common, new)
        by_key = self._store.services.by_key
        self._datagrams.leave([by_key[key] for key in change.services if key in by_key], now, out)
        if gone:
            self._resets.end([session for session in self._store.table if not session.service.configured], now, out)
        self._draining.at_once(now, out)
        self._refused.end(change.ends, now, out)
        self._neighbors.resolve(self._awaited.wanted if change.network else hops, now, out)
        settings = self.model.settings
        limit = settings.punt_rate, settings.punt_burst
        if limit != (change.settings.punt_rate, change.settings.punt_burst):
            out.append(LimitPunts(*limit))
        return [(self._switch, out), *beside] if out else beside

    def judge(self, verdict: Verdict, now: float) -> list[Envelope]:
        """Take over what checks have found of a server (:mod:`fullnat.core.balancing.health`)."""
        self._now = now
        out: list[Effect] = []
        self._health.judge(verdict, now, self._switch is not None, out)
        if self._switch is not None and self._tables.buckets.changed:
            self._tables.write([], out)
        return [(self._switch or THE_SWITCH, out)] if out else []

    def check(self, commands: Iterable[Command]) -> None:
        """Raises CommandError if :meth:`apply` would. Nothing changes."""
        self._declaration.check(commands)

    def _take_over(self, change: Change, out: list[Effect]) -> tuple[set[Address], bool, list[Effect]]:
        """Bring every module to the model as it is now; returns the next hops that are new, whether a service left, and
        what is to be told even without a switch."""
        store, hops, settings = self._store, self._awaited, self.model.settings
        store.pool.low, store.pool.high = settings.local_port_min, settings.local_port_max
        if change.network:
            router = self._declaration.router
            self._tables.set_network(self.model.network(), router)
            store.services.ids.route(router.source)
            store.services.outward.route(router)
            hops.route(router)
            self._neighbors.configure(router, hops.wanted, self._tables.own, out)
        self._tables.policies.wish(OF_ALL, of_all(settings, self.model.access))
        self._talkers.bits = settings.source_prefix, settings.source_prefix6
        if settings.timeouts != change.settings.timeouts:
            for service in store.services:
                service.set_timeouts(settings.timeouts)
        new, gone, told = set[Address](), False, list[Effect]()
        for key, service_change in change.services.items():
            known = store.services.by_key.get(key)
            had_quorum = known is not None and known.quorum.is_up
            left = store.services.configure(key, service_change.after, settings.timeouts)
            gone |= left is not None
            if known is not None and left is None:
                self._health.compare(known, had_quorum, told)
            store.templates.follow(left or store.services.by_key.get(key), forgets=service_change.changes_clients)
            store.pool.add(service_change.locals_added)
            store.pool.remove(service_change.locals_removed)
            self._tables.policies.wish(key, wish_of(service_change.after), is_new=service_change.before is None)
            new |= hops.add(server.address for server in service_change.servers_added)
            hops.remove(server.address for server in service_change.servers_removed)
        self._syn_proxies.follow(change.services, settings)
        self._warming.begin(self._now)
        self._draining.follow(change.services, change.drains, self._now)
        return new, gone, told

    def _number(self, found: FoundServers, out: list[Effect]) -> None:
        """For how many servers there is no id is told when the switch comes up, and when it changes."""
        without = self._store.services.number(found, is_early=self._store.blind)
        if without and (found is not NOTHING_FOUND or without != self._without_id):
            out.append(Log("ERROR", f"{without} real servers get no sessions: the switch has no room for more of them"))
        self._without_id = without

    def keep_journal(self, put: Callable[[Record], None]) -> None:
        """Have ``put`` told of the sessions that begin and end from now on."""
        self._store.journal = Journal(put)

    def recall(self, memos: Sequence[tuple[MemoryKey, Memo]], now: float) -> None:
        """Take over what an earlier controller has remembered, after the configuration and before the switch. Whatever
        it no longer fits is forgotten."""
        self.apply(self.memory.commands(memos, now), now)
        self.memory.recall(memos, now)
