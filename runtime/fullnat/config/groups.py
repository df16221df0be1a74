"""Sections ``[[group]]`` of the configuration file: groups of switches that services are spread over. A group is there
when a ``[[switch]]`` names it; its section says what its switches and services share, where they share something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fullnat.config import addresses
from fullnat.config.errors import Problems, Where
from fullnat.config.model import Interface, IpAddress, StaticRoute
from fullnat.config.networks import network
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.config.sections import section, tables
from fullnat.config.servers import SwitchSettings
from fullnat.config.switches import switch_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    controller: str = ""
    """Where its controller is, in words for operators."""
    local_addresses: tuple[IpAddress, ...] = ()
    """Those of its services that name none."""
    interfaces: tuple[Interface, ...] = ()
    """Of all of its switches; none: each has its own."""
    routes: tuple[StaticRoute, ...] = ()
    said: Where = field(default=(), compare=False)
    """Its section; none: a switch alone names it."""


def _words(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is not one line of text")
    return value


GROUP: dict[str, tuple[Convert, Any]] = {
    "name": (switch_name, REQUIRED),
    "controller": (_words, ""),
    "local_addresses": (addresses.addresses, ()),
}


def sections(
    document: Mapping[str, Any], switches: Sequence[SwitchSettings], problems: Problems, top: Where
) -> tuple[Group, ...]:
    """The groups of ``document``, those that have a section first, and then as its ``switches`` name them."""
    found: dict[str, Group] = {}
    for where, table in tables(document, "group", problems, top):
        values = section(table, GROUP, problems, where, ("interface", "route"))
        interfaces, routes = network(table, problems, where)
        if values is None:
            continue
        if values["name"] in found:
            problems.add(where, "name", f"there is a group {values['name']} already")
        found[values["name"]] = Group(**values, interfaces=interfaces, routes=routes, said=where)
    named = dict.fromkeys(each.group for each in switches if each.group)
    return (*found.values(), *(Group(name=name) for name in named if name not in found))
