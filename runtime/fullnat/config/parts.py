"""A configuration with groups, taken apart: what the controller of each group runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from fullnat.config.errors import ConfigError, Where
from fullnat.config.groups import Group
from fullnat.config.model import Config, VirtualServer
from fullnat.config.roles import place
from fullnat.config.share import ALONE, Share
from fullnat.config.spread import name_of
from fullnat.words import quoted


class Part(NamedTuple):
    """What the controller of one group runs, and what it knows of the others. Without groups it is the configuration,
    and there is nothing to know."""

    config: Config
    share: Share = ALONE
    within: Where = ()
    """The section that its interfaces and routes are of."""


def every(config: Config) -> Iterator[Part]:
    """That of each group, which is a configuration without groups; of one that is so already itself."""
    if (found := config.spread) is None:
        yield Part(config)
        return
    services: dict[str, list[VirtualServer]] = {name: [] for name in found.names}
    for number, virtual in enumerate(config.virtual_servers, 1):
        if (name := found.services.get(name_of(virtual))) is not None:
            services[name].append(replace(virtual, said=place(virtual, number)))
    for group in config.groups:
        own = replace(
            config,
            interfaces=group.interfaces,
            routes=group.routes,
            virtual_servers=tuple(_with_locals(each, group) for each in services[group.name]),
            switches=tuple(replace(each, group="") for each in config.switches if each.group == group.name),
            groups=(),
            spread=None,
        )
        yield Part(own, Share(found, group.name), group.said)


def _with_locals(virtual: VirtualServer, group: Group) -> VirtualServer:
    """With the group's local addresses, if it needs some and names none; without the group, which it has by now."""
    modes = {real.mode or virtual.mode for real in virtual.real_servers} or {virtual.mode}
    needs = virtual.sessions and not virtual.local_addresses and any(mode.has_own_numbers for mode in modes)
    return replace(virtual, group="", local_addresses=group.local_addresses if needs else virtual.local_addresses)


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
