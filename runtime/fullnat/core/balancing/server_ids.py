"""Server ids: what each stands for, who holds it, and its entries in the switch's tables server_in and server_out.

An id stands for one real server of one virtual service in one mode, as long as the configuration or a session refers
to it. It is free for another one when the switch has confirmed that its entries are gone, and only then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Op, Outcome
from fullnat.core.session.pool import IdPool
from fullnat.core.switch.mirror import Mirror
from fullnat.net.flow import Address, Endpoint, made, v4
from fullnat.tables.server_in import DIRECT, GUE, TO_OUTSIDE, TO_SERVER, TO_SERVER_ANY, TUNNEL, ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry, entry_key
from fullnat.tables.virtual_service import VirtualService

ServerEntry = ServerIn | ServerOut
ACTIONS = {
    Mode.FULLNAT: TO_SERVER,
    Mode.NAT: TO_SERVER,
    Mode.SNAT: TO_OUTSIDE,
    Mode.DR: DIRECT,
    Mode.TUNNEL: TUNNEL,
    Mode.GUE: GUE,
}
"""Of server_in."""
_MODES = {DIRECT: Mode.DR, TUNNEL: Mode.TUNNEL, GUE: Mode.GUE}
"""Those that the action tells."""
Source = Callable[[Address], Address]
"""Our own address on the way to another one."""


def nobody(named: Endpoint) -> Endpoint:
    """What stands for a virtual address and port where there is none, of the family of ``named``."""
    return Endpoint(Address(bytes(len(named.address))), 0)


class _Ends(NamedTuple):
    """What the entries of an id lead to, and by which action of server_in."""

    virtual: Endpoint
    server: Endpoint
    action: str


class ServerKey(NamedTuple):
    """What an id stands for."""

    service: ServiceKey
    endpoint: Endpoint
    mode: Mode
    virtual: Endpoint
    """What clients ask for: the service's own address and port; of a service by match one of its addresses."""

    @property
    def action(self) -> str:
        """Of server_in."""
        action = ACTIONS[self.mode]
        return TO_SERVER_ANY if action == TO_SERVER and not self.virtual.port else action


class FoundServers:
    """What server_in and server_out held when they were read."""

    def __init__(self, entries: Iterable[ServerEntry] = (), services: Iterable[Entry] = ()) -> None:
        """``services``: among what else is configured, those of one address and port that there were."""
        self.entries = tuple(entries)
        self._served = {(each.protocol, each.vip, each.vport) for each in services if isinstance(each, VirtualService)}
        inward = {entry.server_id: entry for entry in self.entries if isinstance(entry, ServerIn)}
        self.flags = {number: entry.flags for number, entry in inward.items()}
        self._ends: dict[int, _Ends] = {}
        for entry in self.entries:
            if isinstance(entry, ServerOut) and entry.server_id in inward:
                to = inward[entry.server_id]
                virtual = Endpoint(entry.vip, entry.vport)
                self._ends[entry.server_id] = _Ends(virtual, Endpoint(to.address, to.port or entry.vport), to.action)
        self._numbers = {ends: number for number, ends in self._ends.items()}
        self._count = Counter(self._ends.values())

    def numbers(self, keys: Iterable[ServerKey], *, is_early: bool) -> dict[ServerKey, int]:
        """The ids of those of these servers that had one. Where nothing tells, sessions bring theirs with them, as long
        as nobody else has taken it ``is_early``: of SNAT what it is for, and of servers of several services, as of TCP
        and UDP on one address and port, whose it is. A service that was not served had none."""
        ends = {key: _Ends(key.virtual, key.endpoint, key.action) for key in keys if not key.mode.is_outward}
        if is_early:
            asking = Counter(ends.values())
            alone = ((key, of) for key, of in ends.items() if asking[of] == 1 and self._count[of] == 1)
            ends = {key: of for key, of in alone if self._was_served(key)}
        known = ((key, self._numbers.get(of)) for key, of in ends.items())
        return {key: number for key, number in known if number is not None}

    def _was_served(self, key: ServerKey) -> bool:
        (protocol, _), virtual = key.service, key.virtual
        return not virtual.port or (protocol, virtual.address, virtual.port) in self._served

    def virtual(self, session: SessionEntry) -> Endpoint | None:
        """The address and port, or 0 for all ports, that the session's server is for."""
        ends = self._ends.get(session.server_id)
        return None if ends is None else ends.virtual

    def is_outward(self, session: SessionEntry) -> bool:
        """It is of a host inside."""
        ends = self._ends.get(session.server_id)
        return ends is not None and ends.action == TO_OUTSIDE

    def key(self, session: SessionEntry, service: ServiceKey) -> ServerKey | None:
        """Whose the session of ``service`` is; None when nothing tells. Where the server answers from the virtual
        address only its own entries tell which it is; where it sees the client, the client is the local endpoint."""
        _, (_, port) = service
        if self.is_outward(session):
            public = made(Endpoint, (session.local, 0))
            return ServerKey(service, public, Mode.SNAT, nobody(made(Endpoint, (session.vip, 0))))
        virtual = made(Endpoint, (session.vip, port))
        if session.server == session.vip and session.server_port == session.vport:
            ends = self._ends.get(session.server_id)
            if ends is None or ends.action not in _MODES:
                return None
            return ServerKey(service, ends.server, _MODES[ends.action], virtual)
        if not port and session.server_port != session.vport:
            # It was of a service of one port: the servers of this one keep what clients ask for.
            return None
        server = made(Endpoint, (session.server, session.server_port if port else 0))
        is_client = session.local == session.client and session.local_port == session.client_port
        return made(ServerKey, (service, server, Mode.NAT if is_client else Mode.FULLNAT, virtual))

    def agrees(self, session: SessionEntry, service: ServiceKey) -> bool:
        """Whether the switch sends the session's packets where the session's entries say."""
        return self.lead(session, self.key(session, service))

    def lead(self, session: SessionEntry, key: ServerKey | None) -> bool:
        """The same of whose the session is by its entries."""
        ends = self._ends.get(session.server_id)
        return key is not None and ends == (key.virtual, key.endpoint, key.action)


