"""Commands to the core in words, one line each: for logs, dry runs and whoever asked for a reload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from fullnat.config.addresses import mac_text
from fullnat.config.model import Interface, ServerSettings, ServiceSettings
from fullnat.core.declared import commands
from fullnat.core.declared.commands import Command, OfAccess, ServiceKey
from fullnat.core.declared.model import Model
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.net.flow import text
from fullnat.net.vlan import interface_text

_VERBS = {
    "Add": "added",
    "Edit": "changed",
    "Remove": "removed",
    "Arrange": "put into another order",
    "Drain": "draining",
    "End": "ended",
}
_NOUNS = {
    "Service": "virtual server",
    "Server": "real server",
    "Servers": "real servers",
    "Local": "local address",
    "Locals": "local addresses",
    "Access": "who may",
    "Prefixes": "who may",
    "Refused": "sessions of those who may not",
    "Interface": "[[interface]] of port",
    "Route": "route to",
    "Globals": "options of all services",
    "All": "all virtual servers",
}


def described(changes: Iterable[Command], before: Model) -> list[str]:
    """``changes`` to what was ``before``; of what is edited, the options that are others now. A real server that says
    the mode that it has from its service, or leaves it out, is as before."""
    changes = list(changes)
    after = {change.service: change.settings for change in changes if isinstance(change, commands.EditService)}
    lines = []
    for change in changes:
        old, new = _pair(change, before, after)
        if old != new or new is None or not _is_of_mode_alone(change, before):
            lines.append(_line(change, _changed(old, new) if old is not None else []))
    return lines


def _is_of_mode_alone(change: Command, before: Model) -> bool:
    """It says another mode."""
    if not isinstance(change, commands.EditServer):
        return False
    declared = before.services.get(change.service)
    settings = None if declared is None else declared.servers.get(change.server)
    return settings is not None and settings.mode is not change.settings.mode


def _line(change: Command, changed: list[str]) -> str:
    name = type(change).__name__
    verb = next(verb for verb in _VERBS if name.startswith(verb))
    noun = _NOUNS[name.removeprefix(verb)]
    service = ""
    if (key := getattr(change, "service", None)) is not None:
        service = f"{BY_NUMBER[key[0]].name} {key[1]}"
    what = _what(change)
    words = [f"{noun} {what}" if what else noun] if service and noun != "virtual server" else []
    subject = ", ".join([f"virtual server {service}", *words]) if service else f"{noun} {what}".rstrip()
    if isinstance(change, OfAccess) and not service:
        subject = f"{noun} use any service"
    return f"{subject}: {_VERBS[verb]}{_difference(change, changed)}"


def _what(change: Command) -> str:
    """The name of what is changed, in its service."""
    match change:
        case commands.AddServer() | commands.EditServer() | commands.RemoveServer() | commands.DrainServer():
            return str(change.server)
        case commands.AddLocal() | commands.RemoveLocal():
            return text(change.local)
        case commands.AddInterface() | commands.EditInterface():
            return interface_text(change.interface.number)
        case commands.RemoveInterface():
            return interface_text(change.number)
        case commands.AddRoute() | commands.EditRoute():
            return str(change.route.prefix)
        case commands.RemoveRoute():
            return str(change.prefix)
    return ""


def _difference(change: Command, changed: list[str]) -> str:
    match change:
        case commands.AddPrefixes() | commands.RemovePrefixes():
            sets = ("deny", change.deny), ("allow", change.allow)
            return f" ({', '.join(f'{len(found)} in {kind}' for kind, found in sets if found)})"
        case commands.DrainServer() | commands.DrainService() | commands.DrainAll():
            return "" if change.within is None else f" (for {change.within:g} s)"
    return f" ({', '.join(changed)})" if changed else ""


def _pair(change: Command, before: Model, after: Mapping[ServiceKey, ServiceSettings]) -> tuple[Any, Any]:
    """What is edited as it was and as it is with the services ``after`` it; None twice for other changes, and once for
    what the same batch has added."""
    match change:
        case commands.EditAccess(None, access):
            return before.access, access
        case commands.EditAccess(service, access):
            declared = before.services.get(service) if service is not None else None
            return declared and declared.access, access
        case commands.EditGlobals(settings):
            return before.settings, settings
        case commands.EditService(service, settings):
            declared = before.services.get(service)
            return declared and declared.settings, settings
        case commands.EditServer(service, server, settings):
            declared = before.services.get(service)
            if declared is None or (old := declared.servers.get(server)) is None:
                return None, settings
            return _in_effect(old, declared.settings), _in_effect(settings, after.get(service, declared.settings))
        case commands.EditInterface(interface):
            return before.interfaces.get(interface.number), interface
        case commands.EditRoute(route):
            return before.routes.get(route.prefix), route
    return None, None


def _in_effect(settings: ServerSettings, service: ServiceSettings) -> ServerSettings:
    return replace(settings, mode=settings.mode or service.mode)


def _changed(old: Any, new: Any, prefix: str = "") -> list[str]:
    found = []
    before, after = _options(old), _options(new)
    for name, now in after.items():
        was = before[name]
        if was == now:
            continue
        if name == "checks":
            found.append("checks are others" if was and now else "checked no more" if was else "checked")
        elif isinstance(was, frozenset):
            found.append(f"{name} {len(was)} -> {len(now)}: {len(now - was)} new, {len(was - now)} gone")
        elif is_dataclass(was) and is_dataclass(now):
            found += _changed(was, now, f"{name}.")
        else:
            found.append(f"{prefix}{name} {_word(was)} -> {_word(now)}")
    return found


def _options(settings: Any) -> dict[str, Any]:
    """By the names of the file."""
    found = {each.name: getattr(settings, each.name) for each in fields(settings)}
    if isinstance(settings, Interface):
        del found["further"]
        found |= {"address": settings.addresses, "mac": mac_text(settings.mac)}
    return found


def _word(value: Any) -> str:
    match value:
        case None | "" | ():
            return "none"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(map(str, value))
    return "of its own" if is_dataclass(value) else str(value)
