"""The buckets of services without sessions: which real server each leads to, in the switch.

A service has a group of as many as it asks for, filled by Maglev's rule from the names and weights of its servers
alone: so every controller fills it alike, and a change of the servers moves few others' flows. Whatever leads to a
server holds its id, until the switch has confirmed that nothing does any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fullnat.core.balancing.service import Service
from fullnat.core.balancing.services import Services
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Op, Outcome
from fullnat.core.switch.mirror import Mirror
from fullnat.net.flow import Endpoint
from fullnat.tables.bucket import Bucket
from fullnat.tables.table import Entry, Group, entry_key
from fullnat.tables.virtual_service import VirtualService

GROUPS = 1 << 16


class _Group:
    """What is in the switch for one service, or is to be."""

    __slots__ = ("held", "number", "owners", "pending", "size")

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.size = size
        self.owners: Sequence[int] = ()
        """Server ids by bucket; none without servers."""
        self.held: set[int] = set()
        """Server ids that something in the switch may lead to."""
        self.pending = 0
        """Updates under way."""


class Buckets:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._mirror = Mirror()
        self._groups: dict[ServiceKey, _Group] = {}
        self._leaving: dict[int, _Group] = {}
        """By number: those that no service has, until the switch holds nothing of them."""
        self._next = 0
        self._found: dict[ServiceKey, Group] = {}
        """What the switch has of services, before they are asked for."""
        self._changed: dict[int, _Group] = {}
        """Groups to write for, by number."""
        self._again: dict[int, _Group] = {}
        """Groups with a failed update, which is repeated with the next ones."""
        self._strays: list[Bucket] = []
        """Buckets that the switch has of groups that nobody has."""

    @property
    def changed(self) -> bool:
        return bool(self._services.moved or self._changed or self._strays)

    def groups(self, keys: Iterable[ServiceKey]) -> dict[ServiceKey, Group]:
        """Those of the services ``keys`` that have no sessions."""
        known = ((key, self._groups.get(key)) for key in keys)
        return {key: Group(group.number, group.size) for key, group in known if group is not None}

    def switch_up(self, found: Iterable[Bucket], services: Iterable[VirtualService]) -> None:
        """This is what the switch has; nothing that was under way will be answered."""
        buckets = list(found)
        self._mirror.found(buckets)
        self._found = {
            (each.protocol, Endpoint(each.vip, each.vport)): Group(each.group, each.mask + 1)
            for each in services
            if each.group is not None
        }
        for group in (*self._groups.values(), *self._leaving.values()):
            group.pending = 0
        self.follow()
        known = {group.number for group in (*self._groups.values(), *self._leaving.values())}
        self._strays = [bucket for bucket in buckets if bucket.group not in known]
        self._changed |= {group.number: group for group in (*self._groups.values(), *self._leaving.values())}
        self._found = {}

    def follow(self) -> None:
        """Give every service that has changed its group, and the group its servers. :meth:`updates` follow."""
        moved, self._services.moved = self._services.moved, {}
        for service in moved:
            group = self._groups.get(service.key)
            if not service.configured or service.table is None:
                if group is not None and self._services.by_key.get(service.key) in (None, service):
                    self._leave(service.key)
                continue
            if group is None or group.size != service.table.size:
                if group is not None:
                    self._leave(service.key)
                group = self._groups[service.key] = self._new(service.key, service.table.size)
            group.owners = tuple(server.server_id for server in service.table.owners)
            self._hold(group, service)
            self._changed[group.number] = group

    def _new(self, key: ServiceKey, size: int) -> _Group:
        taken = {group.number for group in self._groups.values()} | self._leaving.keys()
        there = self._found.get(key)
        if there is not None and there.size == size and there.number not in taken:
            return _Group(there.number, size)
        taken |= {group.number for group in self._found.values()} | {bucket.group for bucket in self._strays}
        while self._next in taken:
            self._next = (self._next + 1) % GROUPS
        number, self._next = self._next, (self._next + 1) % GROUPS
        return _Group(number, size)

    def _leave(self, key: ServiceKey) -> None:
        group = self._groups.pop(key)
        group.owners = ()
        self._leaving[group.number] = group
        self._changed[group.number] = group

    def _hold(self, group: _Group, service: Service) -> None:
        assert service.table is not None
        for server in dict.fromkeys(service.table.owners):
            if server.server_id not in group.held:
                group.held.add(server.server_id)
                self._services.ids.hold(
                    server.server_id, service.server_key(server, service.key[1]), service.session_flags
                )

    def updates(self) -> tuple[list[tuple[Op, Entry]], list[tuple[Op, Entry]]]:
        """What brings the switch up to date: what leads to a server, before services lead there, and what is to go,
        after they do not any more."""
        self.follow()
        changed, self._changed, self._again = self._again | self._changed, {}, {}
        made: list[tuple[Op, Entry]] = []
        gone: list[tuple[Op, Entry]] = []
        for group in changed.values():
            before = len(made) + len(gone)
            for number in range(group.size):
                wanted = Bucket(group.number, number, group.owners[number]) if group.owners else None
                key = ("bucket", group.number, number)
                update = self._mirror.change(key, wanted)
                if update is not None:
                    (gone if wanted is None else made).append(update)
            group.pending += len(made) + len(gone) - before
            if not group.pending:
                self._settle(group)
        strays, self._strays = self._strays, []
        gone += (update for each in strays if (update := self._mirror.change(entry_key(each), None)) is not None)
        return made, gone

    def answered(self, outcomes: Iterable[tuple[Op, Bucket, Outcome]]) -> None:
        """What became of updates. What the switch refused is tried again with the next ones."""
        groups = {group.number: group for group in (*self._groups.values(), *self._leaving.values())}
        touched: dict[int, _Group] = {}
        for operation, entry, outcome in outcomes:
            group = groups.get(entry.group)
            if outcome is not Outcome.DONE:
                self._mirror.failed(operation, entry, outcome)
                if group is not None:
                    self._again[group.number] = group
            if group is not None and group.pending:
                group.pending -= 1
                touched[group.number] = group
        for group in touched.values():
            if not group.pending:
                self._settle(group)

    def _settle(self, group: _Group) -> None:
        """All that was asked for is answered: what nothing leads to any more is given back."""
        there = {entry.server_id for entry in self._entries(group)}
        for server_id in group.held - there - set(group.owners):
            group.held.remove(server_id)
            self._services.ids.drop(server_id)
        if not there and self._leaving.get(group.number) is group:
            del self._leaving[group.number]

    def _entries(self, group: _Group) -> Iterator[Bucket]:
        for number in range(group.size):
            entry = self._mirror.at(("bucket", group.number, number))
            if isinstance(entry, Bucket):
                yield entry