class _Binding:
    """What an id stands for, and the SessionFlags that its service asks for."""

    __slots__ = ("flags", "holders", "key")

    def __init__(self, key: ServerKey, flags: int) -> None:
        self.key = key
        self.flags = flags
        self.holders = 1

    def entries(self, number: int, source: Source) -> tuple[ServerIn, ServerOut]:
        _, (address, port), mode, virtual = self.key
        flags = mode.session_flags(self.flags)
        port = 0 if mode.keeps_destination else port
        outer = source(address) if mode.outer_bytes else None
        return ServerIn(number, flags, address, port, self.key.action, outer), ServerOut(number, flags, *virtual)


class ServerIds:
    def __init__(self, size: int) -> None:
        self.changed: set[int] = set()
        """Ids to write for; see :meth:`updates`."""
        self.refused: set[int] = set()
        """Ids whose entries the switch did not take."""
        self.source: Source = lambda _: _NOWHERE.address
        """Where outer headers to an address are from."""
        self._pool = IdPool(size)
        self._bindings: dict[int, _Binding] = {}
        self._of_service: dict[ServiceKey, set[int]] = {}
        self._mirror = Mirror()
        self._deleting: Counter[int] = Counter()
        """Deletes under way."""
        self._found: set[int] = set()
        """Ids that the tables had."""
        self._kept: set[int] = set()
        """Ids that the tables had and nobody holds: sessions may have them that are not known yet, and afterwards their
        entries are still to be deleted."""
        self._again: set[int] = set()
        """Ids with a failed update, which is repeated with the next ones."""

    def __len__(self) -> int:
        """Ids that are not free."""
        return len(self._bindings) + len(self._kept)

    @property
    def are_all_taken(self) -> bool:
        return len(self._pool) >= self._pool.size

    def resize(self, size: int, most: int) -> None:
        """As :meth:`fullnat.core.session.pool.IdPool.resize`."""
        self._pool.resize(size, most)

    def below(self, size: int) -> bool:
        """Whether none from ``size`` on is in use."""
        return self._pool.fits(size)

    # ---- holders

    def take(self, key: ServerKey, flags: int) -> int | None:
        """An id for this server, and its first holder; None when all are in use. ``flags`` are the SessionFlags that
        its service asks for."""
        number = self._pool.take()
        if number is not None:
            self._bind(number, key, flags)
        return number

    def claim(self, number: int, key: ServerKey, flags: int) -> bool:
        """The same with this very number; False when it is in use or out of range."""
        if not self._claim(number):
            return False
        self._bind(number, key, flags)
        return True

    def fits(self, number: int, key: ServerKey) -> bool:
        """Whether the id stands for this server, or for none."""
        binding = self._bindings.get(number)
        return binding is None or binding.key == key

    def hold(self, number: int, key: ServerKey, flags: int) -> None:
        """One more holder of an id that fits; the first one claims it."""
        if not self.hold_again(number):
            self._claim(number)
            self._bind(number, key, flags)

    def hold_again(self, number: int) -> bool:
        """One more holder of an id, unless it would be the first one."""
        binding = self._bindings.get(number)
        if binding is None:
            return False
        binding.holders += 1
        return True

    def drop(self, number: int) -> None:
        binding = self._bindings[number]
        binding.holders -= 1
        if not binding.holders:
            self.changed.add(number)

    def holders(self, number: int) -> int:
        binding = self._bindings.get(number)
        return binding.holders if binding is not None else 0

    def set_flags(self, service: ServiceKey, flags: int) -> None:
        """``service`` asks for these SessionFlags from now on, for its old sessions as well."""
        for number in self._of_service.get(service, ()):
            binding = self._bindings[number]
            if binding.flags != flags:
                binding.flags = flags
                self.changed.add(number)

    def route(self, source: Source) -> None:
        """Outer headers have these sources from now on."""
        self.source = source
        self.changed |= {number for number, binding in self._bindings.items() if binding.key.mode.outer_bytes}

    def service(self, number: int) -> ServiceKey | None:
        """Whose server the id stands for."""
        binding = self._bindings.get(number)
        return None if binding is None else binding.key.service

    def key(self, number: int) -> ServerKey | None:
        """What the id stands for."""
        binding = self._bindings.get(number)
        return None if binding is None else binding.key

    def _claim(self, number: int) -> bool:
        if number in self._kept and number not in self._deleting:
            self._kept.remove(number)
            return True
        return self._pool.claim(number)

    def _bind(self, number: int, key: ServerKey, flags: int) -> None:
        self._bindings[number] = _Binding(key, flags)
        self._of_service.setdefault(key.service, set()).add(number)
        self.changed.add(number)

    def _free(self, number: int) -> None:
        binding = self._bindings.pop(number)
        service = binding.key.service
        numbers = self._of_service[service]
        numbers.remove(number)
        if not numbers:
            del self._of_service[service]
        self.refused.discard(number)
        if number in self._pool:
            self._pool.release(number)

    # ---- the switch

    def switch_up(self, found: Iterable[ServerEntry]) -> None:
        """``found`` is the truth about the tables; nothing that was under way will be answered. What nobody holds there
        stays until :meth:`settle`."""
        for number in [number for number, binding in self._bindings.items() if not binding.holders]:
            self._free(number)
        self._deleting.clear()
        self._again.clear()
        self.refused.clear()
        self._release_kept()
        entries = list(found)
        self._mirror.found(entries)
        self.changed = set(self._bindings)
        self._found = {entry.server_id for entry in entries}
        self._kept = {number for number in self._found if self._pool.claim(number)}

    def settle(self) -> None:
        """All sessions are known: the entries of ids that nobody holds go."""
        self.changed |= self._found

    def _release_kept(self) -> None:
        for number in self._kept:
            self._pool.release(number)
        self._kept = set()

    def _gone(self, number: int) -> None:
        """The entries of an id that nobody holds are gone."""
        if number in self._bindings:
            self._free(number)
        elif number in self._kept:
            self._kept.remove(number)
            self._pool.release(number)

    def updates(self) -> list[tuple[Op, Entry]]:
        """What brings the switch up to date, deletions first; :meth:`answered` takes the outcome of each."""
        numbers = sorted(self.changed | self._again)
        self.changed = set()
        self._again = set()
        deletions: list[tuple[Op, Entry]] = []
        others: list[tuple[Op, Entry]] = []
        for number in numbers:
            self.refused.discard(number)
            binding = self._bindings.get(number)
            used = binding is not None and binding.holders > 0
            entries = (binding or _NOBODY).entries(number, self.source)
            for entry in entries:
                update = self._mirror.change(entry_key(entry), entry if used else None)
                if update is None:
                    continue
                if used:
                    others.append(update)
                else:
                    deletions.append(update)
                    self._deleting[number] += 1
            if not used and not self._deleting[number]:
                self._gone(number)
        return deletions + others

    def answered(self, operation: Op, entry: ServerEntry, outcome: Outcome) -> None:
        """What became of an update."""
        number = entry.server_id
        binding = self._bindings.get(number)
        if outcome is not Outcome.DONE:
            self._mirror.failed(operation, entry, outcome)
            if operation is not Op.DELETE or outcome is not Outcome.ABSENT:
                self._again.add(number)
            if operation is Op.INSERT and binding is not None:
                self.refused.add(number)
        if operation is Op.DELETE:
            self._deleting[number] -= 1
            if self._deleting[number] <= 0:
                del self._deleting[number]
                if not self.holders(number) and number not in self._again:
                    self._gone(number)


_NOWHERE = Endpoint(v4(0), 0)
_NOBODY = _Binding(ServerKey((0, _NOWHERE), _NOWHERE, Mode.FULLNAT, _NOWHERE), 0)
"""Stands for ids that are bound to nothing: only the keys of its entries matter."""
