"""Between the messages of the API and what the core takes and shows: the names of fields are the same in both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from fullnat.api import checks
from fullnat.config import addresses
from fullnat.config.model import OPEN, Access, Interface, ServerSettings, ServiceSettings, StaticRoute, Timeouts
from fullnat.core.declared import commands as c
from fullnat.core.declared.commands import Command, ServiceKey
from fullnat.core.declared.model import Model
from fullnat.core.declared.modes import Mode
from fullnat.core.protocols.base import BY_NUMBER, PROTOCOLS
from fullnat.net.flow import Endpoint, address, named_mark, text
from fullnat.net.match import parse as parse_match
from fullnat.net.prefixes import Prefix
from fullnat.net.prefixes import parse as parse_prefix
from fullnat.net.vlan import interface_number

Json = dict[str, Any]
S = TypeVar("S")


# ---------------------------------------------------------------------------------------------- names


def endpoint(value: str) -> Endpoint:
    """Raises ValueError for what is not ADDRESS:PORT, or the name of a service by match."""
    if (mark := named_mark(value)) is not None:
        return mark
    host, colon, port = value.rpartition(":")
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5
    if not colon or not is_number or (":" in host) != host.startswith("["):
        raise ValueError(f"{value!r} is not an address with a port, like 192.0.2.1:80 or [2001:db8::1]:80")
    return Endpoint(_address(host.removeprefix("[").removesuffix("]")), int(port))


def _address(value: str) -> Any:
    try:
        return address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an address") from None


def service_key(protocol: str, virtual: str) -> ServiceKey:
    """Raises ValueError."""
    known = PROTOCOLS.get(protocol.lower())
    if known is None:
        raise ValueError(f"{protocol!r} is not one of {', '.join(PROTOCOLS)}")
    return known.number, endpoint(virtual)


def service_name(key: ServiceKey) -> Json:
    """As messages name a service."""
    return {"protocol": BY_NUMBER[key[0]].name, "virtual": str(key[1])}


# ---------------------------------------------------------------------------------------------- settings


def _mode(value: str) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise ValueError(f"{value!r} is not one of {', '.join(Mode)}") from None


_CONVERT: Mapping[tuple[type, str], Callable[[Any], Any]] = {
    (ServiceSettings, "mode"): _mode,
    (ServerSettings, "mode"): _mode,
    (ServiceSettings, "match"): lambda texts: tuple(map(parse_match, texts)),
    (ServiceSettings, "checks"): checks.made,
    (ServerSettings, "checks"): checks.made,
    (Interface, "mac"): addresses.mac,
    (Interface, "address"): lambda text_: addresses.interface_addresses(text_)[0],
    (Interface, "further"): lambda texts: addresses.interface_addresses([*texts]) if texts else (),
    (StaticRoute, "prefix"): addresses.network,
    (StaticRoute, "gateway"): addresses.address,
}
"""Fields that are not in the core what they are in a message."""
_SHOW: Mapping[tuple[type, str], Callable[[Any], Any]] = {
    (Interface, "mac"): addresses.mac_text,
    (ServiceSettings, "checks"): checks.shown,
    (ServerSettings, "checks"): checks.shown,
}
UNSAID = frozenset({"quorum_up", "quorum_down", "notify_up", "notify_down", "notify_user", "notify_timeout", "omega"})
"""What messages have no field for: an edit leaves it as it is. Which programs are told says the file alone, so that who
may use the API cannot run any."""
_NESTED: Mapping[str, type] = {"timeouts": Timeouts}


def patched(base: S, message: Any) -> S:
    """``base`` with what ``message`` says. Raises ValueError."""
    return replace(base, **_said(type(base), message, base))  # type: ignore[type-var]


def made(kind: type[S], message: Any) -> S:
    """All of it from ``message``, with the defaults where it says nothing. Raises ValueError."""
    said = _said(kind, message, None)
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name not in said and each.default is MISSING and each.default_factory is MISSING:
            if (kind, each.name) != (StaticRoute, "gateway"):
                raise ValueError(f"{each.name} is missing")
            said[each.name] = None
    return kind(**said)


def _said(kind: type, message: Any, base: Any) -> Json:
    said = {}
    for each in fields(kind):
        if each.name in UNSAID:
            continue
        if not message.HasField(each.name) if _has_presence(message, each.name) else not getattr(message, each.name):
            continue
        value = getattr(message, each.name)
        nested = _NESTED.get(each.name)
        if nested is not None:
            said[each.name] = patched(getattr(base, each.name, None) or nested(), value)
        else:
            said[each.name] = _CONVERT.get((kind, each.name), _same)(value)
    if kind is Interface and "address" in said:
        said.setdefault("further", ())
    return said


def _has_presence(message: Any, name: str) -> bool:
    return bool(message.DESCRIPTOR.fields_by_name[name].has_presence)


def _same(value: Any) -> Any:
    return value


def shown(settings: Any) -> Json:
    """Settings as a message has them; what is None is absent."""
    found = {each.name: _shown(settings, each.name) for each in fields(settings) if each.name not in UNSAID}
    return {name: value for name, value in found.items() if value is not None}


def _shown(settings: Any, name: str) -> Any:
    value = getattr(settings, name)
    if show := _SHOW.get((type(settings), name)):
        return show(value)
    if is_dataclass(value):
        return shown(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


# ---------------------------------------------------------------------------------------------- commands


class Translation:
    """The commands of one batch, as the core takes them. What an edit leaves out is as the commands before it and,
    where there are none, ``model`` have it."""

    def __init__(self, model: Model) -> None:
        self.commands: list[tuple[int, Command]] = []
        """With the number of the command in the batch that each comes of."""
        self._model = model
        self._services: dict[ServiceKey, ServiceSettings | None] = {}
        self._servers: dict[tuple[ServiceKey, Endpoint], ServerSettings] = {}
        self._settings = model.settings
        self._interfaces = dict(model.interfaces)

    def add(self, number: int, command: Any) -> None:
        """Take on a message Command. Raises ValueError for one that cannot be translated; what the core thinks of it is
        seen later."""
        which = command.WhichOneof("command")
        if which is None:
            raise ValueError("the command is empty")
        for made_ in _TRANSLATE[which](self, getattr(command, which)):
            self.commands.append((number, made_))

    def _settings_of(self, key: ServiceKey) -> ServiceSettings:
        if key in self._services:
            return self._services[key] or _defaults(key)
        declared = self._model.services.get(key)
        return _defaults(key) if declared is None else declared.settings

    def _add_service(self, message: Any) -> Iterator[Command]:
        key = _key(message)
        settings = self._services[key] = patched(_defaults(key), message.settings)
        yield c.AddService(key, settings)

    def _edit_service(self, message: Any) -> Iterator[Command]:
        key = _key(message)
        settings = patched(self._settings_of(key), message.settings)
        self._services[key] = settings
        yield c.EditService(key, settings)

    def _remove_service(self, message: Any) -> Iterator[Command]:
        key = _key(message)
        self._forget(key)
        yield c.RemoveService(key)

    def _forget(self, key: ServiceKey) -> None:
        self._services[key] = None
        for known in [known for known in self._servers if known[0] == key]:
            del self._servers[known]

    def _clear(self, _message: Any) -> Iterator[Command]:
        known = dict.fromkeys((*self._model.services, *self._services))
        for key in known:
            if key not in self._services or self._services[key] is not None:
                self._forget(key)
                yield c.RemoveService(key)

    def _add_server(self, message: Any) -> Iterator[Command]:
        key, server = _key(message), endpoint(message.server)
        settings = self._servers[key, server] = patched(ServerSettings(), message.settings)
        yield c.AddServer(key, server, settings)

    def _edit_server(self, message: Any) -> Iterator[Command]:
        yield self._edited(message, patched(self._server_of(message), message.settings))

    def _drain_server(self, message: Any) -> Iterator[Command]:
        key, server = _key(message), endpoint(message.server)
        self._servers[key, server] = replace(self._server_of(message), weight=0)
        yield c.DrainServer(key, server, _within(message))

    def _drain_service(self, message: Any) -> Iterator[Command]:
        key = _key(message)
        self._drained(key)
        yield c.DrainService(key, _within(message))

    def _drain_all(self, message: Any) -> Iterator[Command]:
        for key in (*self._model.services, *self._services):
            self._drained(key)
        yield c.DrainAll(_within(message))

    def _drained(self, key: ServiceKey) -> None:
        """What the servers of a service are when the commands so far are carried out, has weight 0."""
        declared = self._model.services.get(key)
        servers = declared.servers if declared is not None and self._services.get(key, 0) is not None else {}
        known = {(key, server): settings for server, settings in servers.items()}
        known |= {name: settings for name, settings in self._servers.items() if name[0] == key}
        self._servers |= {name: replace(settings, weight=0) for name, settings in known.items()}

    def _edited(self, message: Any, settings: ServerSettings) -> Command:
        key, server = _key(message), endpoint(message.server)
        self._servers[key, server] = settings
        return c.EditServer(key, server, settings)

    def _server_of(self, message: Any) -> ServerSettings:
        key, server = _key(message), endpoint(message.server)
        declared = self._model.services.get(key)
        known = declared.servers.get(server) if declared is not None else None
        return self._servers.get((key, server), known or ServerSettings())

    def _edit_globals(self, message: Any) -> Iterator[Command]:
        self._settings = patched(self._settings, message)
        yield c.EditGlobals(self._settings)

    def _add_interface(self, message: Any) -> Iterator[Command]:
        interface = made(Interface, message)
        self._interfaces[interface.number] = interface
        yield c.AddInterface(interface)

    def _edit_interface(self, message: Any) -> Iterator[Command]:
        known = self._interfaces.get(interface_number(message.port, message.vlan))
        interface = made(Interface, message) if known is None else patched(known, message)
        self._interfaces[interface.number] = interface
        yield c.EditInterface(interface)


def _of(message: Any) -> ServiceKey | None:
    """The service of a message that may be of all of them. Raises ValueError."""
    return _key(message) if message.virtual or message.protocol else None


def _prefixes(texts: Iterable[str]) -> frozenset[Prefix]:
    return frozenset(map(parse_prefix, texts))


def _edited_access(message: Any) -> Iterator[Command]:
    lists = _prefixes(message.deny), _prefixes(message.allow)
    yield c.EditAccess(_of(message), Access(deny=lists[0], allow=lists[1], refused=message.refused or OPEN.refused))


def _removed_prefixes(message: Any) -> Iterator[Command]:
    if message.refused:
        raise ValueError("refused is set, and not removed")
    yield c.RemovePrefixes(_of(message), _prefixes(message.deny), _prefixes(message.allow))


def counted(access: Access) -> Json:
    """As a message AccessCount."""
    return {"deny": len(access.deny), "allow": len(access.allow), "refused": access.refused}


def _within(message: Any) -> float | None:
    return message.within if message.HasField("within") else None


def _key(message: Any) -> ServiceKey:
    return service_key(message.protocol, message.virtual)


def _defaults(key: ServiceKey) -> ServiceSettings:
    return ServiceSettings(established_timeout=BY_NUMBER[key[0]].established_timeout)


_TRANSLATE: Mapping[str, Callable[[Translation, Any], Iterable[Command]]] = {
    "add_service": Translation._add_service,
    "edit_service": Translation._edit_service,
    "remove_service": Translation._remove_service,
    "clear": Translation._clear,
    "add_server": Translation._add_server,
    "edit_server": Translation._edit_server,
    "drain_server": Translation._drain_server,
    "drain_service": Translation._drain_service,
    "drain_all": Translation._drain_all,
    "remove_server": lambda _, m: (c.RemoveServer(_key(m), endpoint(m.server)),),
    "arrange_servers": lambda _, m: (c.ArrangeServers(_key(m), tuple(endpoint(each) for each in m.servers)),),
    "add_local": lambda _, m: (c.AddLocal(_key(m), _address(m.local)),),
    "remove_local": lambda _, m: (c.RemoveLocal(_key(m), _address(m.local)),),
    "arrange_locals": lambda _, m: (c.ArrangeLocals(_key(m), tuple(_address(each) for each in m.locals)),),
    "add_interface": Translation._add_interface,
    "edit_interface": Translation._edit_interface,
    "remove_interface": lambda _, m: (c.RemoveInterface(m.port, m.vlan),),
    "add_route": lambda _, m: (c.AddRoute(made(StaticRoute, m)),),
    "edit_route": lambda _, m: (c.EditRoute(made(StaticRoute, m)),),
    "remove_route": lambda _, m: (c.RemoveRoute(addresses.network(m.prefix)),),
    "edit_globals": Translation._edit_globals,
    "edit_access": lambda _, m: _edited_access(m),
    "add_prefixes": lambda _, m: (c.AddPrefixes(_of(m), _prefixes(m.deny), _prefixes(m.allow), m.refused),),
    "remove_prefixes": lambda _, m: _removed_prefixes(m),
    "end_refused": lambda _, m: (c.EndRefused(_of(m)),),
}
"""By the name of the command in its message: a test compares them."""

OPERATORS = frozenset({"drain_server", "drain_service", "drain_all"})
"""Commands that an operator may give; edit_server as well, of the weight alone."""


def is_operators(command: Any) -> bool:
    """Whether an operator may give this message Command."""
    which = command.WhichOneof("command")
    if which == "edit_server":
        return [field.name for field, _ in command.edit_server.settings.ListFields()] in ([], ["weight"])
    return which in OPERATORS


def locals_of(model: Model, key: ServiceKey) -> list[str]:
    declared = model.services.get(key)
    return [text(local) for local in declared.locals] if declared is not None else []


def network(model: Model) -> Json:
    """As a message Network."""
    return {
        "globals": shown(model.settings),
        "interfaces": [shown(interface) for interface in model.interfaces.values()],
        "routes": [shown(route) for route in model.routes.values()],
        "access": counted(model.access),
    }
