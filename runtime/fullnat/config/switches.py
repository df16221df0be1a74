"""Sections ``[[switch]]`` of the configuration file: the switches of the group. Without any there is one switch, where
the command line says.

With ``[[switch.interface]]`` each has a network of its own, and all forward; else they are on one network, and one is
active."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fullnat.compiled import TARGETS
from fullnat.config import bgp, scalars
from fullnat.config.addresses import mac_text
from fullnat.config.errors import Problems, Where
from fullnat.config.model import Config
from fullnat.config.networks import network
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.config.sections import section, tables
from fullnat.config.servers import SwitchSettings, all_forward, is_grpc

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


def sections(document: Mapping[str, Any], problems: Problems, top: Where) -> tuple[SwitchSettings, ...]:
    """All those of ``document``, that nothing is wrong with in itself."""
    found = (_switch(table, where, problems) for where, table in tables(document, "switch", problems, top))
    return tuple(each for each in found if each is not None)


def _switch(table: Mapping[str, Any], where: Where, problems: Problems) -> SwitchSettings | None:
    found = section(table, SWITCH, problems, where, ("interface", "route", "bgp"))
    interfaces, routes = network(table, problems, where)
    speaker = _bgp(table["bgp"], (*where, ("bgp", 1)), problems) if "bgp" in table else None
    if found is None:
        return None
    if found["embedded"] and found["grpc_addr"]:
        problems.add(where, "grpc_addr", "is where a switch is connected to, and an embedded one is in this process")
    elif not found["embedded"] and not found["grpc_addr"]:
        problems.add(where, "grpc_addr", "is missing")
    return SwitchSettings(**found, interfaces=interfaces, routes=routes, bgp=speaker)


def _bgp(table: Any, where: Where, problems: Problems) -> bgp.Bgp | None:
    if not isinstance(table, dict):
        problems.add(where[:-1], "bgp", "is a section [switch.bgp]")
        return None
    found = section(table, bgp.BGP, problems, where, ("neighbor",))
    neighbors = [
        bgp.Neighbor(**values)
        for below, item in tables(table, "neighbor", problems, where)
        if (values := section(item, bgp.NEIGHBOR, problems, below)) is not None
    ]
    return None if found is None else bgp.Bgp(**found, neighbors=tuple(neighbors))


def networks(config: Config) -> list[tuple[Where, Config]]:
    """Each network that the services are reached by: the configuration as one switch has it, and the section that says
    so. Of one switch, and of several on one network, it is the configuration itself."""
    if not all_forward(config.switches):
        return [((), config)]
    return [
        ((("switch", number),), replace(config, interfaces=each.interfaces, routes=each.routes))
        for number, each in enumerate(config.switches, 1)
        if each.interfaces
    ]


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
        _check_network(config, each, where, problems)
    _check_addresses(switches, problems)
    for kind in ("interface", "route") if all_forward(switches) else ():
        if getattr(config, f"{kind}s"):
            problems.add(((kind, 1),), "", f"is of all switches, and each has its own [[switch.{kind}]]")


def _check_network(config: Config, switch: SwitchSettings, where: Where, problems: Problems) -> None:
    """What is wrong with its network of its own, as far as it is not with any network."""
    if not all_forward(config.switches):
        if switch.routes:
            problems.add(
                where, "route", "is of a switch without [[switch.interface]], which has all sections [[route]]"
            )
        if switch.bgp is not None:
            problems.add(
                where, "bgp", "is of a switch without [[switch.interface]]: one that stands by announces nothing"
            )
        return
    ports = {interface.number for interface in switch.interfaces}
    if not ports:
        problems.add(where, "interface", "is missing: others of the group have their own [[switch.interface]]")
    elif ports != {interface.number for interface in config.switches[0].interfaces}:
        said = "are of other ports than those of switch 1: what came in by one may go on by another"
        problems.add(where, "interface", said)
    if switch.bgp is not None:
        bgp.check(switch.bgp, switch.interfaces, (*where, ("bgp", 1)), problems)


def _check_addresses(switches: Sequence[SwitchSettings], problems: Problems) -> None:
    """Of their interfaces: what would lead to another switch than was meant."""
    seen: dict[Hashable, int] = {}
    for number, switch in enumerate(switches, 1):
        for index, interface in enumerate(switch.interfaces, 1):
            where: Where = (("switch", number), ("interface", index))
            for own in interface.addresses:
                if (first := seen.setdefault(own.ip, number)) != number:
                    problems.add(where, "address", f"{own.ip} is already that of switch {first}")
                if (first := seen.setdefault((interface.mac, own.network), number)) != number:
                    mac = mac_text(interface.mac)
                    problems.add(where, "mac", f"{mac} is already that of switch {first} in {own.network}")


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
