"""A virtual service as the controller runs it: its servers, its scheduler, what it asks for.

A real server that leaves the configuration drains: it takes no new sessions, keeps the old, and is forgotten with the
last one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fullnat.config.model import Timeouts
from fullnat.core.access.limits import Limits
from fullnat.core.access.telling import ANSWERS
from fullnat.core.balancing.flow_table import FlowTable
from fullnat.core.balancing.matching import virtual_addresses
from fullnat.core.balancing.quorum import Quorum
from fullnat.core.balancing.server_ids import ServerKey, nobody
from fullnat.core.balancing.servers import NO_ID, STAGES, Server
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.telling import session_flags
from fullnat.core.memory import Kind, MemoryKey
from fullnat.core.protocols.base import BY_NUMBER, Protocol, positive
from fullnat.core.schedulers.base import SCHEDULERS, Scheduler
from fullnat.core.synproxy.syn_proxy import cookie_flags
from fullnat.net.flow import Address, Endpoint, Flow, made, mark_of
from fullnat.net.match import Match
from fullnat.p4constants import ServiceFlag

if TYPE_CHECKING:
    from fullnat.core.balancing.templates import Template


@lru_cache(maxsize=256)
def _timeouts(protocol: Protocol, configured: Timeouts) -> tuple[float, ...]:
    """The same for most services."""
    return protocol.timeouts(configured)


def _has_entries(number: int, refused: Set[int]) -> bool:
    return number != NO_ID and number not in refused


class Hosts(NamedTuple):
    """What hosts inside get of SNAT, as of ServiceSettings."""

    mapping: str = ""
    block_size: int = 0
    block_log: bool = False
    sessions: int = 0


class Service:
    """One virtual service."""

    persistent = 0
    """Sessions that went where a template said."""
    quic_config = 0
    drain_timeout = 0.0
    """Seconds that sessions of a server that is removed may go on; 0 is until they end."""
    one_packet = False
    """Each datagram is scheduled alone."""
    connections = 0
    """Sessions ever, of servers that have gone as well."""
    unanswered = 0
    """Those that ended without any answer of their server."""
    half_open_most = 0
    """Beyond which every SYN is answered with a cookie; 0 is never."""
    cookies_since: float | None = None
    """Since when that is so, if it is."""
    crowded = False
    """A server gets no sessions because the switch has no room for its entries."""
    passive_failures = 0
    """New sessions in a row that a server does not take, by which it is ejected, if any,"""
    passive_time = 0.0
    """and for how many seconds."""

    def __init__(self, key: ServiceKey, start: float = 0.0, *, has_cookies: bool = True) -> None:
        """``start``: where among its servers schedulers begin, from 0 up to 1. ``has_cookies``: the switch can answer
        SYNs with them."""
        self._has_cookies = has_cookies
        self.key = key
        self.is_mark = mark_of(key[1]) is not None
        """It is one by match."""
        self.matches: tuple[Match, ...] = ()
        """What clients may ask for,"""
        self.outward: tuple[Match, ...] = ()
        """and of SNAT hosts inside."""
        self.is_outward = False
        """Its servers are public addresses of hosts inside."""
        self.hosts = Hosts()
        self.virtuals: tuple[Endpoint, ...] = (key[1],)
        """What its servers have their ids for; of a service by match its addresses."""
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
        self.persistence_group = ""
        """Services with the same one have their templates in common."""
        self.templates: dict[Address, Template] = {}
        """By client; :mod:`fullnat.core.balancing.templates` owns them."""
        self.by_address: dict[Address, Server] = {}
        """The first of its servers with an address, for templates of other services."""
        self.knows_clients = False
        """It may know the server of a new flow before the scheduler is asked."""
        self.quic_servers: dict[bytes, Server] = {}
        """By what connection ids of QUIC call them; all as long."""
        self.limits = Limits()
        self.refused: Counter[str] = Counter()
        """Flows that got no session, by the reason's name."""
        self.timeouts = _timeouts(self.protocol, Timeouts())
        """Of the protocol's other states, by state."""
        self._echo_while_up = False
        self.answers_echo = True
        """Its address may be pinged, as far as it knows."""
        self.scheduler: Scheduler = SCHEDULERS["rr"](start)
        self.table: FlowTable | None = None
        """Its scheduler, if it has no sessions."""
        self.quorum = Quorum()
        self.slow_start = 0.0
        """Seconds that a server that comes takes to its full weight."""
        self._weights: tuple[tuple[Server, int], ...] = ()
        self._local = 0

    @property
    def half_open(self) -> int:
        """Sessions whose handshake is not over."""
        return len(self.limits.half_open)

    def configure(self, declared: Declared) -> list[Server]:
        """Become what is ``declared``; returns the servers that left, which drain from now on. :meth:`set_timeouts` and
        :meth:`balance` must follow."""
        settings = declared.settings
        self.matches, self.outward = settings.inward, settings.outward
        self.is_outward = settings.mode.is_outward
        self.hosts = Hosts(settings.mapping, settings.block_size, settings.block_log, settings.host_sessions)
        if self.is_outward:
            self.virtuals = (nobody(self.key[1]),)
        elif self.is_mark:
            self.virtuals = tuple(Endpoint(address, 0) for address in virtual_addresses(self.key, self.matches))
        self.locals = (*declared.locals, *declared.publics)
        self.slow_start = settings.slow_start
        self.persistence_timeout = settings.persistence_timeout
        self.persistence_prefix = settings.persistence_prefix
        self.persistence_group = settings.persistence_group
        self.quic_config = settings.quic_config
        self.drain_timeout = settings.drain_timeout
        self.established_timeout = positive(settings.established_timeout, self.protocol.established_timeout)
        self.own_timeouts = settings.timeouts
        self.limits.configure(settings, is_bounded=self.protocol.is_numbered)
        self.limits.answers = ANSWERS[declared.access.refused]
        self.one_packet = settings.ops
        self.session_flags = session_flags(settings, self.protocol)
        self.passive_failures = settings.passive_failures
        self.passive_time = settings.passive_time
        self.quorum.configure(settings.quorum, settings.hysteresis)
        if self.protocol.is_numbered:
            self.resets_on_miss = settings.reset_on_miss
            self.service_flags = ServiceFlag.RESET_ON_MISS if settings.reset_on_miss else 0
            self._configure_cookies(declared)
        old, self.servers = self.servers, {}
        for endpoint, of_server in declared.servers.items():
            mode = of_server.mode or settings.mode
            stays = endpoint in old and old[endpoint].mode is mode
            drained = None if stays else self.draining.pop((endpoint, mode), None)
            server = old.pop(endpoint) if stays else drained or self._new(endpoint, mode)
            self.servers[endpoint] = server
            if server.configure(of_server):
                self.scheduler.opened(server)
        for server in old.values():
            self.drain(server)
        self.by_address = {server.endpoint.address: server for server in reversed(self.servers.values())}
        # Of two with one name the one that is configured.
        named = [*self.draining.values(), *self.servers.values()]
        self.quic_servers = {bytes.fromhex(server.settings.quic_id): server for server in named}
        self.quic_servers.pop(b"", None)
        self.knows_clients = bool(self.persistence_timeout or self.quic_servers)
        self._echo_while_up = settings.echo_while_up
        self.quorum.judge(self.servers.values())
        self.judge_echo()
        size = 0 if settings.sessions else settings.buckets
        if settings.scheduler != self.scheduler.name or size != (self.table.size if self.table else 0):
            self.table = FlowTable(size) if size else None
            self.scheduler = self.table or SCHEDULERS[settings.scheduler](self._start)
            self._weights = ()
        return list(old.values())

    def _configure_cookies(self, declared: Declared) -> None:
        settings = declared.settings
        servers = ((server, of.mode or settings.mode) for server, of in declared.servers.items())
        flags = cookie_flags(self.protocol, settings, self.key[1].address, servers) if self._has_cookies else 0
        if not flags & ServiceFlag.COOKIES_IN_NEED:
            self.cookies_since = None
        elif self.cookies_since is not None:
            flags |= ServiceFlag.COOKIES
        self.service_flags |= flags

    def call(self, server: Server, quic_id: str) -> None:
        """``server``, which is configured no more, was known by this to connection ids of QUIC."""
        if quic_id:
            server.settings = replace(server.settings, quic_id=quic_id)
            self.quic_servers.setdefault(bytes.fromhex(quic_id), server)
            self.knows_clients = True

    def set_timeouts(self, general: Timeouts) -> None:
        """Take over the timeouts of all services, where this one has none of its own."""
        self.timeouts = _timeouts(self.protocol, self.own_timeouts or general)

    def taking(self) -> set[Server]:
        """The servers that are to have new sessions."""
        return {server for server in self.servers.values() if server.wanted}

    def judge_echo(self) -> None:
        """Find whether its address may be pinged."""
        self.answers_echo = not self._echo_while_up or bool(self.taking())

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
            server.has_room = all(_has_entries(server.id_of(virtual), refused) for virtual in self.virtuals)
            server.weigh(scale)
        self.crowded = any(server.weight and not server.has_room for server in servers)
        weights = tuple((server, server.effective_weight) for server in servers)
        if weights != self._weights:
            self._weights = weights
            self.scheduler.update(servers)

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
            server = self._new(endpoint, mode)
            self.drain(server)
        return server

    def _new(self, endpoint: Endpoint, mode: Mode) -> Server:
        return Server(endpoint, mode, of_several=self.is_mark)

    def virtual(self, asked: Endpoint) -> Endpoint:
        """Of its :attr:`virtuals` the one that a client has ``asked`` for."""
        if self.is_outward:
            return self.virtuals[0]
        return made(Endpoint, (asked.address, 0)) if self.is_mark else self.key[1]

    def server_key(self, server: Server, virtual: Endpoint) -> ServerKey:
        """What the id of ``server`` for those who ask for ``virtual`` stands for."""
        return made(ServerKey, (self.key, server.endpoint, server.mode, virtual))

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
