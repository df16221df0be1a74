"""Commands to the core in words, for the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from fullnat.core import commands
from fullnat.core.commands import Command
from fullnat.core.model import Model
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.net.flow import text

SHOWN = 20
"""Changes that the log names one by one."""
_VERBS = {"Add": "added", "Edit": "changed", "Remove": "removed", "Arrange": "put into another order"}
_NOUNS = {
    "Service": "virtual server",
    "Server": "real server",
    "Servers": "real servers",
    "Local": "local address",
    "Locals": "local addresses",
    "Interface": "[[interface]] of port",
    "Route": "route to",
    "Globals": "options of all services",
}


class Changes(NamedTuple):
    number: int
    lines: tuple[str, ...]
    """What they are, one line each, of the first :data:`SHOWN`."""


def described(changes: Sequence[Command], before: Model) -> Changes:
    """``changes`` to what was ``before``."""
    return Changes(len(changes), tuple(_line(change, before) for change in changes[:SHOWN]))


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
        case commands.AddServer() | commands.EditServer() | commands.RemoveServer():
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
    """Of what is edited, the options that are others now."""
    pair: tuple[Any, Any]
    match change:
        case commands.EditGlobals(settings):
            pair = before.settings, settings
        case commands.EditService(service, settings):
            pair = before.services[service].settings, settings
        case commands.EditServer(service, server, settings):
            pair = before.services[service].servers[server], settings
        case commands.EditInterface(interface):
            pair = before.interfaces[interface.port], interface
        case commands.EditRoute(route):
            pair = before.routes[route.prefix], route
        case _:
            return ""
    old, new = pair
    names = [each.name for each in fields(new) if getattr(old, each.name) != getattr(new, each.name)]
    return f" ({', '.join(names)})"
