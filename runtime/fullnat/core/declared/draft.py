"""A draft of the model: commands carried out on copies of what they touch, to be taken over as a whole or dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fullnat.config.model import Access, Interface, IpNetwork, ServerSettings, ServiceSettings
from fullnat.core.balancing.matching import virtual_addresses
from fullnat.core.declared import commands as c
from fullnat.core.declared.commands import Command, Problem, Reason, ServiceKey
from fullnat.core.declared.model import Declared, Model
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.roles import Role, Roles
from fullnat.core.declared.values import (
    check_access,
    check_globals,
    check_host,
    check_interface,
    check_match,
    check_port,
    check_server,
    check_server_port,
    check_service,
    check_within,
)
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.net.flow import Endpoint, address, is_v6, mark_of, mark_of_other_family, text
from fullnat.net.prefixes import ordered
from fullnat.net.vlan import interface_text

Leaving = Callable[[ServiceKey], Mapping[Endpoint, str]]
"""The servers of a service that are removed and have sessions left, with their ``quic_id``."""


class _Refusal(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def name(key: ServiceKey) -> str:
    """What messages call a service. Raises ValueError for an address that is none."""
    number, virtual = key
    protocol = BY_NUMBER.get(number)
    return f"virtual server {protocol.name if protocol else number} {virtual}"


def absent(key: ServiceKey, is_there: Callable[[ServiceKey], bool]) -> str:
    """That there is no such service, and whether there is that of the other family, which one option of fnatadm
    parts."""
    number, virtual = key
    other = mark_of_other_family(virtual)
    if other is None or not is_there((number, other)):
        return f"there is no {name(key)}"
    return f"there is no {name(key)}; there is {other} ({'-6' if is_v6(other.address) else 'without -6'})"


class Draft:
    """``services`` has those that were touched, None for one that is removed. Who refuses a draft drops it."""

    def __init__(self, model: Model, leaving: Leaving = lambda _: {}) -> None:
        self.leaving = leaving
        self.ends: set[ServiceKey | None] = set()
        """Services whose sessions of those who may not use them are to end; None: all."""
        self.drains: dict[tuple[ServiceKey, Endpoint], float | None] = {}
        """The time that sessions of these servers have, seconds from now; None is for ever."""
        self.problems: list[Problem] = []
        self.services: dict[ServiceKey, Declared | None] = {}
        self.network_changes = False
        self._base = model
        self._model = replace(model)

    @classmethod
    def of(cls, model: Model) -> Draft:
        """All of ``model``, as if it were new."""
        draft = cls(Model())
        draft._model, draft.services, draft.network_changes = replace(model), dict(model.services), True
        return draft

    def carry_out(self, commands: Iterable[Command]) -> None:
        """What cannot be carried out is a problem, and the others go on, so that all problems are found at once."""
        for command in commands:
            try:
                _METHODS[type(command)](self, command)
            except _Refusal as refusal:
                self.problems.append(Problem(refusal.reason, str(refusal), command))
            except ValueError as error:
                self.problems.append(Problem(Reason.INVALID, str(error), command))

    @property
    def model(self) -> Model:
        """As it is to be, but for its services."""
        return self._model

    @property
    def before_access(self) -> Access:
        return self._base.access

    @property
    def most_services(self) -> int:
        """There are no more, if perhaps fewer."""
        return len(self._base.services) + len(self.services)

    def everything(self) -> list[Declared]:
        """All services, as they are to be."""
        return [each for each in {**self._base.services, **self.services}.values() if each is not None]

    def before(self, key: ServiceKey) -> Declared | None:
        return self._base.services.get(key)

    def affected(self) -> Iterator[tuple[ServiceKey, Declared]]:
        """The services, as they are to be, for which something changes."""
        known: dict[ServiceKey, Declared | None] = {**self._base.services} if self.network_changes else {}
        known |= self.services
        return ((key, declared) for key, declared in known.items() if declared is not None)

    def take_over(self) -> None:
        """The model is as drafted from now on."""
        model, services = self._base, self._base.services
        model.settings, model.interfaces, model.routes = (
            self._model.settings,
            self._model.interfaces,
            self._model.routes,
        )
        model.access = self._model.access
        for key, declared in self.services.items():
            if declared is None:
                services.pop(key, None)
            else:
                services[key] = declared

    def roles(self) -> Roles:
        """How the uses of addresses change."""
        change = Roles()
        for key, after in self.services.items():
            before = self.before(key)
            for count, one in ((1, after), (-1, before)):
                change.count(Role.VIRTUAL, () if one is None else virtual_addresses(key, one.settings.inward), count)
            before, after = before or _NOTHING, after or _NOTHING
            for count, one, other in ((1, after, before), (-1, before, after)):
                change.count(Role.LOCAL, one.locals.keys() - other.locals.keys(), count)
                servers = set(one.receivers) - set(other.receivers)
                change.count(Role.SERVER, (server.address for server in servers), count)
                change.count(Role.PUBLIC, one.publics.keys() - other.publics.keys(), count)
        for count, model in ((1, self._model), (-1, self._base)) if self.network_changes else ():
            interfaces, routes = model.interfaces.values(), model.routes.values()
            own = (address(each.ip) for interface in interfaces for each in interface.addresses)
            change.count(Role.INTERFACE, own, count)
            gateways = (address(route.gateway) for route in routes if route.gateway is not None)
            change.count(Role.GATEWAY, gateways, count)
        return change

    # ---- services

    def add_service(self, command: c.AddService) -> None:
        protocol, virtual = command.service
        if protocol not in BY_NUMBER:
            raise ValueError(f"protocol {protocol} is not supported")
        if mark_of(virtual) is None:
            check_host(virtual.address)
            check_port(virtual.port, lowest=0)
        if self._find(command.service) is not None:
            raise _Refusal(Reason.EXISTS, f"{name(command.service)} is there already")
        check_service(command.settings)
        check_match(virtual, command.settings.match, is_outward=command.settings.mode.is_outward)
        self.services[command.service] = Declared(command.settings)

    def edit_service(self, command: c.EditService) -> None:
        check_service(command.settings)
        is_outward = command.settings.mode.is_outward
        check_match(command.service[1], command.settings.match, is_outward=is_outward)
        service = self._service(command.service)
        if service.settings.mode.is_outward is not is_outward:
            raise ValueError(f"{name(command.service)} cannot change to or from {Mode.SNAT}: remove it first")
        service.settings = command.settings

    def remove_service(self, command: c.RemoveService) -> None:
        self._existing(command.service)
        self.services[command.service] = None

    def add_server(self, command: c.AddServer) -> None:
        check_host(command.server.address)
        check_server_port(command.service[1], command.server.port)
        check_server(command.settings)
        servers = self._service(command.service).servers
        if command.server in servers:
            raise _Refusal(Reason.EXISTS, f"{name(command.service)} has the real server {command.server} already")
        servers[command.server] = command.settings

    def edit_server(self, command: c.EditServer) -> None:
        check_server(command.settings)
        self._servers(command.service, command.server)[command.server] = command.settings

    def remove_server(self, command: c.RemoveServer) -> None:
        del self._servers(command.service, command.server)[command.server]

    def drain_server(self, command: c.DrainServer) -> None:
        servers = self._service(command.service).servers
        if command.server not in servers and command.server not in self.leaving(command.service):
            raise _Refusal(Reason.UNKNOWN, f"{name(command.service)} has no real server {command.server}")
        self._drain(command.service, (command.server,), command.within)

    def drain_service(self, command: c.DrainService) -> None:
        declared = self._service(command.service)
        self._drain(command.service, {*declared.servers, *self.leaving(command.service)}, command.within)

    def drain_all(self, command: c.DrainAll) -> None:
        for key in {**self._base.services, **self.services}:
            if self._find(key) is not None:
                self.drain_service(c.DrainService(key, command.within))

    def _drain(self, key: ServiceKey, out: Iterable[Endpoint], within: float | None) -> None:
        check_within(within)
        servers = self._service(key).servers
        for server in out:
            if server in servers:
                servers[server] = replace(servers[server], weight=0)
            self.drains[key, server] = within

    def arrange_servers(self, command: c.ArrangeServers) -> None:
        service = self._service(command.service)
        if service.servers.keys() != set(command.servers) or len(service.servers) != len(command.servers):
            raise ValueError(f"these are not the real servers of {name(command.service)}")
        service.servers = {server: service.servers[server] for server in command.servers}

    def add_local(self, command: c.AddLocal) -> None:
        check_host(command.local)
        locals_ = self._service(command.service).locals
        if command.local in locals_:
            has = f"{name(command.service)} has the local address {text(command.local)}"
            raise _Refusal(Reason.EXISTS, f"{has} already")
        locals_[command.local] = None

    def remove_local(self, command: c.RemoveLocal) -> None:
        locals_ = self._service(command.service).locals
        if command.local not in locals_:
            raise _Refusal(Reason.UNKNOWN, f"{name(command.service)} has no local address {text(command.local)}")
        del locals_[command.local]

    def arrange_locals(self, command: c.ArrangeLocals) -> None:
        service = self._service(command.service)
        if service.locals.keys() != set(command.locals) or len(service.locals) != len(command.locals):
            raise ValueError(f"these are not the local addresses of {name(command.service)}")
        service.locals = dict.fromkeys(command.locals)

    def _find(self, key: ServiceKey) -> Declared | None:
        return self.services[key] if key in self.services else self._base.services.get(key)

    def _existing(self, key: ServiceKey) -> Declared:
        found = self._find(key)
        if found is None:
            raise _Refusal(Reason.UNKNOWN, absent(key, lambda other: self._find(other) is not None))
        return found

    def _service(self, key: ServiceKey) -> Declared:
        """The service, to be changed."""
        found = self._existing(key)
        if key not in self.services:
            found = self.services[key] = found.copy()
        return found

    def _servers(self, key: ServiceKey, server: Endpoint) -> dict[Endpoint, ServerSettings]:
        """The servers of a service that has ``server``, to be changed."""
        servers = self._service(key).servers
        if server not in servers:
            raise _Refusal(Reason.UNKNOWN, f"{name(key)} has no real server {server}")
        return servers

    # ---- who may

    def edit_access(self, command: c.EditAccess) -> None:
        check_access(command.access)
        if command.service is None:
            self._model.access = command.access
        else:
            self._service(command.service).access = command.access

    def add_prefixes(self, command: c.AddPrefixes) -> None:
        old = self._access(command.service)
        deny, allow = old.deny | command.deny, old.allow | command.allow
        access = Access(deny=deny, allow=allow, refused=command.refused or old.refused)
        self.edit_access(c.EditAccess(command.service, access))

    def remove_prefixes(self, command: c.RemovePrefixes) -> None:
        old = self._access(command.service)
        of = "all services" if command.service is None else name(command.service)
        for kind, gone, there in (("deny", command.deny, old.deny), ("allow", command.allow, old.allow)):
            if missing := ordered(gone - there):
                raise _Refusal(Reason.UNKNOWN, f"{of}: {missing[0]} is not in {kind}")
        access = replace(old, deny=old.deny - command.deny, allow=old.allow - command.allow)
        self.edit_access(c.EditAccess(command.service, access))

    def end_refused(self, command: c.EndRefused) -> None:
        if command.service is not None:
            self._existing(command.service)
        self.ends.add(command.service)

    def _access(self, key: ServiceKey | None) -> Access:
        return self._model.access if key is None else self._existing(key).access

    # ---- network and the rest

    def add_interface(self, command: c.AddInterface) -> None:
        number = command.interface.number
        if number in self._model.interfaces:
            raise _Refusal(Reason.EXISTS, f"port {interface_text(number)} has an interface already")
        self._set_interface(command.interface)

    def edit_interface(self, command: c.EditInterface) -> None:
        self._known_interface(command.interface.number)
        self._set_interface(command.interface)

    def remove_interface(self, command: c.RemoveInterface) -> None:
        self._known_interface(command.number)
        self._network()
        del self._model.interfaces[command.number]

    def add_route(self, command: c.AddRoute) -> None:
        if command.route.prefix in self._model.routes:
            raise _Refusal(Reason.EXISTS, f"there is a route to {command.route.prefix} already")
        self._network()
        self._model.routes[command.route.prefix] = command.route

    def edit_route(self, command: c.EditRoute) -> None:
        self._known_route(command.route.prefix)
        self._model.routes[command.route.prefix] = command.route

    def remove_route(self, command: c.RemoveRoute) -> None:
        self._known_route(command.prefix)
        del self._model.routes[command.prefix]

    def edit_globals(self, command: c.EditGlobals) -> None:
        check_globals(command.settings)
        self._model.settings = command.settings

    def _set_interface(self, interface: Interface) -> None:
        check_interface(interface)
        self._network()
        self._model.interfaces[interface.number] = interface

    def _known_interface(self, number: int) -> None:
        if number not in self._model.interfaces:
            raise _Refusal(Reason.UNKNOWN, f"port {interface_text(number)} has no interface")

    def _known_route(self, prefix: IpNetwork) -> None:
        if prefix not in self._model.routes:
            raise _Refusal(Reason.UNKNOWN, f"there is no route to {prefix}")
        self._network()

    def _network(self) -> None:
        """Interfaces and routes are about to change."""
        if not self.network_changes:
            self.network_changes = True
            self._model.interfaces = self._model.interfaces.copy()
            self._model.routes = self._model.routes.copy()


_NOTHING = Declared(ServiceSettings())
_METHODS: dict[type[Command], Callable[[Draft, Any], None]] = {
    c.AddService: Draft.add_service,
    c.EditService: Draft.edit_service,
    c.RemoveService: Draft.remove_service,
    c.AddServer: Draft.add_server,
    c.EditServer: Draft.edit_server,
    c.RemoveServer: Draft.remove_server,
    c.DrainServer: Draft.drain_server,
    c.DrainService: Draft.drain_service,
    c.DrainAll: Draft.drain_all,
    c.ArrangeServers: Draft.arrange_servers,
    c.AddLocal: Draft.add_local,
    c.RemoveLocal: Draft.remove_local,
    c.ArrangeLocals: Draft.arrange_locals,
    c.EditAccess: Draft.edit_access,
    c.AddPrefixes: Draft.add_prefixes,
    c.RemovePrefixes: Draft.remove_prefixes,
    c.EndRefused: Draft.end_refused,
    c.AddInterface: Draft.add_interface,
    c.EditInterface: Draft.edit_interface,
    c.RemoveInterface: Draft.remove_interface,
    c.AddRoute: Draft.add_route,
    c.EditRoute: Draft.edit_route,
    c.RemoveRoute: Draft.remove_route,
    c.EditGlobals: Draft.edit_globals,
}
