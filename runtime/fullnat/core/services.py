"""Virtual services and their real servers, as the controller runs them: schedulers, pointers, counts.

A real server that leaves the configuration drains: it takes no new sessions, keeps the old, and is forgotten with the
last one. Its server id (key of server_in and server_out, and index of the switch's per-server counters) stays taken as
long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from fullnat.config.model import Timeouts
from fullnat.core.commands import ServiceKey
from fullnat.core.interface import Op, Outcome
from fullnat.core.limits import Limits
from fullnat.core.memory import Kind, Memory, MemoryKey
from fullnat.core.model import Declared
from fullnat.core.modes import Mode
from fullnat.core.protocols.base import BY_NUMBER, Protocol, positive
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.core.server_ids import FoundServers, ServerIds, ServerKey
from fullnat.core.servers import NO_ID, STAGES, Server
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.p4constants import ServiceFlag, SessionFlag
from fullnat.tables.table import Entry

if TYPE_CHECKING:
    from fullnat.core.templates import Template

NOTHING_FOUND = FoundServers()


@lru_cache(maxsize=256)
def _timeouts(protocol: Protocol, configured: Timeouts) -> tuple[float, ...]:
    """The same for most services."""
    return protocol.timeouts(configured)


class Service:
    """One virtual service."""

    def __init__(self, key: ServiceKey, start: float = 0.0) -> None:
        """``start``: where among its servers schedulers begin, from 0 up to 1."""
        self.key = key
        self._start = start
        self.protocol = BY_NUMBER[key[0]]
        self.configured = True
        """False once removed: its sessions are being reset."""
        self.servers: dict[Endpoint, Server] = {}
        """By endpoint, in the order of the configuration."""
        self.draining: dict[tuple[Endpoint, Mode], Server] = {}
        self.locals: tuple[Address, ...] = ()
        self.session_flags = 0
        """SessionFlags as configured; a server's mode has the last word."""
        self.service_flags = 0
        self.resets_on_miss = False
        self.established_timeout = self.protocol.established_timeout
        self.own_timeouts: Timeouts | None = None
        self.persistence_timeout = 0.0
        """Seconds that a client's server is remembered; 0 is not at all."""
        self.persistence_prefix = 128
        """Bits of an address that make a client."""
        self.templates: dict[Address, Template] = {}
        """By client; :mod:`fullnat.core.templates` owns them."""
        self.persistent = 0
        """Sessions that went where a template said."""
        self.drain_timeout = 0.0
        """Seconds that sessions of a server that is removed may go on; 0 is until they end."""
        self.limits = Limits()
        self.one_packet = False
        """Each datagram is scheduled alone."""
        self.connections = 0
        """Sessions ever, of servers that have gone as well."""
        self.unanswered = 0
        """Those that ended without any answer of their server."""
        self.refused: Counter[str] = Counter()
        """Flows that got no session, by the reason's name."""
        self.timeouts = _timeouts(self.protocol, Timeouts())
        """Of the protocol's other states, by state."""
        self.answers_echo = True
        """Its address may be pinged, as far as it knows."""
        self.crowded = False
        """A server gets no sessions because the switch has no room for its entries."""
        self.scheduler = SCHEDULERS["rr"](start)
        self.slow_start = 0.0
        """Seconds that a server that comes takes to its full weight."""
        self._weights: tuple[tuple[Server, int], ...] = ()
        self._local = 0

    def configure(self, declared: Declared) -> list[Server]:
        """Become what is ``declared``; returns the servers that left, which drain from now on. :meth:`set_timeouts` and
        :meth:`balance` must follow."""
        settings = declared.settings
        self.locals = tuple(declared.locals)
        self.slow_start = settings.slow_start
        self.persistence_timeout = settings.persistence_timeout
        self.persistence_prefix = settings.persistence_prefix
        self.drain_timeout = settings.drain_timeout
        self.established_timeout = positive(settings.established_timeout, self.protocol.established_timeout)
        self.own_timeouts = settings.timeouts
        self.limits.configure(settings.max_sessions, settings.new_rate)
        self.one_packet = settings.ops
        if self.protocol.is_numbered:
            self.session_flags = (
                (SessionFlag.TOA if settings.toa else 0)
                | (SessionFlag.KEEP_TIMESTAMPS if settings.keep_timestamps else 0)
                | (SessionFlag.KEEP_MSS if settings.keep_mss else 0)
            )
            self.resets_on_miss = settings.reset_on_miss
            self.service_flags = ServiceFlag.RESET_ON_MISS if settings.reset_on_miss else 0
        old, self.servers = self.servers, {}
        for endpoint, of_server in declared.servers.items():
            mode = of_server.mode or settings.mode
            stays = endpoint in old and old[endpoint].mode is mode
            drained = None if stays else self.draining.pop((endpoint, mode), None)
            server = old.pop(endpoint) if stays else drained or Server(endpoint, mode)
            self.servers[endpoint] = server
            if server.configure(of_server):
                self.scheduler.opened(server)
        for server in old.values():
            self.drain(server)
        self.answers_echo = not settings.echo_while_up or bool(self.taking())
        if settings.scheduler != self.scheduler.name:
            self.scheduler = SCHEDULERS[settings.scheduler](self._start)
            self._weights = ()
        return list(old.values())

    def set_timeouts(self, general: Timeouts) -> None:
        """Take over the timeouts of all services, where this one has none of its own."""
        self.timeouts = _timeouts(self.protocol, self.own_timeouts or general)

    def taking(self) -> set[Server]:
        """The servers that are to have new sessions."""
        return {server for server in self.servers.values() if not server.is_out}

    def drain(self, server: Server) -> None:
        """``server`` is configured no more."""
        server.leaving = True
        server.effective_weight = 0
        self.draining[server.endpoint, server.mode] = server

    def balance(self, refused: Set[int]) -> None:
        """Tell the scheduler of the servers that there are, those without entries in the switch excepted."""
        servers = tuple(self.servers.values())
        scale = 1 if all(server.stage == STAGES for server in servers) else STAGES
        for server in servers:
            server.has_room = server.server_id != NO_ID and server.server_id not in refused
            server.weigh(scale)
        self.crowded = any(server.weight and not server.has_room for server in servers)
        weights = tuple((server, server.effective_weight) for server in servers)
        if weights != self._weights:
            self._weights = weights
            self.scheduler.update(servers)

    def count(self, server: Server, change: int, *, active: bool) -> None:
        """``change`` sessions more on ``server``."""
        if server.count(change, active=active):
            self.scheduler.opened(server)
        if self.scheduler.wants_loads:
            self.scheduler.loaded(server)

    def schedule(self, flow: Flow) -> Server | None:
        """The real server of a new session; None when there is none with a weight."""
        picked = self.scheduler.pick(flow)
        assert picked is None or isinstance(picked, Server)
        return picked

    def next_local(self) -> int:
        """Where in ``locals`` to begin: round robin."""
        position = self._local
        self._local = position + 1 if position + 1 < len(self.locals) else 0
        return position

    def server(self, endpoint: Endpoint, mode: Mode) -> Server:
        """The server of a session found on the switch: configured, draining, or from now on draining."""
        configured = self.servers.get(endpoint)
        if configured is not None and configured.mode is mode:
            return configured
        server = self.draining.get((endpoint, mode))
        if server is None:
            server = Server(endpoint, mode)
            self.drain(server)
        return server

    def server_key(self, server: Server) -> ServerKey:
        """What the id of ``server`` stands for."""
        return ServerKey(self.key, server.endpoint, server.mode)

    def memory_key(self, kind: Kind, server: Server) -> MemoryKey:
        """What is remembered of ``server`` goes by that."""
        return MemoryKey(kind, self.key, None, server.endpoint, server.mode)

    def find(self, endpoint: Endpoint, mode: Mode) -> Server | None:
        """A server that is configured or drains."""
        server = self.servers.get(endpoint)
        return server if server is not None and server.mode is mode else self.draining.get((endpoint, mode))

    def all_servers(self) -> Iterator[Server]:
        yield from self.servers.values()
        yield from self.draining.values()


