"""The configured tables of a switch: what services, local addresses, interfaces and routes put there, and the writes
that bring it there, those of real servers before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fullnat.config.model import Config
from fullnat.core.commands import ServiceKey
from fullnat.core.interface import Effect, Log, Op, Outcome, Write, Written
from fullnat.core.mirror import Mirror, desired_entries
from fullnat.core.model import Model
from fullnat.core.store import SessionStore
from fullnat.net.flow import Address, address
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.table import Entry, EntryKey, Owner, Wanted, shown, table_of


class Configured:
    def __init__(self, store: SessionStore) -> None:
        self.network: Config = Model().network()
        """Interfaces and routes."""
        self.own: set[Address] = set()
        """The switch's addresses; always the same set."""
        self._store = store
        self._mirror = Mirror()
        self._writes: dict[int, tuple[tuple[Op, Entry], ...]] = {}
        """Under way, by token."""

    def found(self, entries: Iterable[Entry]) -> None:
        """The truth, read from the switch."""
        self._mirror.found(entries)
        self.forget_writes()

    def forget_writes(self) -> None:
        """Nothing under way will be answered."""
        self._writes.clear()

    def sync(self, out: list[Effect]) -> set[Address]:
        """Make all configured tables what they should be; returns addresses of ours that are new."""
        services = {service.key: service.service_flags for service in self._store.services}
        desired = desired_entries(Wanted(self.network, services, [local.address for local in self._store.pool]))
        self._store.pool.retired.clear()
        self.write(self._mirror.change_to(desired), out)
        return self._owned(self.own.copy(), desired)

    def change(self, services: Iterable[ServiceKey], locals_: Iterable[Address], out: list[Effect]) -> set[Address]:
        """The same of what comes of these alone, whether they are still there or not; what was refused before is tried
        again."""
        keys = tuple(services)
        addresses = dict.fromkeys((*locals_, *(virtual.address for _, virtual in keys)))
        interfaces = (each for each in self.network.interfaces if address(each.address.ip) in addresses)
        network = replace(self.network, interfaces=tuple(interfaces), routes=())
        possible = desired_entries(Wanted(network, dict.fromkeys(keys, 0), tuple(addresses)))
        desired = desired_entries(Wanted(network, self._flags(keys, addresses), self._in_use(addresses)))
        updates = self._mirror.change_part(possible, desired)
        self.write(updates + self._mirror.retries(), out)
        return self._owned(set(addresses), desired)

    def _flags(self, keys: Iterable[ServiceKey], addresses: Iterable[Address]) -> dict[ServiceKey, int]:
        """ServiceFlags of those that are there of ``keys``, and of one service of each address that has some: the
        address is theirs as long as there is any."""
        services = self._store.services
        known = [services.one_of(virtual) for virtual in addresses] + [services.by_key.get(key) for key in keys]
        return {service.key: service.service_flags for service in known if service is not None}

    def _in_use(self, addresses: Iterable[Address]) -> list[Address]:
        return [local for local in addresses if local in self._store.pool]

    def _owned(self, among: set[Address], desired: dict[EntryKey, Entry]) -> set[Address]:
        """Take over which of the addresses ``among`` those asked about are ours; returns the new ones."""
        ours = {entry.address for entry in desired.values() if isinstance(entry, OwnAddress)}
        new = ours - self.own
        self.own -= among - ours
        self.own |= new
        return new

    def write(self, configured: list[tuple[Op, Entry]], out: list[Effect]) -> None:
        """The updates of ``configured`` tables, and before them those that real servers need."""
        updates = (*self._store.services.updates(), *configured)
        if updates:
            token = self._store.new_token()
            self._writes[token] = updates
            out.append(Write(updates, token))

    def written(self, event: Written, out: list[Effect]) -> bool:
        """Whether it was a write of ours that was answered."""
        updates = self._writes.pop(event.token, None)
        if updates is None:
            return False
        of_servers: list[tuple[Op, Entry, Outcome]] = []
        for position, (operation, entry) in enumerate(updates):
            failure = event.failed.get(position)
            if table_of(entry).owner is Owner.SERVERS:
                of_servers.append((operation, entry, Outcome.DONE if failure is None else failure.outcome))
            elif failure is not None:
                self._mirror.failed(operation, entry, failure.outcome)
            if failure is not None:
                out.append(Log("ERROR", f"{operation.value} {shown(entry)}: {failure.message}"))
        self._store.services.answered(of_servers)
        return True
