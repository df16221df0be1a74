"""The configured tables of a switch: what services, local addresses, interfaces and routes put there, and the writes
that bring it there, those of what they lead to before them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import Any

from fullnat.config.model import Config, Interface
from fullnat.core.access.policies import Policies
from fullnat.core.balancing.buckets import Buckets
from fullnat.core.balancing.matching import virtual_addresses
from fullnat.core.balancing.service import Service
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Model
from fullnat.core.interface import Effect, Log, Op, Outcome, Write, Written
from fullnat.core.network.next_hops import NextHops
from fullnat.core.network.routing import Router
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.mirror import Mirror, desired_entries
from fullnat.net.flow import Address, address, mark_of
from fullnat.net.match import Match
from fullnat.tables.bucket import Bucket
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.route import Route
from fullnat.tables.service_match import ServiceMatch
from fullnat.tables.table import Entry, EntryKey, Owner, Wanted, shown, table_of
from fullnat.tables.virtual_service import VirtualService

Updates = list[tuple[Op, Entry]]
_TOLD_TOGETHER = {Owner.NEIGHBORS: ("WARNING", "entries of next hops"), Owner.BUCKETS: ("ERROR", "buckets")}
"""How it is told that entries of these owners failed: of many at once the first."""


def _narrowed(interfaces: Iterable[Interface], addresses: Container[Address]) -> Iterator[Interface]:
    """Of those of ``interfaces`` that have some of ``addresses``, these alone."""
    for interface in interfaces:
        own = [each for each in interface.addresses if address(each.ip) in addresses]
        if own:
            yield replace(interface, address=own[0], further=tuple(own[1:]))


class Configured:
    def __init__(self, store: SessionStore, next_hops: NextHops) -> None:
        self.own: set[Address] = set()
        """The switch's addresses; always the same set."""
        self._network: Config = Model().network()
        self._gateways: tuple[Address, ...] = ()
        self._store = store
        self._next_hops = next_hops
        self._routed: dict[Address, int] = {}
        """The ids of the gateways that routes go by; there may be none for some."""
        self._mirror = Mirror()
        self.buckets = Buckets(store.services)
        self.policies = Policies()
        self._writes: dict[int, tuple[tuple[Op, Entry], ...]] = {}
        """Under way, by token."""

    def set_network(self, network: Config, router: Router) -> None:
        """Interfaces and routes are these from now on; :meth:`sync` must follow."""
        self._network = network
        self._gateways = tuple(dict.fromkeys(router.gateways.values()))

    def found(self, entries: Iterable[Entry]) -> None:
        """The truth, read from the switch."""
        self._mirror.found(entries)
        self.forget_writes()

    def found_buckets(self, buckets: Iterable[Bucket]) -> None:
        """The same of the buckets, when the servers have their ids."""
        self.buckets.switch_up(buckets, self._mirror.of(VirtualService))

    def found_policies(self, entries: Iterable[Entry]) -> None:
        """The same of who may use services."""
        there: list[VirtualService | ServiceMatch] = [*self._mirror.of(VirtualService), *self._mirror.of(ServiceMatch)]
        self.policies.switch_up(entries, there, self._store.services.by_key)

    def follow_policies(self, out: list[Effect]) -> None:
        """Write what waits of them, and the services whose lists are there."""
        opened, self.policies.opened = self.policies.opened, []
        if opened:
            self.change(opened, (), out)
        else:
            self.write([], out)

    def routes(self) -> list[Route]:
        """Those of the switch."""
        return self._mirror.of(Route)

    def forget_writes(self) -> None:
        """Nothing under way will be answered."""
        self._writes.clear()

    def sync(self, out: list[Effect]) -> set[Address]:
        """Make all configured tables what they should be; returns addresses of ours that are new."""
        self.buckets.follow()
        self.policies.retry()
        services = {service.key: service.service_flags for service in self._opened(self._store.services)}
        locals_ = [local.address for local in self._store.pool]
        self._routed = self._next_hops.gateways(self._gateways)
        silent, matches = self._silent(services), self._matches(services)
        groups = self.buckets.groups(services)
        outward, policies = self._outward(services), self.policies.numbers(services)
        wanted = Wanted(self._network, services, locals_, self._routed, silent, groups, matches, outward, policies)
        desired = desired_entries(wanted)
        self._store.pool.retired.clear()
        self.write(self._mirror.change_to(desired), out)
        return self._owned(self.own.copy(), desired)

    def change(self, services: Iterable[ServiceKey], locals_: Iterable[Address], out: list[Effect]) -> set[Address]:
        """The same of what comes of these alone, whether they are still there or not; what was refused before is tried
        again."""
        self.buckets.follow()
        self.policies.retry()
        keys = tuple(services)
        addresses = dict.fromkeys((*locals_, *(virtual.address for _, virtual in keys)))
        is_several = any(mark_of(virtual) is not None for _, virtual in keys)
        if is_several or self._next_hops.gateways(self._gateways) != self._routed:
            return self.sync(out)
        network = replace(self._network, interfaces=tuple(_narrowed(self._network.interfaces, addresses)), routes=())
        possible = desired_entries(Wanted(network, dict.fromkeys(keys, 0), tuple(addresses), {}))
        flags = self._flags(keys, addresses)
        silent, matches = self._silent(flags), self._matches(flags)
        groups = self.buckets.groups(flags)
        in_use, policies = self._in_use(addresses), self.policies.numbers(flags)
        desired = desired_entries(Wanted(network, flags, in_use, {}, silent, groups, matches, policies=policies))
        updates = self._mirror.change_part(possible, desired)
        self.write(updates + self._mirror.retries(), out)
        return self._owned(set(addresses), desired)

    def retire(self, out: list[Effect]) -> None:
        """Local addresses that nobody uses any more are ours no longer."""
        retired, self._store.pool.retired = self._store.pool.retired, []
        self.change((), retired, out)

    def _flags(self, keys: Iterable[ServiceKey], addresses: Iterable[Address]) -> dict[ServiceKey, int]:
        """ServiceFlags of those that are there of ``keys``, and of one service of each address that has some: the
        address is theirs as long as there is any."""
        services = self._store.services
        known = [services.one_of(virtual) for virtual in addresses] + [services.by_key.get(key) for key in keys]
        there = (service for service in known if service is not None)
        return {service.key: service.service_flags for service in self._opened(there)}

    def _opened(self, services: Iterable[Service]) -> Iterator[Service]:
        """Those of ``services`` that do not wait for their lists."""
        return (service for service in services if self.policies.opens(service.key))

    def _silent(self, keys: Iterable[ServiceKey]) -> set[Address]:
        """Addresses of these services that answer no echo request."""
        services = self._store.services
        of = (services.by_key[key] for key in keys)
        virtuals = {virtual for service in of for virtual in virtual_addresses(service.key, service.matches)}
        return {virtual for virtual in virtuals if not services.answers_echo(virtual)}

    def _matches(self, keys: Iterable[ServiceKey]) -> dict[ServiceKey, tuple[Match, ...]]:
        services = self._store.services
        return {key: services.by_key[key].matches for key in keys if services.by_key[key].matches}

    def _outward(self, keys: Iterable[ServiceKey]) -> dict[ServiceKey, tuple[Match, ...]]:
        services = self._store.services
        return {key: services.by_key[key].outward for key in keys if services.by_key[key].outward}

    def _in_use(self, addresses: Iterable[Address]) -> list[Address]:
        return [local for local in addresses if local in self._store.pool]

    def _owned(self, among: set[Address], desired: dict[EntryKey, Entry]) -> set[Address]:
        """Take over which of the addresses ``among`` those asked about are ours; returns the new ones."""
        ours = {entry.address for entry in desired.values() if isinstance(entry, OwnAddress)}
        new = ours - self.own
        self.own -= among - ours
        self.own |= new
        return new

    def write(self, configured: Updates, out: list[Effect]) -> None:
        """The updates of ``configured`` tables, and before them those of what they and sessions lead to."""
        servers = self._store.services.updates()
        policies, retired = self.policies.updates()
        made, gone = self.buckets.updates()
        # Before a server goes, so does what leads to it.
        early, late = servers, list[tuple[Op, Entry]]()
        if gone:
            early = [update for update in servers if update[0] is not Op.DELETE]
            late = [update for update in servers if update[0] is Op.DELETE]
        updates = *policies, *early, *self._next_hops.updates(), *made, *configured, *gone, *late, *retired
        self._write(updates, out)

    def write_next_hops(self, out: list[Effect]) -> None:
        """What is new of next hops alone."""
        self._write(tuple(self._next_hops.updates()), out)

    def _write(self, updates: tuple[tuple[Op, Entry], ...], out: list[Effect]) -> None:
        if updates:
            token = self._store.new_token()
            self._writes[token] = updates
            out.append(Write(updates, token))

    def written(self, event: Written, out: list[Effect]) -> bool:
        """Whether it was a write of ours that was answered; who knows what the tables hold learns the outcome."""
        updates = self._writes.pop(event.token, None)
        if updates is None:
            return False
        of: dict[Owner, list[tuple[Op, Any, Outcome]]] = {owner: [] for owner in Owner}
        unlearned: dict[Owner, list[str]] = {owner: [] for owner in _TOLD_TOGETHER}
        for position, (operation, entry) in enumerate(updates):
            failure = event.failed.get(position)
            owner = table_of(entry).owner
            of[owner].append((operation, entry, Outcome.DONE if failure is None else failure.outcome))
            if failure is None:
                continue
            said = f"{operation.value} {shown(entry)}: {failure.message}"
            if owner is Owner.POLICIES:
                continue
            if owner in unlearned:
                unlearned[owner].append(said)
                continue
            if owner is Owner.CONFIGURATION:
                self._mirror.failed(operation, entry, failure.outcome)
            out.append(Log("ERROR", said))
        self._store.services.answered(of[Owner.SERVERS])
        self.buckets.answered(of[Owner.BUCKETS])
        self.policies.answered(of[Owner.POLICIES], out)
        for update in of[Owner.NEIGHBORS]:
            self._next_hops.answered(*update)
        self._retain(of[Owner.CONFIGURATION])
        for owner, failures in unlearned.items():
            if failures:
                level, what = _TOLD_TOGETHER[owner]
                out.append(Log(level, f"{len(failures)} {what} failed; the first: {failures[0]}"))
        return True

    def _retain(self, answered: list[tuple[Op, Any, Outcome]]) -> None:
        """Give back the ids that only routes of before ``answered`` led to. Not while a change of a route is under way,
        or after one failed: then the old one may still be there."""
        routes = [outcome for _, entry, outcome in answered if isinstance(entry, Route)]
        waiting = (entry for updates in self._writes.values() for _, entry in updates)
        if not routes or set(routes) != {Outcome.DONE} or any(isinstance(entry, Route) for entry in waiting):
            return
        self._next_hops.retain(self._mirror.of(Route))
