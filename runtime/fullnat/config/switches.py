"""Sections ``[[switch]]`` of the configuration file: the switches of the group, of which one is active. Without any
there is one switch, where the command line says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fullnat.compiled import TARGETS
from fullnat.config import scalars
from fullnat.config.errors import Problems, Where
from fullnat.config.model import Config
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.config.servers import SwitchSettings, is_grpc

MOST = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name of up to 32 letters, digits, dots, dashes and underscores")
    return value


def _grpc(value: Any) -> str:
    if not isinstance(value, str) or not is_grpc(value):
        raise ValueError(f"{value!r} is neither HOST:PORT nor unix:PATH")
    return value


SWITCH: dict[str, tuple[Convert, Any]] = {
    "name": (_name, REQUIRED),
    "grpc_addr": (_grpc, ""),
    "device_id": (scalars.integer(0, (1 << 63) - 1), 1),
    "target": (scalars.one_of(*TARGETS), ""),
    "embedded": (scalars.boolean, False),
}


def member(name: str, grpc_addr: str, device_id: int | None = None) -> SwitchSettings:
    """One that is told by a command. Raises ValueError."""
    convert, default = SWITCH["device_id"]
    number = default if device_id is None else convert(device_id)
    return SwitchSettings(name=_name(name), grpc_addr=_grpc(grpc_addr), device_id=number)


def switch(found: Mapping[str, Any], where: Where, problems: Problems) -> SwitchSettings:
    """One section, whose values are right each by itself."""
    if found["embedded"] and found["grpc_addr"]:
        problems.add(where, "grpc_addr", "is where a switch is connected to, and an embedded one is in this process")
    elif not found["embedded"] and not found["grpc_addr"]:
        problems.add(where, "grpc_addr", "is missing")
    return SwitchSettings(**found)


def check(config: Config, problems: Problems, target: str) -> None:
    """What is wrong between the sections; ``target`` is that of the command line."""
    switches = config.switches
    if len(switches) > MOST:
        problems.add((("switch", MOST + 1),), "name", f"a group has {MOST} switches at most")
    for number, each in enumerate(switches, 1):
        where: Where = (("switch", number),)
        before = switches[: number - 1]
        if each.target not in ("", target):
            problems.add(where, "target", f"{each.target} is another program than {target}, which the others run")
        for key, same in _APART.items():
            first = next((other for other, old in enumerate(before, 1) if same(old, each)), None)
            if first is not None:
                problems.add(where, key, f"is already that of switch {first}")


def apart(switches: Sequence[SwitchSettings]) -> list[str]:
    """Why these cannot be one group, as :func:`check` finds it."""
    if len(switches) > MOST:
        return [f"a group has {MOST} switches at most"]
    return [
        f"switch {new.name}: {key} is already that of switch {old.name}"
        for number, new in enumerate(switches)
        for old in switches[:number]
        for key, same in _APART.items()
        if same(old, new)
    ]


def _same_name(old: SwitchSettings, new: SwitchSettings) -> bool:
    return old.name == new.name


def _same_place(old: SwitchSettings, new: SwitchSettings) -> bool:
    return not new.embedded and (old.grpc_addr, old.device_id) == (new.grpc_addr, new.device_id)


def _both_embedded(old: SwitchSettings, new: SwitchSettings) -> bool:
    """A process has one at most."""
    return old.embedded and new.embedded


_APART = {"name": _same_name, "grpc_addr": _same_place, "embedded": _both_embedded}
"""By option, in what no two switches may be the same."""
