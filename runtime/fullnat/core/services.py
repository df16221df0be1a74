"""Virtual services and their real servers, as the controller runs them: schedulers, pointers, counts.

A real server that leaves the configuration drains: it takes no new sessions, keeps the old, and is forgotten with the
last one. Its server id (key of server_in and server_out, and index of the switch's per-server counters) stays taken as
long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any

from fullnat.config.model import Config, Timeouts, VirtualServer
from fullnat.core.interface import Op, Outcome
from fullnat.core.protocols.base import BY_NUMBER, PROTOCOLS, positive
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.core.server_ids import FoundServers, ServerIds, ServiceKey
from fullnat.net.flow import Address, Endpoint, Flow, address
from fullnat.p4constants import ServiceFlag, SessionFlag
from fullnat.tables.table import Entry

NO_ID = -1
NOTHING_FOUND = FoundServers()


class Server:
    """One real server of one service."""

    __slots__ = (
        "active",
        "connections",
        "endpoint",
        "has_room",
        "inactive",
        "is_open",
        "leaving",
        "server_id",
        "unanswered",
        "weight",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.weight = 0
        """As configured."""
        self.leaving = False
        """It is configured no more, and drains."""
        self.has_room = False
        """The switch has, or is getting, its entries."""
        self.is_open = True
        """Below its upper threshold of connections."""
        self.server_id = NO_ID
        self.active = 0
        """Sessions in ESTABLISHED (LVS: ActiveConn)."""
        self.inactive = 0
        """Sessions in every other state (LVS: InActConn)."""
        self.connections = 0
        """Sessions ever."""
        self.unanswered = 0
        """Those that ended without any answer of this server."""

    @property
    def effective_weight(self) -> int:
        """What schedulers go by: 0 takes no new sessions."""
        return self.weight if self.has_room and not self.leaving else 0

    @property
    def sessions(self) -> int:
        return self.active + self.inactive


class Service:
    """One virtual service."""

    def __init__(self, key: ServiceKey) -> None:
        self.key = key
        self.protocol = BY_NUMBER[key[0]]
        self.configured = True
        """False once removed: its sessions are being reset."""
        self.servers: dict[Endpoint, Server] = {}
        """By endpoint, in the order of the configuration."""
        self.draining: dict[Endpoint, Server] = {}
        self.locals: tuple[Address, ...] = ()
        self.session_flags = 0
        self.service_flags = 0
        self.resets_on_miss = False
        self.established_timeout = self.protocol.established_timeout
        self.timeouts = self.protocol.timeouts(Timeouts())
        """Of the protocol's other states, by state."""
        self.crowded = False
        """A server gets no sessions because the switch has no room for its entries."""
        self.scheduler = SCHEDULERS["rr"]()
        self._weights: tuple[tuple[Endpoint, int], ...] = ()
        self._local = 0

    def configure(self, config: VirtualServer, timeouts: Timeouts) -> list[Server]:
        """Take over ``config``, and ``timeouts`` where it has none of its own; returns the servers that left, which
        drain from now on. :meth:`balance` must follow."""
        self.locals = tuple(address(local) for local in config.local_addresses)
        self.established_timeout = positive(config.established_timeout, self.protocol.established_timeout)
        self.timeouts = self.protocol.timeouts(config.timeouts or timeouts)
        self.session_flags = (
            (SessionFlag.TOA if config.toa else 0)
            | (SessionFlag.KEEP_TIMESTAMPS if config.keep_timestamps else 0)
            | (SessionFlag.KEEP_MSS if config.keep_mss else 0)
        )
        self.resets_on_miss = config.reset_on_miss
        self.service_flags = ServiceFlag.RESET_ON_MISS if config.reset_on_miss else 0
        old, self.servers = self.servers, {}
        for real in config.real_servers:
            endpoint = Endpoint(address(real.address), real.port)
            server = old.pop(endpoint, None) or self.draining.pop(endpoint, None) or Server(endpoint)
            server.weight = real.weight
            server.leaving = False
            self.servers[endpoint] = server
        for server in old.values():
            self.drain(server)
        if config.scheduler != self.scheduler.name:
            self.scheduler = SCHEDULERS[config.scheduler]()
            self._weights = ()
        return list(old.values())

    def drain(self, server: Server) -> None:
        """``server`` is configured no more."""
        server.leaving = True
        self.draining[server.endpoint] = server

    def balance(self, refused: Set[int]) -> None:
        """Tell the scheduler of the servers that there are, those without entries in the switch excepted."""
        servers = tuple(self.servers.values())
        for server in servers:
            server.has_room = server.server_id != NO_ID and server.server_id not in refused
        self.crowded = any(server.weight and not server.has_room for server in servers)
        weights = tuple((server.endpoint, server.effective_weight) for server in servers)
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

    def server(self, endpoint: Endpoint) -> Server:
        """The server of a session found on the switch: configured, draining, or from now on draining."""
        server = self.servers.get(endpoint) or self.draining.get(endpoint)
        if server is None:
            server = Server(endpoint)
            self.drain(server)
        return server

    def all_servers(self) -> Iterator[Server]:
        yield from self.servers.values()
        yield from self.draining.values()


