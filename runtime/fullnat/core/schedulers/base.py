"""What all schedulers have in common, and the register of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Protocol

from fullnat.net.flow import Flow

TRIES = 64
"""Places of a hash table that are looked at for an open server."""


class Candidate(Hashable, Protocol):
    """What a scheduler sees of a real server."""

    @property
    def endpoint(self) -> Hashable:
        """What it is told apart by, the same after a restart."""

    @property
    def effective_weight(self) -> int:
        """Beside those of the others; 0 takes no new flows: configured so, drained, or not to be reached."""

    @property
    def allotment(self) -> int:
        """Active connections that it has as a matter of course: its weight, or in slow start a part of it."""

    @property
    def busy(self) -> int:
        """Sessions that are established or begin. LVS takes those that begin for inactive ones: of many at once a
        server of little load gets them all, and one that never answers looks like the idlest."""

    @property
    def inactive(self) -> int:
        """Sessions that are not established (LVS: inactconns)."""

    @property
    def is_open(self) -> bool:
        """Below its upper threshold of connections (LVS: not IP_VS_DEST_F_OVERLOAD)."""


class Scheduler:
    """The scheduler of one service. Whenever a candidate with a weight is open, :meth:`pick` returns one. Sets of
    candidates are ints with a bit for each position, so that those in question are found without a look at the
    others."""

    name: ClassVar[str]
    """ipvsadm's."""
    wants_loads: ClassVar[bool] = False
    """Whether :meth:`loaded` does anything."""
    goes_by_weight: ClassVar[bool] = True
    """Whether a server of twice the weight gets twice as many connections."""

    def __init__(self, start: float = 0.0) -> None:
        """``start``: where among the candidates the first turn begins, from 0 up to 1. At random, so that controllers
        that start do not all begin with the same server."""
        self.servers: tuple[Candidate, ...] = ()
        """Those with a weight, in the order of the configuration."""
        self._start = start
        self._position: dict[Candidate, int] = {}
        self._open = 0
        """The set of those that are open."""

    def update(self, servers: Sequence[Candidate]) -> None:
        """The candidates are these from now on; called again when one of them comes, goes or changes its weight."""
        self.servers = self.ordered([server for server in servers if server.effective_weight > 0])
        self._position = {server: position for position, server in enumerate(self.servers)}
        self._open = bits(server.is_open for server in self.servers)

    def ordered(self, servers: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """The order that candidates are looked at in."""
        return tuple(servers)

    def opened(self, server: Candidate) -> None:
        """``server`` has opened or closed."""
        position = self._position.get(server)
        if position is not None:
            self._open = with_bit(self._open, position, server.is_open)

    def loaded(self, server: Candidate) -> None:
        """The connections of ``server`` have changed."""

    def next_open(self, position: int) -> int | None:
        """The position of the first open candidate from ``position`` on, and round."""
        ahead = self._open >> position
        if ahead:
            return position + lowest(ahead)
        return lowest(self._open) if self._open else None

    def open_near(self, table: Sequence[Candidate], first: int) -> Candidate | None:
        """An open server, from place ``first`` of ``table`` on and round it; after :data:`TRIES` places of servers that
        are full, the next one by the configuration."""
        for place in range(first, first + min(TRIES, len(table))):
            server = table[place % len(table)]
            if server.is_open:
                return server
        position = self.next_open(self._position[table[first]]) if table else None
        return None if position is None else self.servers[position]

    def pick(self, flow: Flow) -> Candidate | None:
        """The server of a new flow; None when no candidate with a weight is open."""
        raise NotImplementedError


def bits(among: Iterable[bool]) -> int:
    """The set of the positions of what is true."""
    return int("".join("1" if each else "0" for each in among)[::-1] or "0", 2)


def with_bit(of: int, position: int, there: bool) -> int:
    """The set ``of`` with or without ``position``."""
    return of | 1 << position if there else of & ~(1 << position)


def lowest(of: int) -> int:
    """The first position of a set that is not empty."""
    return (of & -of).bit_length() - 1


SCHEDULERS: dict[str, type[Scheduler]] = {}


def register(scheduler: type[Scheduler]) -> None:
    """No class decorator: mypyc compiles no class with one."""
    SCHEDULERS[scheduler.name] = scheduler
