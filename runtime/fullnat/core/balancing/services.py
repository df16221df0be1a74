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
from fullnat.core.balancing.matching import Matching, virtual_addresses
from fullnat.core.balancing.server_ids import FoundServers, ServerIds
from fullnat.core.balancing.servers import NO_ID, Server
from fullnat.core.balancing.service import Service
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared
from fullnat.core.interface import Op, Outcome
from fullnat.core.memory import Kind, Memory
from fullnat.core.snat.outward import Outward
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.tables.table import Entry

NOTHING_FOUND = FoundServers()


class Services:
    """All services, and the ids of their servers. What a change does not concern is not visited by it."""

    def __init__(self, server_ids: int, rng: Random, memory: Memory, *, has_cookies: bool = True) -> None:
        self._has_cookies = has_cookies
        self._rng = rng
        self._memory = memory
        self.by_key: dict[ServiceKey, Service] = {}
        self.ids = ServerIds(server_ids)
        self.answering_locals: Counter[Address] = Counter()
        """Local addresses of services that answer segments without session; how many list each."""
        self._matching = Matching()
        self.outward = Outward()
        self._of_virtual: dict[Address, dict[ServiceKey, None]] = {}
        self._without_id: dict[Server, Service] = {}
        """Servers that are configured and have no id yet, or for which there is none."""
        self._unbalanced: dict[Service, None] = {}
        """Services whose scheduler is to be told of a change."""
        self.moved: dict[Service, None] = {}
        """Services that have or had no sessions, and whose servers are others or weigh otherwise."""
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
            service = self.by_key[key] = Service(key, self._rng.random(), has_cookies=self._has_cookies)
        else:
            self._unlist(service)
        self._answer_for(service, -1)
        taking = service.taking()
        had_table = service.table is not None
        left = service.configure(declared)
        if taking and service.slow_start:
            self.arrived |= dict.fromkeys(service.taking() - taking, service)
        service.set_timeouts(timeouts)
        if had_table:
            self.moved[service] = None
        self._list(service)
        self._answer_for(service, 1)
        self._left(service, left)
        self._drop_unasked(service)
        self.ids.set_flags(key, service.session_flags)
        self._without_id |= dict.fromkeys(_lacking(service), service)
        self._unbalanced[service] = None
        return None

    def _list(self, service: Service) -> None:
        """It is found by its addresses from now on."""
        for virtual in virtual_addresses(service.key, service.matches):
            self._of_virtual.setdefault(virtual, {})[service.key] = None
        self._matching.add(service.key, service.matches)
        self.outward.add(service.key, service.outward)

    def _unlist(self, service: Service) -> None:
        addresses = virtual_addresses(service.key, service.matches)
        for virtual in addresses:
            del self._of_virtual[virtual][service.key]
            if not self._of_virtual[virtual]:
                del self._of_virtual[virtual]
        self._matching.remove(service.key, addresses)
        self.outward.remove(service.key)

    def _drop_unasked(self, service: Service) -> None:
        """Ids for addresses that are not of a service by match any more; its sessions keep them."""
        if service.is_mark:
            for server in service.all_servers():
                for virtual in [each for each in server.by_virtual or () if each not in service.virtuals]:
                    self._drop_id(server, virtual)

    def _drop_id(self, server: Server, virtual: Endpoint) -> None:
        self.ids.drop(server.id_of(virtual))
        server.set_id(virtual, NO_ID)

    def serving(self, flow: Flow, interface: int) -> Service | None:
        """The service of a client's ``flow``, which comes in by this port of the switch."""
        service = self.by_key.get((flow.protocol, flow.dst))
        if service is not None:
            return service
        key = self._matching.find(flow, interface) or self.outward.find(flow, interface)
        return None if key is None else self.by_key[key]

    def possible(self, flow: Flow, *, is_outward: bool) -> list[ServiceKey]:
        """The services that ``flow`` may be of, of a host inside or of a client, whatever it has come in by, in the
        order in which they count."""
        if is_outward:
            return [*self.outward.possible(flow)]
        exact = flow.protocol, flow.dst
        return [*((exact,) if exact in self.by_key else ()), *self._matching.possible(flow)]

    def _leave(self, service: Service) -> Service:
        del self.by_key[service.key]
        self._unlist(service)
        self._answer_for(service, -1)
        self._unbalanced.pop(service, None)
        service.configured = False
        if service.table is not None:
            self.moved[service] = None
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

    def leaving(self, key: ServiceKey) -> dict[Endpoint, str]:
        """The servers of a service that are removed and have sessions left, with their ``quic_id``."""
        service = self.by_key.get(key)
        if service is None:
            return {}
        return {server.endpoint: server.settings.quic_id for server in service.draining.values()}

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
                for virtual in tuple(server.by_virtual or service.virtuals):
                    number = server.id_of(virtual)
                    if number != NO_ID and self.ids.holders(number) == 1:
                        self._drop_id(server, virtual)
        self.ids.switch_up(found.entries)
        self._without_id = {server: service for service in self for server in _lacking(service)}
        self._unbalanced = dict.fromkeys(self)

    def number(self, found: FoundServers = NOTHING_FOUND, *, is_early: bool = False) -> int:
        """Give every configured server its id, the one that it was ``found`` with if nobody else has that; ``is_early``
        if sessions are not known yet, which may. Not before the first reading of the switch, whose sessions have
        theirs. Returns for how many there is none."""
        if found is not NOTHING_FOUND or not self.ids.are_all_taken:
            self._number(found, is_early)
        self._balance()
        return len(self._without_id)

    def _number(self, found: FoundServers, is_early: bool) -> None:
        new: list[tuple[Server, Service, Endpoint]] = []
        lacking = self._without_id.items()
        keys = (service.server_key(server, virtual) for server, service in lacking for virtual in service.virtuals)
        numbers = found.numbers(keys, is_early=is_early) if found is not NOTHING_FOUND else {}
        for server, service in lacking:
            for virtual in service.virtuals:
                key = service.server_key(server, virtual)
                number = numbers.get(key)
                if server.id_of(virtual) != NO_ID:
                    self._unbalanced[service] = None
                elif number is not None and self.ids.claim(number, key, service.session_flags):
                    server.set_id(virtual, number)
                    self._unbalanced[service] = None
                else:
                    new.append((server, service, virtual))
        self._without_id = {}
        for server, service, virtual in new:
            number = self.ids.take(service.server_key(server, virtual), service.session_flags)
            if number is None:
                self._without_id[server] = service
            else:
                server.set_id(virtual, number)
                self._unbalanced[service] = None

    def hold(self, service: Service, server: Server, server_id: int, asked: Endpoint) -> None:
        """A session of a client that has ``asked`` for this begins to use ``server_id``, which fits. A server without
        id, after a restart, takes that of its first session."""
        virtual = service.virtual(asked)
        is_first = server.id_of(virtual) == NO_ID
        if not is_first and self.ids.hold_again(server_id):
            return
        key = service.server_key(server, virtual)
        if is_first:
            server.set_id(virtual, server_id)
            self.ids.hold(server_id, key, service.session_flags)
        self.ids.hold(server_id, key, service.session_flags)

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
            self._tell(service)

    def _balance(self) -> None:
        for service in self._unbalanced:
            self._tell(service)
        self._unbalanced = {}

    def _tell(self, service: Service) -> None:
        service.balance(self.ids.refused)
        if service.table is not None:
            self.moved[service] = None

    def _forget_drained(self, service: Service, server: Server) -> None:
        name = server.endpoint, server.mode
        if not server.sessions and service.draining.get(name) is server:
            del service.draining[name]
            if service.quic_servers.get(quic_id := bytes.fromhex(server.settings.quic_id)) is server:
                del service.quic_servers[quic_id]
            self._memory.touch(service.memory_key(Kind.DRAIN, server))
            for virtual in tuple(server.by_virtual or service.virtuals):
                if server.id_of(virtual) != NO_ID:
                    self._drop_id(server, virtual)


def _lacking(service: Service) -> Iterator[Server]:
    """Configured servers of ``service`` that have no id yet for some of its addresses."""
    servers = service.servers.values()
    return (server for server in servers if any(server.id_of(virtual) == NO_ID for virtual in service.virtuals))
