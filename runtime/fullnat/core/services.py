"""All virtual services, and the ids of their real servers.

A server's id (key of server_in and server_out, and index of the switch's per-server counters) stays taken as long as
the server drains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from random import Random
from typing import Any

from fullnat.config.model import Timeouts
from fullnat.core.commands import ServiceKey
from fullnat.core.interface import Op, Outcome
from fullnat.core.memory import Kind, Memory
from fullnat.core.model import Declared
from fullnat.core.server_ids import FoundServers, ServerIds
from fullnat.core.servers import NO_ID, Server
from fullnat.core.service import Service
from fullnat.net.flow import Address, Endpoint
from fullnat.tables.table import Entry

NOTHING_FOUND = FoundServers()


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
            self._memory.touch(service.memory_key(Kind.DOWN, server))
        left, service.servers = list(service.servers.values()), {}
        for server in left:
            service.drain(server)
        service.scheduler.update(())  # its sessions end one by one, and are no load to schedule by
        self._left(service, left)
        return service

    def _left(self, service: Service, servers: Iterable[Server]) -> None:
        for server in servers:
            self._without_id.pop(server, None)
            self._memory.touch(service.memory_key(Kind.DOWN, server))
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
            if service.quic_servers.get(quic_id := bytes.fromhex(server.settings.quic_id)) is server:
                del service.quic_servers[quic_id]
            self._memory.touch(service.memory_key(Kind.DRAIN, server))
            if server.server_id != NO_ID:
                self.ids.drop(server.server_id)
                server.server_id = NO_ID
