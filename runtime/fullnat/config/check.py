"""What can be wrong between the options of a configuration: duplicates, addresses that nothing leads to, and those in
roles that exclude each other (:mod:`.roles`)."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from functools import partial
from typing import Any

from fullnat.config.errors import Problems, Where
from fullnat.config.model import Config, IpAddress, IpInterface, RealServer, VirtualServer
from fullnat.config.roles import check_roles, is_of_snat, place
from fullnat.config.servers import all_forward
from fullnat.config.switches import networks
from fullnat.core.declared import outward_rules
from fullnat.core.declared.checks import ONLY_V6, mixed, without_local, without_port
from fullnat.core.declared.named_interfaces import unknown
from fullnat.core.declared.on_several import of_several
from fullnat.core.declared.telling import check_proxy
from fullnat.core.declared.values import (
    OPS_WITHOUT_LOCAL,
    TOA_KIND,
    check_match,
    check_own,
    check_quic_ids,
    check_quorum,
    check_server_port,
    check_slow_start,
    check_thresholds,
    overlap,
)
from fullnat.core.declared.without_sessions import objections, objections_to_server
from fullnat.core.protocols.base import PROTOCOLS, Protocol
from fullnat.core.synproxy.syn_proxy import check_syn_proxy
from fullnat.net.flow import Endpoint
from fullnat.net.flow import address as as_bytes
from fullnat.net.headers import V6_MTU
from fullnat.net.vlan import interface_text


def check(
    config: Config, problems: Problems, cpu_port: int | None = None, within: Where = (), *, runs: bool = False
) -> None:
    """Add everything wrong with ``config`` to ``problems``; ``cpu_port`` is the switch's port to the controller, if it
    is known. Interfaces and routes are of the section ``within``. One that ``runs`` may be as commands have left it,
    between two of them."""
    views = networks(config, within)
    for where, view in views:
        _check_interfaces(view, problems, cpu_port, where)
        _check_routes(view, problems, where)
    if config.local_port_min > config.local_port_max:
        problems.add((), "local_port_min", f"{config.local_port_min} is above local_port_max {config.local_port_max}")
    wrong = {address for where, view in views for address in check_roles(view, problems, where)}
    services = _Unique(problems)
    for number, server in enumerate(config.virtual_servers, 1):
        where = place(server, number)
        key = "address" if server.fwmark is None else "fwmark"
        services.see((server.protocol, server.endpoint), where, key, f"{server.protocol} {server.endpoint}")
        _check_virtual_server(views[0][1], server, where, wrong, problems)
        if not runs:
            _check_has_local(server, where, problems)
        if all_forward(config.switches):
            _check_on_all(views, server, where, wrong, problems)


def _check_on_all(
    views: Sequence[tuple[Where, Config]],
    server: VirtualServer,
    where: Where,
    wrong: Container[IpAddress],
    problems: Problems,
) -> None:
    """What switches that all forward cannot have."""
    for key, said in of_several(server):
        problems.add(where, key, said)
    ours = [("address", server.address), *(("local_addresses", local) for local in server.local_addresses)]
    for key, own in ours if server.fwmark is None else ours[1:]:
        if any(_connected(view, own) for _, view in views):
            problems.add(where, key, f"{own} is in the subnet of an interface: no router leads it to several switches")
    for at, view in views[1:]:
        for number, real in enumerate(server.real_servers, 1):
            if real.address not in wrong and not _routable(view, real.address):
                said = f"{real.address} is in no interface's subnet and behind no route of {problems.section(at)}"
                problems.add((*where, ("real_server", number)), "address", said)


class _Unique:
    """Reports what was seen before."""

    def __init__(self, problems: Problems) -> None:
        self._seen: dict[Hashable, Where] = {}
        self._problems = problems

    def see(self, value: Hashable, where: Where, key: str, name: str, unless: str = "") -> None:
        """``unless``: how both may be, at the end of the message."""
        if value in self._seen:
            first = self._seen[value]
            section, number = first[-1]
            at = self._problems.at(first, key, self._problems.place(where, key))
            self._problems.add(where, key, f"{name} is already that of {section} {number} ({at}){unless}")
        else:
            self._seen[value] = where


def _check_interfaces(config: Config, problems: Problems, cpu_port: int | None, within: Where) -> None:
    ports, addresses = _Unique(problems), _Unique(problems)
    earlier: list[tuple[int, IpInterface]] = []
    for number, interface in enumerate(config.interfaces, 1):
        where: Where = (*within, ("interface", number))
        unless = "" if interface.vlan else ", unless each has its vlan"
        ports.see(interface.number, where, "port", f"port {interface_text(interface.number)}", unless)
        if interface.port == cpu_port:
            problems.add(where, "port", f"{cpu_port} is the port between switch and controller, and no interface's")
        if interface.mtu < V6_MTU and any(own.version == 6 for own in interface.addresses):
            problems.add(where, "mtu", f"{interface.mtu} is below {V6_MTU}, which IPv6 needs")
        for own in interface.addresses:
            addresses.see(own.ip, where, "address", str(own.ip))
            try:
                check_own(own)
            except ValueError as error:
                problems.add(where, "address", str(error))
            for other, theirs in earlier:
                if overlap(own, theirs) and own.ip != theirs.ip and (other != number or own.network != theirs.network):
                    problems.add(where, "address", f"{own.network} overlaps {theirs.network} of interface {other}")
            earlier.append((number, own))


def _check_routes(config: Config, problems: Problems, within: Where) -> None:
    prefixes = _Unique(problems)
    for number, route in enumerate(config.routes, 1):
        where: Where = (*within, ("route", number))
        prefixes.see(route.prefix, where, "prefix", str(route.prefix))
        if route.gateway is not None and route.gateway.version != route.prefix.version:
            problems.add(where, "gateway", f"{route.gateway} is not of the family of {route.prefix}")
        elif route.gateway is not None and not _connected(config, route.gateway):
            problems.add(where, "gateway", f"{route.gateway} is in the subnet of no interface")


def _check_syn_proxy(server: VirtualServer, protocol: Protocol, where: Where, problems: Problems) -> None:
    servers = [(Endpoint(as_bytes(real.address), real.port), real.mode or server.mode) for real in server.real_servers]
    _try(
        check_syn_proxy, protocol, server, server.endpoint.address, servers, problems=problems, at=(where, "syn_proxy")
    )


def _check_has_local(server: VirtualServer, where: Where, problems: Problems) -> None:
    modes = {real.mode or server.mode for real in server.real_servers} or {server.mode}
    if server.sessions and not server.local_addresses and any(mode.has_own_numbers for mode in modes):
        problems.add(where, "local_addresses", "FULLNAT needs at least one local address")


def _check_virtual_server(
    config: Config, server: VirtualServer, where: Where, wrong: Container[IpAddress], problems: Problems
) -> None:
    """``wrong`` are addresses of which enough was said."""
    virtual = server.endpoint
    is_outward = server.mode.is_outward
    _try(partial(check_match, is_outward=is_outward), virtual, server.match, problems=problems, at=(where, "match"))
    _check_named_interfaces(config, server, where, problems)
    number = PROTOCOLS[server.protocol].number
    for key, said in outward_rules.objections(number, server, is_v6=server.address.version == 6):
        problems.add(where, key, said)
    for key, said in outward_rules.objections_beside(server, server.access, server.local_addresses):
        problems.add(where, key, said)
    if server.toa_kind != TOA_KIND and server.address.version != 6:
        problems.add(where, "toa_kind", f"{server.toa_kind} {ONLY_V6}, and {virtual} is not")
    for key, said in objections(server):
        problems.add(where, key, said)
    _try(check_slow_start, server.scheduler, server.slow_start, problems=problems, at=(where, "slow_start"))
    _try(check_quorum, server.quorum, server.hysteresis, problems=problems, at=(where, "hysteresis"))
    protocol = PROTOCOLS[server.protocol]
    own = (real.mode or server.mode for real in server.real_servers)
    _try(check_proxy, protocol, server.proxy_protocol, own, problems=problems, at=(where, "proxy_protocol"))
    _check_syn_proxy(server, protocol, where, problems)
    seen = set()
    for address in server.local_addresses:
        if address in seen:
            problems.add(where, "local_addresses", f"{address} is there twice")
        seen.add(address)
    ids = [real.quic_id for real in server.real_servers]
    _try(check_quic_ids, PROTOCOLS[server.protocol].number, ids, problems=problems, at=(where, "real_server"))
    duplicates = _Unique(problems)
    for number, real in enumerate(server.real_servers, 1):
        below: Where = (*where, ("real_server", number))
        endpoint = Endpoint(as_bytes(real.address), real.port)
        duplicates.see(endpoint, below, "address", str(endpoint))
        _check_real_server(config, server, real, below, problems)
        _check_checks(server, real, where, below, problems)
        if (
            real.address not in wrong
            and not (real.mode or server.mode).is_outward
            and not _routable(config, real.address)
        ):
            problems.add(below, "address", f"{real.address} is in no interface's subnet and behind no route")


def _check_named_interfaces(config: Config, server: VirtualServer, where: Where, problems: Problems) -> None:
    """Those of ``match``, and of the options that a section ``[[snat]]`` has in its place."""
    there = {interface.number for interface in config.interfaces}
    for option, said in unknown(server.match, there, "[[interface]]"):
        if is_of_snat(server):
            problems.add(where, {"iif": "interface", "oif": "out_interface"}[option], said)
        else:
            problems.add(where, "match", f"{option} {said}")


def _check_real_server(
    config: Config, server: VirtualServer, real: RealServer, where: Where, problems: Problems
) -> None:
    endpoint = Endpoint(as_bytes(real.address), real.port)
    _try(
        check_thresholds,
        real.upper_threshold,
        real.lower_threshold,
        problems=problems,
        at=(where, "lower_threshold"),
    )
    _try(check_server_port, server.endpoint, real.port, problems=problems, at=(where, "port"))
    mode = real.mode or server.mode
    if real.address.version != server.address.version and not mode.takes_any_family:
        problems.add(where, "address", mixed(endpoint, server.endpoint, mode))
    for key, said in outward_rules.objections_to_server(real, server):
        problems.add(where, key, said)
    if (
        mode.has_own_numbers
        and (locals_ := server.local_addresses)
        and all(local.version != real.address.version for local in locals_)
    ):
        problems.add(where, "address", without_local(endpoint))
    for key, said in () if server.sessions else objections_to_server(real, mode):
        problems.add(where, key, said)
    if server.ops and mode.takes_local:
        problems.add(where, "mode", f"{OPS_WITHOUT_LOCAL}, as this is")
    if mode.keeps_destination and real.port != server.port:
        problems.add(where, "port", f"{mode} changes no port: it has to be {server.port}")
    if mode.needs_neighbors and _routable(config, real.address) and not _next_door(config, real.address):
        problems.add(where, "address", f"{real.address} is not next door, as {mode} needs it")


def _check_checks(server: VirtualServer, real: RealServer, where: Where, below: Where, problems: Problems) -> None:
    """Of a real server."""
    at = below if real.checks else where
    for number, said in without_port(real.port, server, real):
        problems.add((*at, ("check", number)), "port", said)


def _try(check: Callable[..., None], *values: Any, problems: Problems, at: tuple[Where, str]) -> None:
    """What ``check`` says of ``values`` is a problem there."""
    try:
        check(*values)
    except ValueError as error:
        problems.add(*at, str(error))


def _own(config: Config) -> Iterator[IpInterface]:
    """The addresses of all interfaces."""
    return (own for interface in config.interfaces for own in interface.addresses)


def _connected(config: Config, address: IpAddress) -> bool:
    return any(address in own.network for own in _own(config))


def _next_door(config: Config, address: IpAddress) -> bool:
    """In an interface's subnet, and no longer prefix leads elsewhere."""
    lengths = [own.network.prefixlen for own in _own(config) if address in own.network]
    others = (route for route in config.routes if address in route.prefix)
    return bool(lengths) and all(route.prefix.prefixlen <= max(lengths) for route in others)


def _routable(config: Config, address: IpAddress) -> bool:
    if _connected(config, address):
        return True
    matching = [route for route in config.routes if address in route.prefix]
    if not matching:
        return False
    return max(matching, key=lambda route: route.prefix.prefixlen).gateway is not None
