"""Sections ``[[switch]]`` of the configuration file: the switches of the group, or of the groups that services are
spread over (:mod:`fullnat.config.groups`). Without any there is one switch, where the command line says.

With ``[[switch.interface]]`` each has a network of its own, and all forward; else they are on one network, and one is
active."""

from __future__ import annotations

import re
import socket
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from os.path import normpath
from typing import TYPE_CHECKING, Any

from fullnat.compiled import TARGETS
from fullnat.config import bgp, scalars
from fullnat.config.addresses import mac_text
from fullnat.config.errors import Problems, Where
from fullnat.config.model import Config, Interface, StaticRoute
from fullnat.config.networks import network
from fullnat.config.roles import place
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.config.sections import section, tables
from fullnat.config.servers import SwitchSettings, all_forward, is_grpc

if TYPE_CHECKING:
    from fullnat.config.groups import Group

MOST = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def switch_name(value: Any) -> str:
    """Of a switch, or of a group of them."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name of up to 32 letters, digits, dots, dashes and underscores")
    return value


def _grpc(value: Any) -> str:
    if not isinstance(value, str) or not is_grpc(value):
        raise ValueError(f"{value!r} is neither HOST:PORT nor unix:PATH")
    return value


SWITCH: dict[str, tuple[Convert, Any]] = {
    "name": (switch_name, REQUIRED),
    "grpc_addr": (_grpc, ""),
    "device_id": (scalars.integer(0, (1 << 63) - 1), 1),
    "target": (scalars.one_of(*TARGETS), ""),
    "embedded": (scalars.boolean, False),
    "group": (switch_name, ""),
}
OF_SERVICE: dict[str, tuple[Convert, Any]] = {"group": SWITCH["group"]}
"""What a service says of switches."""


def member(name: str, grpc_addr: str, device_id: int | None = None) -> SwitchSettings:
    """One that is told by a command. Raises ValueError."""
    convert, default = SWITCH["device_id"]
    number = default if device_id is None else convert(device_id)
    return SwitchSettings(name=switch_name(name), grpc_addr=_grpc(grpc_addr), device_id=number)


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
    return SwitchSettings(**found, interfaces=interfaces, routes=routes, bgp=speaker, said=where)


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


def networks(config: Config, within: Where = ()) -> list[tuple[Where, Config]]:
    """Each network that the services are reached by: the configuration as one switch has it, and the section that says
    so. Of one switch, and of several on one network, it is the configuration itself, of the section ``within``."""
    if not all_forward(config.switches):
        return [(within, config)]
    return [
        (each.said, replace(config, interfaces=each.interfaces, routes=each.routes))
        for each in config.switches
        if each.interfaces
    ]


def check(config: Config, problems: Problems, target: str) -> None:
    """What is wrong between the sections; ``target`` is that of the command line."""
    for number, each in enumerate(config.switches):
        if each.target not in ("", target):
            problems.add(each.said, "target", f"{each.target} is another program than {target}, which the others run")
        if config.groups and not each.group:
            problems.add(each.said, "group", f"is missing: there are {', '.join(one.name for one in config.groups)}")
        for key, same in _APART.items():
            first = next((other for other in config.switches[:number] if same(other, each)), None)
            if first is not None:
                problems.add(each.said, key, f"is already that of switch {first.said[-1][1]}")
    _check_addresses((*config.switches, *config.groups), problems)
    if not config.groups:
        for number, virtual in enumerate(config.virtual_servers, 1):
            if virtual.group:
                problems.add(place(virtual, number), "group", "there are no groups: no [[switch]] has one")
        _check_group(config.switches, config.interfaces, config.routes, (), problems)
        return
    for kind in ("interface", "route"):
        if getattr(config, f"{kind}s"):
            problems.add(((kind, 1),), "", f"is of no group: here it is [[group.{kind}]] or [[switch.{kind}]]")
    for group in config.groups:
        members = [each for each in config.switches if each.group == group.name]
        _check_group(members, group.interfaces, group.routes, group.said, problems)
        if not members:
            problems.add(group.said, "name", f'no [[switch]] has group = "{group.name}"')
        elif not group.interfaces and not all_forward(members):
            said = "is missing: the switches of a group share [[group.interface]], or each has its [[switch.interface]]"
            problems.add(group.said or members[0].said, "interface", said)


def _check_group(
    switches: Sequence[SwitchSettings],
    interfaces: Sequence[Interface],
    routes: Sequence[StaticRoute],
    where: Where,
    problems: Problems,
) -> None:
    """Of switches that are one group, with what the section ``where`` says for all of them."""
    if len(switches) > MOST:
        problems.add(switches[MOST].said, "name", f"a group has {MOST} switches at most")
    for each in switches:
        _check_network(switches, each, problems)
    for kind, shared in (("interface", interfaces), ("route", routes)) if all_forward(switches) else ():
        if shared:
            said = f"is of all switches, and each has its own [[switch.{kind}]]"
            problems.add((*where, (kind, 1)), "", said)


def _check_network(switches: Sequence[SwitchSettings], switch: SwitchSettings, problems: Problems) -> None:
    """What is wrong with its network of its own, as far as it is not with any network."""
    where = switch.said
    if not all_forward(switches):
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
    elif ports != {interface.number for interface in switches[0].interfaces}:
        first = switches[0].said[-1][1]
        said = f"are of other ports than those of switch {first}: what came in by one may go on by another"
        problems.add(where, "interface", said)
    if switch.bgp is not None:
        bgp.check(switch.bgp, switch.interfaces, (*where, ("bgp", 1)), problems)


def _check_addresses(owners: Iterable[SwitchSettings | Group], problems: Problems) -> None:
    """Of the interfaces of switches, or of groups: what would lead to another switch than was meant."""
    seen: dict[Hashable, Where] = {}
    for owner in owners:
        for index, interface in enumerate(owner.interfaces, 1):
            where: Where = (*owner.said, ("interface", index))
            for own in interface.addresses:
                if (first := seen.setdefault(own.ip, owner.said)) != owner.said:
                    problems.add(where, "address", f"{own.ip} is already that of {_named(first)}")
                if (first := seen.setdefault((interface.mac, own.network), owner.said)) != owner.said:
                    mac = mac_text(interface.mac)
                    problems.add(where, "mac", f"{mac} is already that of {_named(first)} in {own.network}")


def _named(where: Where) -> str:
    """A switch or a group, by its number."""
    section, number = where[-1]
    return f"{section} {number}"


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
    return not new.embedded and (_place(old), old.device_id) == (_place(new), new.device_id)


def _place(switch: SwitchSettings) -> str:
    """Its address, however it is written: a controller with two connections to a switch outbids itself."""
    kind, colon, path = switch.grpc_addr.partition(":")
    if kind == "unix":
        return kind + colon + normpath(path)
    host, _, port = switch.grpc_addr.rpartition(":")
    return f"{_HERE if _is_here(host.lower()) else host.lower()}:{port}"


def _is_here(host: str) -> bool:
    """Whether it is this machine: any address of 127.0.0.0/8 or 0.0.0.0, however short, or the same of IPv6."""
    if host in ("localhost", "[::1]", "[::]"):
        return True
    try:
        address = socket.inet_aton(host)
    except (OSError, ValueError):
        return False
    return address[0] == 127 or not any(address)


def _both_embedded(old: SwitchSettings, new: SwitchSettings) -> bool:
    """A process has one at most, and each group a process of its own."""
    return old.embedded and new.embedded and old.group == new.group


_HERE = "127.0.0.1"
_APART = {"name": _same_name, "grpc_addr": _same_place, "embedded": _both_embedded}
"""By option, in what no two switches may be the same."""