class Services:
    """All services, and the ids of their servers."""

    def __init__(self, server_ids: int) -> None:
        self.by_key: dict[ServiceKey, Service] = {}
        self.ids = ServerIds(server_ids)
        self.answering_locals: Set[Address] = frozenset()
        """Local addresses of services that answer segments without session."""
        self._lacking = 0
        """Servers without id because all are in use."""

    def configure(self, config: Config) -> list[Service]:
        """Take over ``config``; returns the services that left."""
        old, self.by_key = self.by_key, {}
        for virtual in config.virtual_servers:
            key = (PROTOCOLS[virtual.protocol].number, Endpoint(address(virtual.address), virtual.port))
            service = old.pop(key, None) or Service(key)
            for server in service.configure(virtual, config.timeouts):
                self._forget_drained(service, server)
            self.by_key[key] = service
        self.ids.set_flags({key: service.session_flags for key, service in self.by_key.items()})
        self.answering_locals = {
            local for service in self.by_key.values() if service.resets_on_miss for local in service.locals
        }
        for service in old.values():
            service.configured = False
            for server in list(service.servers.values()):
                service.drain(server)
                self._forget_drained(service, server)
            service.servers = {}
        return list(old.values())

    def switch_up(self, found: FoundServers) -> None:
        """The switch tells which id is whose: only those of sessions that it still has stay."""
        for service in self.by_key.values():
            for server in service.all_servers():
                if server.server_id != NO_ID and self.ids.holders(server.server_id) == 1:
                    self.ids.drop(server.server_id)
                    server.server_id = NO_ID
        self.ids.switch_up(found.entries)

    def number(self, found: FoundServers = NOTHING_FOUND) -> int:
        """Give every configured server its id, the one that it was ``found`` with if nobody else has that. Not before
        the first reading of the switch, whose sessions have theirs. Returns for how many there is none."""
        new: list[tuple[Service, Server]] = []
        for service in self.by_key.values():
            _, virtual = service.key
            for server in service.servers.values():
                if server.server_id != NO_ID:
                    continue
                number = found.number(virtual, server.endpoint)
                if number is not None and self.ids.claim(number, service.key, server.endpoint, service.session_flags):
                    server.server_id = number
                else:
                    new.append((service, server))
        self._lacking = 0
        for service, server in new:
            number = self.ids.take(service.key, server.endpoint, service.session_flags)
            if number is None:
                self._lacking += 1
            else:
                server.server_id = number
        self._balance()
        return self._lacking

    def hold(self, service: Service, server: Server, server_id: int) -> None:
        """A session begins to use ``server_id``, which fits. A server without id, after a restart, takes that of its
        first session."""
        if server.server_id == NO_ID:
            server.server_id = server_id
            self.ids.hold(server_id, service.key, server.endpoint, service.session_flags)
        self.ids.hold(server_id, service.key, server.endpoint, service.session_flags)

    def released(self, service: Service, server: Server, server_id: int) -> None:
        """A session stopped using ``server_id``."""
        self.ids.drop(server_id)
        self._forget_drained(service, server)

    def updates(self) -> list[tuple[Op, Entry]]:
        """What brings server_in and server_out up to date; refused entries are tried again."""
        refused = bool(self.ids.refused)
        updates = self.ids.updates()
        if self._lacking:
            self.number()
            updates += self.ids.updates()
        elif refused:
            self._balance()
        return updates

    def answered(self, outcomes: Iterable[tuple[Op, Any, Outcome]]) -> None:
        """What became of :meth:`updates`."""
        refused, used = len(self.ids.refused), len(self.ids)
        for operation, entry, outcome in outcomes:
            self.ids.answered(operation, entry, outcome)
        if self._lacking and len(self.ids) < used:
            self.number()
        elif len(self.ids.refused) != refused:
            self._balance()

    def _balance(self) -> None:
        for service in self.by_key.values():
            service.balance(self.ids.refused)

    def _forget_drained(self, service: Service, server: Server) -> None:
        if not server.sessions and service.draining.get(server.endpoint) is server:
            del service.draining[server.endpoint]
            if server.server_id != NO_ID:
                self.ids.drop(server.server_id)
                server.server_id = NO_ID
