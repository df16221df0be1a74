"""Changes per second between two answers to ``stats``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

SERVED = ("connections", "unanswered", "in_packets", "out_packets", "in_bytes", "out_bytes")
"""Counters of services and real servers."""
_LOCAL = ("connections", "conflicts", "exhausted")
_GROUPS = ("drops", "punts", "toa", "cookies")
_PRESENT = ("sessions", "templates")
"""What the controller tells beside its counters."""


def service_rows(found: Json) -> list[tuple[str, Json]]:
    """A name and the values of every service, each followed by its servers."""
    rows = []
    for service in found["services"]:
        name = f"{service['protocol'].upper()} {service['virtual']}"
        rows.append((f"{name} {service['scheduler']}", service))
        rows.extend((f"  -> {server['server']}", {"parent": name, **server}) for server in service["servers"])
    return rows


def key_of(name: str, values: Json) -> str:
    """What :func:`rates` calls a row of :func:`service_rows`. A server that changes its mode is there twice."""
    return f"{values['parent']}{name} {values['mode']}" if "parent" in values else name


def rates(before: Json, after: Json, seconds: float) -> Json:
    """Changes per second of everything that is counted: ``services`` by service ("TCP a:p rr") and server
    ("TCP a:p  -> b:q mode"), ``refused`` by service and reason, ``local_addresses`` by address, the switch's packets
    and bytes by reason, and the counters of ``controller`` and ``switch`` by name."""

    def changes(old: Mapping[str, Any], new: Mapping[str, Any], names: Iterable[str]) -> Json:
        return {name: _rate(new[name] - old.get(name, 0), seconds) for name in names}

    def cells(group: str) -> Json:
        return {reason: changes(before[group].get(reason, {}), cell, cell) for reason, cell in after[group].items()}

    def counters(group: str, without: Iterable[str] = ()) -> Json:
        names = [name for name, value in after[group].items() if isinstance(value, int) and name not in without]
        return changes(before[group], after[group], names)

    services = {key_of(name, values): values for name, values in service_rows(before)}
    locals_ = {local["address"]: local for local in before["local_addresses"]}
    return {
        "services": {
            key_of(name, values): changes(services.get(key_of(name, values), {}), values, SERVED)
            for name, values in service_rows(after)
        },
        "refused": {
            key_of(name, values): changes(
                services.get(key_of(name, values), {}).get("refused", {}), values["refused"], values["refused"]
            )
            for name, values in service_rows(after)
            if "refused" in values
        },
        "local_addresses": {
            local["address"]: changes(locals_.get(local["address"], {}), local, _LOCAL)
            for local in after["local_addresses"]
        },
        **{group: cells(group) for group in _GROUPS},
        "controller": counters("controller", without=_PRESENT),
        "switch": counters("switch"),
    }


def _rate(change: float, seconds: float) -> float:
    """Nothing that is counted goes down but by a new beginning."""
    value = max(0, change) / seconds
    return round(value, 1 if value >= 1 else 3)
