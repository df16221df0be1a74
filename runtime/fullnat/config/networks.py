"""Sections ``[[interface]]`` and ``[[route]]``, of the configuration or of one switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fullnat.config import addresses, scalars
from fullnat.config.errors import Problems, Where
from fullnat.config.model import Interface, StaticRoute
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.config.sections import section, tables
from fullnat.core.declared.values import MTUS, SWITCH_PORTS
from fullnat.net.vlan import VLANS

INTERFACE: dict[str, tuple[Convert, Any]] = {
    "port": (scalars.integer(*SWITCH_PORTS), REQUIRED),
    "mac": (addresses.mac, REQUIRED),
    "address": (addresses.interface_addresses, REQUIRED),
    "mtu": (scalars.integer(*MTUS), 1500),
    "vlan": (scalars.integer(*VLANS), 0),
}
ROUTE: dict[str, tuple[Convert, Any]] = {
    "prefix": (addresses.network, REQUIRED),
    "gateway": (addresses.address, None),
    "drop": (scalars.boolean, False),
}


def network(
    table: Mapping[str, Any], problems: Problems, where: Where
) -> tuple[tuple[Interface, ...], tuple[StaticRoute, ...]]:
    """Those sections of ``table`` that nothing is wrong with."""
    interfaces = tuple(
        Interface(**found | {"address": found["address"][0], "further": found["address"][1:]})
        for below, item in tables(table, "interface", problems, where)
        if (found := section(item, INTERFACE, problems, below)) is not None
    )
    routes = tuple(
        StaticRoute(prefix=found["prefix"], gateway=found["gateway"])
        for below, item in tables(table, "route", problems, where)
        if (found := _route(item, problems, below)) is not None
    )
    return interfaces, routes


def _route(table: Mapping[str, Any], problems: Problems, where: Where) -> dict[str, Any] | None:
    found = section(table, ROUTE, problems, where)
    if found is not None and (found["gateway"] is None) == (not found["drop"]):
        problems.add(where, "gateway", "a route has either a gateway or drop = true")
        return None
    return found
