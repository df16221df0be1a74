"""Addresses in a file in roles that exclude each other (:mod:`fullnat.core.declared.roles`), by their lines."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from fullnat.config.errors import Problems, Where
from fullnat.config.model import Config, IpAddress, VirtualServer
from fullnat.core.declared.roles import EXCLUSIVE, Role
from fullnat.core.declared.values import hostless
from fullnat.net.flow import Address
from fullnat.net.match import MOST_ADDRESSES, Match


class Use(NamedTuple):
    """An address in a role, and where the file says so."""

    address: IpAddress
    role: Role
    where: Where
    key: str


def uses(config: Config, within: Where = ()) -> Iterator[Use]:
    """Every use of every address; interfaces and routes are of the section ``within``."""
    for number, interface in enumerate(config.interfaces, 1):
        for own in interface.addresses:
            yield Use(own.ip, Role.INTERFACE, (*within, ("interface", number)), "address")
    for number, route in enumerate(config.routes, 1):
        if route.gateway is not None:
            yield Use(route.gateway, Role.GATEWAY, (*within, ("route", number)), "gateway")
    for number, virtual in enumerate(config.virtual_servers, 1):
        where = place(virtual, number)
        if virtual.fwmark is None:
            yield Use(virtual.address, Role.VIRTUAL, where, "address")
        else:
            for matched in dict.fromkeys(each for match in virtual.inward for each in _addresses(match)):
                yield Use(ip_address(matched), Role.VIRTUAL, where, "match")
        for local in virtual.local_addresses:
            yield Use(local, Role.LOCAL, where, "local_addresses")
        for below, real in enumerate(virtual.real_servers, 1):
            role = Role.PUBLIC if virtual.mode.is_outward else Role.SERVER
            yield Use(real.address, role, *_place_of_server(virtual, where, below))


def place(virtual: VirtualServer, number: int) -> Where:
    """Where the file says it: the virtual server of this number, or the section that it names."""
    return virtual.said or (("virtual_server", number),)


def is_of_snat(virtual: VirtualServer) -> bool:
    """Whether a section ``[[snat]]`` says it, which stands for several."""
    return virtual.said[:1] != () and virtual.said[0][0] == "snat"


def _place_of_server(virtual: VirtualServer, where: Where, number: int) -> tuple[Where, str]:
    return (where, "addresses") if is_of_snat(virtual) else ((*where, ("real_server", number)), "address")


def _addresses(match: Match) -> Iterator[Address]:
    """None of a rule that has too many, of which enough is said."""
    return match.addresses() if match.dst.num_addresses <= MOST_ADDRESSES else iter(())


def check_roles(config: Config, problems: Problems, within: Where = ()) -> set[IpAddress]:
    """Report addresses in roles that exclude each other, and those that no host can have; returns them.

    Of two places the later one is reported, and names the other. A list of local addresses is one place.
    """
    wrong: set[IpAddress] = set()
    reported: set[tuple[Where, str, Where, str]] = set()
    seen: dict[IpAddress, dict[Role, Use]] = {}
    unusable = _unusable(config)
    for use in uses(config, within):
        if use.address in unusable and use.role is not Role.INTERFACE:
            wrong.add(use.address)
            kind, number = unusable[use.address]
            at = problems.at((*within, ("interface", number)), "address", problems.place(use.where, use.key))
            problems.add(use.where, use.key, f"{use.address} is the {kind} address of interface {number} ({at})")
        roles = seen.setdefault(use.address, {})
        for other in roles.values():
            if frozenset((use.role, other.role)) in EXCLUSIVE:
                wrong.add(use.address)
                if (pair := (use.where, use.key, other.where, other.key)) not in reported:
                    reported.add(pair)
                    _report(use, other, problems)
        roles.setdefault(use.role, use)
    return wrong


def _report(one: Use, other: Use, problems: Problems) -> None:
    first, second = sorted((one, other), key=lambda use: problems.place(use.where, use.key))
    at = problems.at(first.where, first.key, problems.place(second.where, second.key))
    problems.add(
        second.where,
        second.key,
        f"{second.address} cannot be {second.role.value}: "
        f"it is {first.role.value} at {at} {problems.section(first.where)}",
    )


def _unusable(config: Config) -> dict[IpAddress, tuple[str, int]]:
    """The addresses of our subnets that belong to no host, with what they are and the number of the interface."""
    return {
        address: (kind, number)
        for number, interface in enumerate(config.interfaces, 1)
        for own in interface.addresses
        for address, kind in hostless(own.network)
    }
