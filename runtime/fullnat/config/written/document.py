"""From the model to the document that the TOML file has: what differs from the defaults, in the file's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from typing import Any

from fullnat.config import bgp, check_options, file, groups, networks, switches
from fullnat.config.addresses import mac_text
from fullnat.config.groups import Group
from fullnat.config.lists import shown
from fullnat.config.model import Check, Config, Interface, RealServer, StaticRoute, Timeouts, VirtualServer
from fullnat.config.servers import SwitchSettings
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.net.match import parse

Section = dict[str, Any]


def document(config: Config) -> Section:
    """What :func:`fullnat.config.file.parse` makes ``config`` of, section by section."""
    found = _section(config, file.GLOBAL)
    if timeouts := _timeouts(config.timeouts, Timeouts()):
        found["timeouts"] = timeouts
    found["interface"] = [_interface(interface) for interface in config.interfaces]
    found["route"] = [_route(route) for route in config.routes]
    found["group"] = [_group(group) for group in config.groups]
    found["switch"] = [_switch(switch) for switch in config.switches]
    found["virtual_server"] = [_virtual_server(virtual, config.timeouts) for virtual in config.virtual_servers]
    return {key: value for key, value in found.items() if value != []}


def _section(of: object, options: Mapping[str, tuple[Any, Any]]) -> Section:
    """The options that differ from their defaults."""
    values = {key: getattr(of, key) for key in options if hasattr(of, key)}
    return {key: plain(value) for key, value in values.items() if value != options[key][1]}


def _switch(switch: SwitchSettings) -> Section:
    section = _section(switch, switches.SWITCH)
    section["interface"] = [_interface(interface) for interface in switch.interfaces]
    section["route"] = [_route(route) for route in switch.routes]
    if switch.bgp is not None:
        neighbors = [_section(neighbor, bgp.NEIGHBOR) for neighbor in switch.bgp.neighbors]
        section["bgp"] = _section(switch.bgp, bgp.BGP) | ({"neighbor": neighbors} if neighbors else {})
    return {key: value for key, value in section.items() if value != []}


def _group(group: Group) -> Section:
    section = _section(group, groups.GROUP)
    section["interface"] = [_interface(interface) for interface in group.interfaces]
    section["route"] = [_route(route) for route in group.routes]
    return {key: value for key, value in section.items() if value != []}


def _interface(interface: Interface) -> Section:
    section = _section(interface, networks.INTERFACE)
    if interface.further:
        section["address"] = [str(address) for address in interface.addresses]
    section["mac"] = mac_text(interface.mac)
    return section


def _route(route: StaticRoute) -> Section:
    return {"prefix": str(route.prefix), **({"gateway": str(route.gateway)} if route.gateway else {"drop": True})}


def _timeouts(timeouts: Timeouts, otherwise: Timeouts) -> Section:
    values = {key: getattr(timeouts, key) for key in file.TIMEOUTS}
    return {key: plain(value) for key, value in values.items() if value != getattr(otherwise, key)}


def _virtual_server(virtual: VirtualServer, timeouts: Timeouts) -> Section:
    section = _section(virtual, file.VIRTUAL_SERVER | switches.OF_SERVICE)
    if virtual.fwmark is not None:
        section = {key: value for key, value in section.items() if key not in ("address", "port")}
    if virtual.established_timeout == PROTOCOLS[virtual.protocol].established_timeout:
        section.pop("established_timeout", None)
    else:
        section["established_timeout"] = plain(virtual.established_timeout)
    if virtual.timeouts is not None:
        section["timeouts"] = _timeouts(virtual.timeouts, timeouts)
    section["check"] = checks(virtual.checks)
    section["real_server"] = [_real_server(real) for real in virtual.real_servers]
    return {key: value for key, value in section.items() if value != []}


def address_of(service: Section) -> str:
    """One of its addresses, which are all of one family."""
    if "address" in service:
        return str(service["address"])
    return str(parse(service["match"][0]).dst.network_address)


def _real_server(real: RealServer) -> Section:
    own = checks(real.checks)
    section = _section(real, file.REAL_SERVER)
    if not real.port:
        section.pop("port")
    return section | ({"check": own} if own else {})


def checks(of: Sequence[Check]) -> list[Section]:
    """The sections of checks."""
    return [_section(check, check_options.CHECK) for check in of]


def plain(value: Any) -> Any:
    """As a file has it: numbers, texts, and lists of texts, in which neighboring addresses are a range."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, frozenset):
        return shown(value)
    if isinstance(value, tuple):
        return list(_ranges(value)) if _is_addresses(value) else [plain(item) for item in value]
    return str(value)


def _is_addresses(values: Sequence[Any]) -> bool:
    return all(isinstance(value, IPv4Address | IPv6Address) for value in values)


def _ranges(addresses: Sequence[IPv4Address | IPv6Address]) -> Iterator[str]:
    """In their order, which is that in which they are used."""
    numbered = enumerate(addresses)
    for _, group in groupby(numbered, lambda item: (item[1].version, int(item[1]) - item[0])):
        run = [address for _, address in group]
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
