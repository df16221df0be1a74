"""The model: what the controller is told to be, by the names of its parts. Commands change it (:mod:`.draft`).

What becomes of it is elsewhere: services at work in :mod:`.services`, what the switch holds in :mod:`.configured`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
from fullnat.core.commands import ServiceKey
from fullnat.net.flow import Address, Endpoint


@dataclass(slots=True)
class Declared:
    """A service. Dictionaries keep the order that was asked for."""

    settings: ServiceSettings
    servers: dict[Endpoint, ServerSettings] = field(default_factory=dict)
    locals: dict[Address, None] = field(default_factory=dict)
    access: Access = OPEN

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

    def network(self) -> Config:
        """Interfaces and routes, as the router and the tables take them."""
        return Config(interfaces=tuple(self.interfaces.values()), routes=tuple(self.routes.values()))
