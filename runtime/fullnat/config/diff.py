"""From one model to another: the commands that make the difference. A controller starts from the empty model."""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.config.model import (
    Config,
    GlobalSettings,
    RealServer,
    ServerSettings,
    ServiceSettings,
    VirtualServer,
    only,
)
from fullnat.core.declared.commands import (
    AddInterface,
    AddLocal,
    AddRoute,
    AddServer,
    AddService,
    ArrangeLocals,
    ArrangeServers,
    Command,
    EditAccess,
    EditGlobals,
    EditInterface,
    EditRoute,
    EditServer,
    EditService,
    RemoveInterface,
    RemoveLocal,
    RemoveRoute,
    RemoveServer,
    RemoveService,
    ServiceKey,
)
from fullnat.core.declared.model import Declared, Model
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.net.flow import Endpoint, address


def model_of(config: Config) -> Model:
    """What ``config`` says, which is right (:mod:`fullnat.config.check`)."""
    return Model(
        only(GlobalSettings, config),
        {interface.number: interface for interface in config.interfaces},
        {route.prefix: route for route in config.routes},
        {_key(virtual): _declared(virtual) for virtual in config.virtual_servers},
        config.access,
    )


def _key(virtual: VirtualServer) -> ServiceKey:
    return PROTOCOLS[virtual.protocol].number, virtual.endpoint


def _declared(virtual: VirtualServer) -> Declared:
    return Declared(
        only(ServiceSettings, virtual),
        {_endpoint(real): only(ServerSettings, real) for real in virtual.real_servers},
        dict.fromkeys(address(local) for local in virtual.local_addresses),
        virtual.access,
    )


def _endpoint(real: RealServer) -> Endpoint:
    return Endpoint(address(real.address), real.port)


def diff(old: Model, new: Model) -> list[Command]:
    """The commands that make ``new`` of ``old``."""
    return list(_diff(old, new))


def _diff(old: Model, new: Model) -> Iterator[Command]:
    if old.settings != new.settings:
        yield EditGlobals(new.settings)
    if old.access != new.access:
        yield EditAccess(None, new.access)
    gone = (interface for number, interface in old.interfaces.items() if number not in new.interfaces)
    yield from (RemoveInterface(interface.port, interface.vlan) for interface in gone)
    for number, interface in new.interfaces.items():
        if old.interfaces.get(number) != interface:
            yield EditInterface(interface) if number in old.interfaces else AddInterface(interface)
    yield from (RemoveRoute(prefix) for prefix in old.routes if prefix not in new.routes)
    for prefix, route in new.routes.items():
        if old.routes.get(prefix) != route:
            yield EditRoute(route) if prefix in old.routes else AddRoute(route)
    yield from (RemoveService(key) for key in old.services if key not in new.services)
    for key, declared in new.services.items():
        before = old.services.get(key)
        if before is None:
            yield AddService(key, declared.settings)
            before = Declared(declared.settings)
        yield from _of_service(key, before, declared)


def _of_service(key: ServiceKey, old: Declared, new: Declared) -> Iterator[Command]:
    if old.settings != new.settings:
        yield EditService(key, new.settings)
    if old.access != new.access:
        yield EditAccess(key, new.access)
    yield from (RemoveServer(key, server) for server in old.servers if server not in new.servers)
    for server, settings in new.servers.items():
        if old.servers.get(server) != settings:
            yield EditServer(key, server, settings) if server in old.servers else AddServer(key, server, settings)
    servers = [server for server in old.servers if server in new.servers]
    if servers != list(new.servers)[: len(servers)]:
        yield ArrangeServers(key, tuple(new.servers))
    yield from (RemoveLocal(key, local) for local in old.locals if local not in new.locals)
    yield from (AddLocal(key, local) for local in new.locals if local not in old.locals)
    locals_ = [local for local in old.locals if local in new.locals]
    if locals_ != list(new.locals)[: len(locals_)]:
        yield ArrangeLocals(key, tuple(new.locals))
