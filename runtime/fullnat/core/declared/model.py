"""The model: what the controller is told to be, by the names of its parts. Commands change it (:mod:`.draft`).

What becomes of it is elsewhere: services at work in :mod:`fullnat.core.balancing.services`, what the switch holds in
:mod:`fullnat.core.switch.configured`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fullnat.config.model import (
    OPEN,
    Access,
    Config,
    GlobalSettings,
    Interface,
    IpNetwork,
    ServerSettings,
    ServiceSettings,
    StaticRoute,
)
from fullnat.core.declared.commands import ServiceKey
from fullnat.net.flow import Address, Endpoint


@dataclass(slots=True)
class Declared:
    """A service. Dictionaries keep the order that was asked for."""

    settings: ServiceSettings
    servers: dict[Endpoint, ServerSettings] = field(default_factory=dict)
    locals: dict[Address, None] = field(default_factory=dict)
    access: Access = OPEN

    @property
    def receivers(self) -> Iterable[Endpoint]:
        """The servers that packets are sent to."""
        return () if self.settings.mode.is_outward else self.servers

    @property
    def publics(self) -> dict[Address, None]:
        """What stands for servers in SNAT: the addresses that hosts inside show."""
        return {server.address: None for server in self.servers} if self.settings.mode.is_outward else {}

    def copy(self) -> Declared:
        return Declared(self.settings, self.servers.copy(), self.locals.copy(), self.access)


@dataclass(slots=True)
class Model:
    settings: GlobalSettings = field(default_factory=GlobalSettings)
    interfaces: dict[int, Interface] = field(default_factory=dict)
    """By their numbers."""
    routes: dict[IpNetwork, StaticRoute] = field(default_factory=dict)
    services: dict[ServiceKey, Declared] = field(default_factory=dict)
    access: Access = OPEN
    """That of all services."""

    def copy(self) -> Model:
        """What commands change from now on, the copy keeps: services are replaced and never edited."""
        return replace(self, services=self.services.copy())

    def network(self) -> Config:
        """Interfaces and routes, as the router and the tables take them."""
        return Config(interfaces=tuple(self.interfaces.values()), routes=tuple(self.routes.values()))
