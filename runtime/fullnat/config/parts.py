"""A configuration with groups, taken apart: what the controller of each group runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from fullnat.config.errors import ConfigError
from fullnat.config.groups import Group
from fullnat.config.model import Config, VirtualServer
from fullnat.config.roles import place
from fullnat.config.share import ALONE, Share
from fullnat.config.spread import Spread, name_of, spread
from fullnat.words import quoted


class Part(NamedTuple):
    """What the controller of one group runs, and what it knows of the others. Without groups it is the configuration,
    and there is nothing to know."""

    config: Config
    share: Share = ALONE


def parts(config: Config, found: Spread) -> Iterator[Part]:
    """That of each group."""
    numbered = [replace(each, said=place(each, number)) for number, each in enumerate(config.virtual_servers, 1)]
    for group in config.groups:
        services = (each for each in numbered if found.services.get(name_of(each)) == group.name)
        switches = (each for each in config.switches if each.group == group.name)
        own = replace(
            config,
            interfaces=group.interfaces,
            routes=group.routes,
            virtual_servers=tuple(_with_locals(each, group) for each in services),
            switches=tuple(replace(each, group="") for each in switches),
            groups=(group,),
        )
        yield Part(own, Share(found, group.name))


def _with_locals(virtual: VirtualServer, group: Group) -> VirtualServer:
    """With the group's local addresses, if it needs some and names none; without the group, which it has by now."""
    modes = {real.mode or virtual.mode for real in virtual.real_servers} or {virtual.mode}
    needs = virtual.sessions and not virtual.local_addresses and any(mode.has_own_numbers for mode in modes)
    return replace(virtual, group="", local_addresses=group.local_addresses if needs else virtual.local_addresses)


def every(config: Config) -> list[Part]:
    """All that there are: of a configuration without groups one."""
    return list(parts(config, spread(config))) if config.groups else [Part(config)]


def part(config: Config, name: str) -> Part:
    """That of the group ``name``; "": there are no groups. Raises ConfigError."""
    names = [group.name for group in config.groups]
    if not names and not name:
        return Part(config)
    known = f"there are {', '.join(names)}" if names else "no [[switch]] has one"
    if not name:
        raise ConfigError([f"which group is this controller's? {known} (fullnat run --group)"])
    if name not in names:
        raise ConfigError([f"there is no group {quoted(name)}; {known}"])
    return next(each for each in every(config) if each.share.own == name)
