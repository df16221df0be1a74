"""Commands to the controller core: everything that can change while it runs.

A batch of them is carried out as a whole or not at all (:meth:`fullnat.core.controller.Controller.apply`), and its
effect is the difference between before and after: what a batch removes and adds again is edited, and what it sets to
what it was is not touched. A service is known by protocol, virtual address and port; a real server by its service,
address and port; a local address by its service; an interface by its port; a route by its prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from fullnat.config.model import (
    Access,
    GlobalSettings,
    Interface,
    IpNetwork,
    ServerSettings,
    ServiceSettings,
    StaticRoute,
)
from fullnat.net.flow import Address, Endpoint
from fullnat.net.prefixes import Prefix
from fullnat.net.vlan import interface_number

ServiceKey = tuple[int, Endpoint]
"""Protocol, virtual address and port."""

# ---------------------------------------------------------------------------------------------- services


@dataclass(frozen=True, slots=True)
class AddService:
    """Without local addresses it refuses its clients, and without real servers as well."""

    service: ServiceKey
    settings: ServiceSettings


@dataclass(frozen=True, slots=True)
class EditService:
    """Its servers, local addresses and sessions stay."""

    service: ServiceKey
    settings: ServiceSettings


@dataclass(frozen=True, slots=True)
class RemoveService:
    """With all that it has; its sessions are reset."""

    service: ServiceKey


@dataclass(frozen=True, slots=True)
class AddServer:
    """Behind those that the service has. One that drains goes on with its sessions and counts."""

    service: ServiceKey
    server: Endpoint
    settings: ServerSettings


@dataclass(frozen=True, slots=True)
class EditServer:
    service: ServiceKey
    server: Endpoint
    settings: ServerSettings


@dataclass(frozen=True, slots=True)
class RemoveServer:
    """It takes no new sessions, and keeps the old, which are reset when the service's ``drain_timeout`` is over."""

    service: ServiceKey
    server: Endpoint


@dataclass(frozen=True, slots=True)
class DrainServer:
    """Its weight is 0 from now on, and ``within`` seconds its sessions may end, then they are reset: 0 is now, None
    never. One that is removed, and has sessions left, gets this deadline instead of its own. A weight takes it back."""

    service: ServiceKey
    server: Endpoint
    within: float | None = None


@dataclass(frozen=True, slots=True)
class DrainService:
    """The same of all servers that the service has, and of those removed."""

    service: ServiceKey
    within: float | None = None


@dataclass(frozen=True, slots=True)
class DrainAll:
    """The same of all services: before the balancer is switched off."""

    within: float | None = None


@dataclass(frozen=True, slots=True)
class ArrangeServers:
    """Put the servers of a service, all of them, into this order: some schedulers go by it."""

    service: ServiceKey
    servers: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class AddLocal:
    service: ServiceKey
    local: Address


@dataclass(frozen=True, slots=True)
class RemoveLocal:
    """It is taken for no new sessions, and keeps the old."""

    service: ServiceKey
    local: Address


@dataclass(frozen=True, slots=True)
class ArrangeLocals:
    """Put the local addresses of a service, all of them, into this order: they take turns by it."""

    service: ServiceKey
    locals: tuple[Address, ...]


# ---------------------------------------------------------------------------------------------- who may


@dataclass(frozen=True, slots=True)
class EditAccess:
    """Who may use a service, None: all services. Sessions go on."""

    service: ServiceKey | None
    access: Access


@dataclass(frozen=True, slots=True)
class AddPrefixes:
    """To the lists of those who may not and who may; those that are there stay."""

    service: ServiceKey | None
    deny: frozenset[Prefix] = frozenset()
    allow: frozenset[Prefix] = frozenset()
    refused: str = ""
    """What who is refused gets from now on; none: what it was."""


@dataclass(frozen=True, slots=True)
class RemovePrefixes:
    """From these lists, which have to have them."""

    service: ServiceKey | None
    deny: frozenset[Prefix] = frozenset()
    allow: frozenset[Prefix] = frozenset()


@dataclass(frozen=True, slots=True)
class EndRefused:
    """Sessions of those who may not use their service any more are reset; None: of all services."""

    service: ServiceKey | None = None


# ---------------------------------------------------------------------------------------------- network and the rest


@dataclass(frozen=True, slots=True)
class AddInterface:
    interface: Interface


@dataclass(frozen=True, slots=True)
class EditInterface:
    """The one with this port and VLAN."""

    interface: Interface


@dataclass(frozen=True, slots=True)
class RemoveInterface:
    port: int
    vlan: int = 0

    @property
    def number(self) -> int:
        return interface_number(self.port, self.vlan)


@dataclass(frozen=True, slots=True)
class AddRoute:
    route: StaticRoute


@dataclass(frozen=True, slots=True)
class EditRoute:
    """The one with this prefix."""

    route: StaticRoute


@dataclass(frozen=True, slots=True)
class RemoveRoute:
    prefix: IpNetwork


@dataclass(frozen=True, slots=True)
class EditGlobals:
    settings: GlobalSettings


OfService = (
    AddService
    | EditService
    | RemoveService
    | AddServer
    | EditServer
    | RemoveServer
    | DrainServer
    | DrainService
    | ArrangeServers
    | AddLocal
    | RemoveLocal
    | ArrangeLocals
)
OfNetwork = AddInterface | EditInterface | RemoveInterface | AddRoute | EditRoute | RemoveRoute
OfAccess = EditAccess | AddPrefixes | RemovePrefixes | EndRefused
Command = OfService | OfNetwork | OfAccess | EditGlobals | DrainAll


# ---------------------------------------------------------------------------------------------- what can be wrong


class Reason(Enum):
    """Why a command cannot be carried out."""

    UNKNOWN = "unknown"
    """There is nothing with this name."""
    EXISTS = "exists"
    """There is one with this name."""
    INVALID = "invalid"
    """A value that is none."""
    CONFLICT = "conflict"
    """Two things cannot be so together."""
    UNREACHABLE = "unreachable"
    """No interface and no route leads there."""


class Problem(NamedTuple):
    reason: Reason
    message: str
    """For people: what, and why."""
    command: Command | None = None
    """None when it is the outcome of all of them that is wrong."""


class CommandError(Exception):
    """Commands were refused, and nothing has changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = tuple(problems)

    @property
    def messages(self) -> list[str]:
        """What the problems are, one line each."""
        return [problem.message for problem in self.problems]
