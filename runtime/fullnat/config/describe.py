"""Changes of the model in words, one line a command: for logs, dry runs and whoever asked for a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from fullnat.core import commands as c
from fullnat.core.commands import Command
from fullnat.core.draft import name
from fullnat.core.model import Model
from fullnat.net.flow import text


def described(commands: Iterable[Command], before: Model) -> list[str]:
    """A line for each of ``commands``; what an edit changes is told with what ``before`` has."""
    return [_WORDS[type(command)](command, before) for command in commands]


def _changes(old: Any, new: Any, prefix: str = "") -> list[str]:
    """What two settings of one kind differ in: "weight 1 -> 3"."""
    found = []
    for each in fields(new):
        was, now = getattr(old, each.name, None), getattr(new, each.name)
        if was == now:
            continue
        if is_dataclass(was) and is_dataclass(now):
            found += _changes(was, now, f"{each.name}.")
        else:
            found.append(f"{prefix}{each.name} {_word(was)} -> {_word(now)}")
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return str(value.value) if isinstance(value, Enum) else "own" if is_dataclass(value) else str(value)


def _edited(what: str, old: Any, new: Any) -> str:
    changes = _changes(old, new) if old is not None else []
    return f"edit {what}" + (f": {', '.join(changes)}" if changes else "")


def _edit_service(command: c.EditService, model: Model) -> str:
    declared = model.services.get(command.service)
    return _edited(name(command.service), declared and declared.settings, command.settings)


def _server(command: Any) -> str:
    return f"real server {command.server} of {name(command.service)}"


def _edit_server(command: c.EditServer, model: Model) -> str:
    declared = model.services.get(command.service)
    return _edited(_server(command), declared and declared.servers.get(command.server), command.settings)


def _local(command: Any) -> str:
    return f"local address {text(command.local)} of {name(command.service)}"


_WORDS: Mapping[type, Callable[[Any, Model], str]] = {
    c.AddService: lambda command, _: f"add {name(command.service)}",
    c.EditService: _edit_service,
    c.RemoveService: lambda command, _: f"remove {name(command.service)}",
    c.AddServer: lambda command, _: f"add {_server(command)}",
    c.EditServer: _edit_server,
    c.RemoveServer: lambda command, _: f"remove {_server(command)}",
    c.ArrangeServers: lambda command, _: f"arrange the real servers of {name(command.service)}",
    c.AddLocal: lambda command, _: f"add {_local(command)}",
    c.RemoveLocal: lambda command, _: f"remove {_local(command)}",
    c.ArrangeLocals: lambda command, _: f"arrange the local addresses of {name(command.service)}",
    c.AddInterface: lambda command, _: f"add the interface of port {command.interface.port}",
    c.EditInterface: lambda command, model: _edited(
        f"the interface of port {command.interface.port}",
        model.interfaces.get(command.interface.port),
        command.interface,
    ),
    c.RemoveInterface: lambda command, _: f"remove the interface of port {command.port}",
    c.AddRoute: lambda command, _: f"add the route to {command.route.prefix}",
    c.EditRoute: lambda command, model: _edited(
        f"the route to {command.route.prefix}", model.routes.get(command.route.prefix), command.route
    ),
    c.RemoveRoute: lambda command, _: f"remove the route to {command.prefix}",
    c.EditGlobals: lambda command, model: _edited("the settings of all services", model.settings, command.settings),
}
"""Of every command: a test compares them."""
