"""What can be wrong with a draft as a whole: parts that cannot be so together. Only what a draft touches is looked at,
unless interfaces or routes change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fullnat.config.model import Interface
from fullnat.core.commands import Problem, Reason
from fullnat.core.draft import Draft, name
from fullnat.core.model import Model
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.roles import Role, Roles
from fullnat.core.routing import Router
from fullnat.core.values import OPS_OF_UDP, OPS_WITHOUT_LOCAL, check_quic_ids
from fullnat.net.flow import Address, address, text


def check(draft: Draft, roles: Roles, change: Roles, router: Router) -> Iterator[Problem]:
    """``roles`` are those before the ``change``, ``router`` is the one after it."""
    if draft.network_changes:
        yield from _interfaces(draft.model)
        yield from _gateways(draft.model, router)
    touched = {role: roles.after(role, change) if draft.network_changes else change.new(role) for role in Role}
    conflicting = {where for role in Role for where in change.new(role) if roles.conflict(where, change)}
    yield from _conflicts(conflicting, roles, change)
    yield from _unusable(draft.model, touched)
    yield from _quic_ids(draft)
    yield from _unchanged_destinations(draft, router)
    yield from _one_packet(draft)
    for server in touched[Role.SERVER]:
        if server not in conflicting and router.link(server) is None and router.next_hop(server) is None:
            yield Problem(
                Reason.UNREACHABLE, f"real server {text(server)} is in no interface's subnet and behind no route"
            )


def _quic_ids(draft: Draft) -> Iterator[Problem]:
    for key, declared in draft.services.items():
        if declared is not None:
            try:
                check_quic_ids(key[0], (server.quic_id for server in declared.servers.values()))
            except ValueError as error:
                yield Problem(Reason.CONFLICT, f"{name(key)}: {error}")


def _unchanged_destinations(draft: Draft, router: Router) -> Iterator[Problem]:
    """Servers that get packets for the virtual address: no router between leads these there, and no port changes."""
    for key, declared in draft.affected():
        for server, settings in declared.servers.items():
            mode = settings.mode or declared.settings.mode
            if not mode.keeps_destination:
                continue
            if server.port != key[1].port:
                yield Problem(Reason.CONFLICT, f"{mode} changes no port: that of {server} has to be {key[1].port}")
            if mode.needs_neighbors and router.next_hop(server.address) not in (None, server.address):
                yield Problem(Reason.UNREACHABLE, f"real server {server} is not next door, as {mode} needs it")


def _one_packet(draft: Draft) -> Iterator[Problem]:
    """Services whose datagrams are scheduled alone."""
    for key, declared in draft.affected():
        if not declared.settings.ops:
            continue
        if BY_NUMBER[key[0]].is_numbered:
            yield Problem(Reason.CONFLICT, OPS_OF_UDP)
        for server, settings in declared.servers.items():
            if (settings.mode or declared.settings.mode).takes_local:
                yield Problem(Reason.CONFLICT, f"{OPS_WITHOUT_LOCAL}: that of {server} is none")


def _interfaces(model: Model) -> Iterator[Problem]:
    seen: list[Interface] = []
    for interface in model.interfaces.values():
        mine = interface.address
        for other in seen:
            if mine.ip == other.address.ip:
                yield Problem(
                    Reason.CONFLICT, f"ports {other.port} and {interface.port} have the same address {mine.ip}"
                )
            elif mine.network.overlaps(other.address.network):
                subnets = f"{mine.network} of port {interface.port} and {other.address.network} of port {other.port}"
                yield Problem(Reason.CONFLICT, f"{subnets} overlap")
        seen.append(interface)


def _gateways(model: Model, router: Router) -> Iterator[Problem]:
    for route in model.routes.values():
        if route.gateway is not None and router.link(address(route.gateway)) is None:
            yield Problem(
                Reason.UNREACHABLE, f"gateway {route.gateway} to {route.prefix} is in the subnet of no interface"
            )


def _conflicts(addresses: Iterable[Address], roles: Roles, change: Roles) -> Iterator[Problem]:
    for where in sorted(addresses):
        pair = roles.conflict(where, change)
        if pair is not None:
            one, other = pair
            yield Problem(Reason.CONFLICT, f"{text(where)} cannot be {one.value} and {other.value}")


def _unusable(model: Model, touched: Mapping[Role, Iterable[Address]]) -> Iterator[Problem]:
    """Addresses of our subnets that belong to no host. A prefix of 31 bits has none (RFC 3021)."""
    unusable: dict[Address, str] = {}
    for interface in model.interfaces.values():
        network = interface.address.network
        if network.prefixlen < 31:
            unusable[address(network.network_address)] = f"the network address of port {interface.port}"
            unusable[address(network.broadcast_address)] = f"the broadcast address of port {interface.port}"
    for role, addresses in touched.items():
        if role is not Role.INTERFACE:
            for where in addresses:
                if where in unusable:
                    yield Problem(Reason.CONFLICT, f"{text(where)} cannot be {role.value}: it is {unusable[where]}")
