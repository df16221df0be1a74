"""Commands to the core in words, one line each: for logs, dry runs and whoever asked for a reload."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from fullnat.core import commands
from fullnat.core.commands import Command
from fullnat.core.model import Model
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.net.flow import text

_VERBS = {
    "Add": "added",
    "Edit": "changed",
    "Remove": "removed",
    "Arrange": "put into another order",
    "Drain": "draining",
}
_NOUNS = {
    "Service": "virtual server",
    "Server": "real server",
    "Servers": "real servers",
    "Local": "local address",
    "Locals": "local addresses",
    "Interface": "[[interface]] of port",
    "Route": "route to",
    "Globals": "options of all services",
    "All": "all virtual servers",
}


def described(changes: Iterable[Command], before: Model) -> list[str]:
    """``changes`` to what was ``before``; of what is edited, the options that are others now."""
    return [_line(change, before) for change in changes]


def _line(change: Command, before: Model) -> str:
    name = type(change).__name__
    verb = next(verb for verb in _VERBS if name.startswith(verb))
    noun = _NOUNS[name.removeprefix(verb)]
    service = ""
    if (key := getattr(change, "service", None)) is not None:
        service = f"{BY_NUMBER[key[0]].name} {key[1]}"
    what = _what(change)
    words = [f"{noun} {what}" if what else noun] if service and noun != "virtual server" else []
    subject = ", ".join([f"virtual server {service}", *words]) if service else f"{noun} {what}".rstrip()
    return f"{subject}: {_VERBS[verb]}{_difference(change, before)}"


def _what(change: Command) -> str:
    """The name of what is changed, in its service."""
    match change:
        case commands.AddServer() | commands.EditServer() | commands.RemoveServer() | commands.DrainServer():
            return str(change.server)
        case commands.AddLocal() | commands.RemoveLocal():
            return text(change.local)
        case commands.AddInterface() | commands.EditInterface():
            return str(change.interface.port)
        case commands.RemoveInterface():
            return str(change.port)
        case commands.AddRoute() | commands.EditRoute():
            return str(change.route.prefix)
        case commands.RemoveRoute():
            return str(change.prefix)
    return ""


def _difference(change: Command, before: Model) -> str:
    """Of what is edited, the options that are others now. What the same batch has added is not ``before``."""
    match change:
        case commands.EditGlobals(settings):
            pair: tuple[Any, Any] = before.settings, settings
        case commands.EditService(service, settings):
            declared = before.services.get(service)
            pair = declared and declared.settings, settings
        case commands.EditServer(service, server, settings):
            declared = before.services.get(service)
            pair = declared and declared.servers.get(server), settings
        case commands.EditInterface(interface):
            pair = before.interfaces.get(interface.port), interface
        case commands.EditRoute(route):
            pair = before.routes.get(route.prefix), route
        case commands.DrainServer() | commands.DrainService() | commands.DrainAll():
            return "" if change.within is None else f" (for {change.within:g} s)"
        case _:
            return ""
    old, new = pair
    changed = _changed(old, new) if old is not None else []
    return f" ({', '.join(changed)})" if changed else ""


def _changed(old: Any, new: Any, prefix: str = "") -> list[str]:
    found = []
    for each in fields(new):
        was, now = getattr(old, each.name), getattr(new, each.name)
        if was == now:
            continue
        if each.name == "checks":
            found.append("checks are others" if was and now else "checked no more" if was else "checked")
        elif is_dataclass(was) and is_dataclass(now):
            found += _changed(was, now, f"{each.name}.")
        else:
            found.append(f"{prefix}{each.name} {_word(was)} -> {_word(now)}")
    return found


def _word(value: Any) -> str:
    if is_dataclass(value):
        return "of its own"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
