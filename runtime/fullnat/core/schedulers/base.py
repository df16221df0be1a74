"""What all schedulers have in common, and the register of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Protocol, TypeVar

from fullnat.net.flow import Flow


class Candidate(Protocol):
    """What a scheduler sees of a real server."""

    @property
    def endpoint(self) -> Hashable:
        """What it is told apart by, the same after a restart."""

    @property
    def effective_weight(self) -> int:
        """0 takes no new flows: configured so, drained, or not to be reached."""

    @property
    def active(self) -> int:
        """Established sessions (LVS: activeconns)."""

    @property
    def inactive(self) -> int:
        """All others (LVS: inactconns)."""

    @property
    def is_open(self) -> bool:
        """Below its upper threshold of connections (LVS: not IP_VS_DEST_F_OVERLOAD)."""


class Scheduler:
    """The scheduler of one service. Whenever a candidate with a weight is open, :meth:`pick` returns one."""

    name: ClassVar[str]
    """ipvsadm's."""
    wants_loads: ClassVar[bool] = False
    """Whether :meth:`loaded` does anything."""

    def __init__(self) -> None:
        self.servers: tuple[Candidate, ...] = ()
        """Those with a weight, in the order of the configuration."""

    def update(self, servers: Sequence[Candidate]) -> None:
        """The candidates are these from now on; called again when one of them comes, goes or changes its weight."""
        self.servers = tuple(server for server in servers if server.effective_weight > 0)

    def loaded(self, server: Candidate) -> None:
        """The connections of ``server`` have changed, or whether it is open."""

    def first_open(self, table: Sequence[Candidate] = (), first: int = 0) -> Candidate | None:
        """From position ``first`` of ``table`` on, and round it; then of all, as one of little weight may have no place
        in there."""
        for position in range(first, first + len(table)):
            server = table[position % len(table)]
            if server.is_open:
                return server
        return next((server for server in self.servers if server.is_open), None)

    def pick(self, flow: Flow) -> Candidate | None:
        """The server of a new flow; None when no candidate with a weight is open."""
        raise NotImplementedError


S = TypeVar("S", bound=type[Scheduler])
SCHEDULERS: dict[str, type[Scheduler]] = {}


def register(scheduler: S) -> S:
    """Class decorator."""
    SCHEDULERS[scheduler.name] = scheduler
    return scheduler