class Services:
    """All services, and the ids of their servers. What a change does not concern is not visited by it."""

    def __init__(self, server_ids: int, rng: Random, memory: Memory) -> None:
        self._rng = rng
        self._memory = memory
        self.by_key: dict[ServiceKey, Service] = {}
        self.ids = ServerIds(server_ids)
        self.answering_locals: Counter[Address] = Counter()
        """Local addresses of services that answer segments without session; how many list each."""
        self._of_virtual: dict[Address, dict[ServiceKey, None]] = {}
        self._without_id: dict[Server, Service] = {}
        """Servers that are configured and have no id yet, or for which there is none."""
        self._unbalanced: dict[Service, None] = {}
        """Services whose scheduler is to be told of a change."""
        self.arrived: dict[Server, Service] = {}
        """Servers for whose slow start it is time."""

    def __iter__(self) -> Iterator[Service]:
        return iter(self.by_key.values())

    def configure(self, key: ServiceKey, declared: Declared | None, timeouts: Timeouts) -> Service | None:
        """The service with this key is to be as ``declared``, and None not to be; ``timeouts`` are those of all
        services. Returns the service that left. :meth:`number` must follow."""
        service = self.by_key.get(key)
        if declared is None:
            return None if service is None else self._leave(service)
        if service is None:
            service = self.by_key[key] = Service(key, self._rng.random())
            self._of_virtual.setdefault(key[1].address, {})[key] = None
        self._answer_for(service, -1)
        taking = service.taking()
        left = service.configure(declared)
        if taking and service.slow_start:
            self.arrived |= dict.fromkeys(service.taking() - taking, service)
        service.set_timeouts(timeouts)
        self._answer_for(service, 1)
        self._left(service, left)
        self.ids.set_flags(key, service.session_flags)
        self._without_id |= {server: service for server in service.servers.values() if server.server_id == NO_ID}
        self._unbalanced[service] = None
        return None

    def _leave(self, service: Service) -> Service:
        del self.by_key[service.key]
        virtual = service.key[1].address
        del self._of_virtual[virtual][service.key]
        if not self._of_virtual[virtual]:
            del self._of_virtual[virtual]
        self._answer_for(service, -1)
        self._unbalanced.pop(service, None)
        service.configured = False
        for server in service.all_servers():
            self._memory.touch(service.memory_key(Kind.DRAIN, server))
            self._memory.touch(service.memory_key(Kind.SLOW_START, server))
        left, service.servers = list(service.servers.values()), {}
        for server in left:
            service.drain(server)
        self._left(service, left)
        return service

    def _left(self, service: Service, servers: Iterable[Server]) -> None:
        for server in servers:
            self._without_id.pop(server, None)
            self._forget_drained(service, server)

    def _answer_for(self, service: Service, change: int) -> None:
        if service.resets_on_miss:
            for local in service.locals:
                self.answering_locals[local] += change
                if not self.answering_locals[local]:
                    del self.answering_locals[local]

    def leaving(self, key: ServiceKey) -> set[Endpoint]:
        """The servers of a service that are removed and have sessions left."""
        service = self.by_key.get(key)
        return set() if service is None else {endpoint for endpoint, _ in service.draining}

    def one_of(self, virtual: Address) -> Service | None:
        """Any service of this virtual address."""
        key = next(iter(self._of_virtual.get(virtual, ())), None)
        return None if key is None else self.by_key[key]

    def answers_echo(self, virtual: Address) -> bool:
        """Whether any service of this virtual address has it answer echo requests."""
        return any(self.by_key[key].answers_echo for key in self._of_virtual.get(virtual, ()))

    def switch_up(self, found: FoundServers) -> None:
        """The switch tells which id is whose: only those of sessions that it still has stay."""
        for service in self:
            for server in service.all_servers():
                if server.server_id != NO_ID and self.ids.holders(server.server_id) == 1:
                    self.ids.drop(server.server_id)
                    server.server_id = NO_ID
        self.ids.switch_up(found.entries)
        self._without_id = {
            server: service for service in self for server in service.servers.values() if server.server_id == NO_ID
        }
        self._unbalanced = dict.fromkeys(self)

    def number(self, found: FoundServers = NOTHING_FOUND) -> int:
        """Give every configured server its id, the one that it was ``found`` with if nobody else has that. Not before
        the first reading of the switch, whose sessions have theirs. Returns for how many there is none."""
        if found is not NOTHING_FOUND or not self.ids.are_all_taken:
            self._number(found)
        self._balance()
        return len(self._without_id)

    def _number(self, found: FoundServers) -> None:
        new: dict[Server, Service] = {}
        for server, service in self._without_id.items():
            number = found.number(service.server_key(server))
            if server.server_id != NO_ID:
                self._unbalanced[service] = None
            elif number is not None and self.ids.claim(number, service.server_key(server), service.session_flags):
                server.server_id = number
                self._unbalanced[service] = None
            else:
                new[server] = service
        self._without_id = {}
        for server, service in new.items():
            number = self.ids.take(service.server_key(server), service.session_flags)
            if number is None:
                self._without_id[server] = service
            else:
                server.server_id = number
                self._unbalanced[service] = None

    def hold(self, service: Service, server: Server, server_id: int) -> None:
        """A session begins to use ``server_id``, which fits. A server without id, after a restart, takes that of its
        first session."""
        if server.server_id == NO_ID:
            server.server_id = server_id
            self.ids.hold(server_id, service.server_key(server), service.session_flags)
        self.ids.hold(server_id, service.server_key(server), service.session_flags)

    def released(self, service: Service, server: Server, server_id: int) -> None:
        """A session stopped using ``server_id``."""
        self.ids.drop(server_id)
        self._forget_drained(service, server)

    def updates(self) -> list[tuple[Op, Entry]]:
        """What brings server_in and server_out up to date; refused entries are tried again."""
        refused = set(self.ids.refused)
        updates = self.ids.updates()
        if self._without_id:
            self.number()
            updates += self.ids.updates()
        self._refusals_changed(refused)
        return updates

    def answered(self, outcomes: Iterable[tuple[Op, Any, Outcome]]) -> None:
        """What became of :meth:`updates`."""
        refused, used = set(self.ids.refused), len(self.ids)
        for operation, entry, outcome in outcomes:
            self.ids.answered(operation, entry, outcome)
        if self._without_id and len(self.ids) < used:
            self.number()
        self._refusals_changed(refused)

    def _refusals_changed(self, before: Set[int]) -> None:
        for number in before ^ self.ids.refused:
            key = self.ids.service(number)
            if key in self.by_key:
                self._unbalanced[self.by_key[key]] = None
        self._balance()

    def rebalance(self, service: Service) -> None:
        """What the servers of ``service`` weigh has changed."""
        if service.configured:
            service.balance(self.ids.refused)

    def _balance(self) -> None:
        for service in self._unbalanced:
            service.balance(self.ids.refused)
        self._unbalanced = {}

    def _forget_drained(self, service: Service, server: Server) -> None:
        name = server.endpoint, server.mode
        if not server.sessions and service.draining.get(name) is server:
            del service.draining[name]
            self._memory.touch(service.memory_key(Kind.DRAIN, server))
            if server.server_id != NO_ID:
                self.ids.drop(server.server_id)
                server.server_id = NO_ID
