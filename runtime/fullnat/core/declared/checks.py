"""What can be wrong with a draft as a whole: parts that cannot be so together. Only what a draft touches is looked at,
unless interfaces or routes change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from fullnat.config.model import OPEN, Access, IpInterface, ServerSettings, ServiceSettings
from fullnat.core.access.wishes import POLICIES, wish_of
from fullnat.core.declared import outward_rules
from fullnat.core.declared.commands import Problem, Reason
from fullnat.core.declared.draft import Draft, name
from fullnat.core.declared.model import Declared, Model
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.named_interfaces import unknown
from fullnat.core.declared.on_several import of_several
from fullnat.core.declared.roles import Role, Roles
from fullnat.core.declared.telling import INSERTED, check_proxy
from fullnat.core.declared.values import OPS_OF_UDP, OPS_WITHOUT_LOCAL, TOA_KIND, check_quic_ids, hostless, overlap
from fullnat.core.declared.without_sessions import objections, objections_to_server
from fullnat.core.interface import Sizes
from fullnat.core.network.routing import Router
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.synproxy.syn_proxy import ALWAYS, check_syn_proxy
from fullnat.net.flow import Address, Endpoint, address, family, is_v6, same_family, text
from fullnat.net.vlan import interface_text


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
    yield from _families(draft)
    yield from _unchanged_destinations(draft, router)
    yield from _one_packet(draft)
    yield from _stateless(draft)
    yield from _proxies(draft)
    yield from _outward(draft)
    yield from _named_interfaces(draft)
    yield from _syn_proxies(draft)
    yield from _checks(draft)
    for server in touched[Role.SERVER]:
        if server not in conflicting and router.link(server) is None and router.next_hop(server) is None:
            yield Problem(
                Reason.UNREACHABLE, f"real server {text(server)} is in no interface's subnet and behind no route"
            )


def _quic_ids(draft: Draft) -> Iterator[Problem]:
    """A server that is removed keeps its name until its last session ends: its connections would go to who has it
    then."""
    for key, declared in draft.services.items():
        if declared is not None:
            try:
                check_quic_ids(key[0], (server.quic_id for server in declared.servers.values()))
            except ValueError as error:
                yield Problem(Reason.CONFLICT, f"{name(key)}: {error}")
            gone = {quic_id.lower(): server for server, quic_id in draft.leaving(key).items() if quic_id}
            for server, settings in declared.servers.items() if gone else ():
                other = gone.get(settings.quic_id.lower(), server)
                if other != server:
                    yield Problem(
                        Reason.CONFLICT,
                        f"{name(key)}: the quic_id {settings.quic_id} of {server} is that of {other}, which is removed "
                        "and has connections left: they would go there",
                    )


def of_program(draft: Draft, change: Roles, program: Sizes) -> Iterator[Problem]:
    """What the draft has and a program has not."""
    yield from () if program.has_ipv6 else of_ipv6(draft, change)
    yield from () if program.has_vlans else of_vlans(draft)
    yield from () if program.has_stateless else of_stateless(draft)
    yield from () if program.has_match else of_match(draft)
    yield from of_lists(draft, program.list_size)
    yield from () if program.has_proxy else of_proxies(draft)
    yield from () if program.has_cookies else of_cookies(draft)


def of_ipv6(draft: Draft, change: Roles) -> Iterator[Problem]:
    """What the draft has of IPv6, for a program that has not."""
    addresses = {text(where) for role in Role for where in change.new(role) if is_v6(where)}
    prefixes = {str(prefix) for prefix in draft.model.routes if prefix.version == 6} if draft.network_changes else set()
    for what in sorted(addresses | prefixes):
        yield Problem(Reason.INVALID, f"{what} is of IPv6, which this program of the switch does not have")


def of_match(draft: Draft) -> Iterator[Problem]:
    """The draft's services of all ports and by match, for a program that has none."""
    for key, declared in draft.services.items():
        if declared is not None and not key[1].port:
            what = "services of all ports and by match"
            yield Problem(Reason.INVALID, f"{name(key)}: this program of the switch does not have {what}")


def of_vlans(draft: Draft) -> Iterator[Problem]:
    """VLANs in a draft for a program that has none."""
    for number, interface in draft.model.interfaces.items():
        if interface.vlan:
            what = f"the interface of port {interface_text(number)}"
            yield Problem(Reason.INVALID, f"{what} has a VLAN, which this program of the switch does not have")


def of_networks(draft: Draft) -> Iterator[Problem]:
    """What is not for switches that each have a network of their own."""
    if draft.network_changes:
        yield Problem(Reason.INVALID, "interfaces and routes are each switch's own ([[switch.interface]]), and stay")
    for key, declared in draft.services.items():
        for option, said in of_several(declared.settings) if declared is not None else ():
            yield Problem(Reason.INVALID, f"{name(key)}: {option}: {said}")


def of_lists(draft: Draft, room: int) -> Iterator[Problem]:
    """Lists of prefixes in a draft for a program that has room for so many prefixes of a family: of services, and as
    many of all. Half of that is for what replaces them."""
    old = (draft.before(key) for key in draft.services)
    pairs = zip(old, draft.services.values(), strict=True)
    if draft.model.access is draft.before_access and all(_access(one) is _access(other) for one, other in pairs):
        return
    services = draft.everything()
    if not room:
        asks = draft.model.access != OPEN or draft.model.settings.source_rate
        if asks or any(declared.access != OPEN or declared.settings.source_rate for declared in services):
            what = "lists and rates of sources are not in this program of the switch"
            yield Problem(Reason.INVALID, f"{what}, which has no room for prefixes")
        return
    for whose, lists in (("all services", [draft.model.access]), ("services", [each.access for each in services])):
        counts = Counter(len(prefix.address) for each in lists for prefix in {*each.deny, *each.allow})
        for octets, count in counts.items():
            if count > room // 2:
                said = f"the lists of {whose} have {count} prefixes of {family(Address(bytes(octets)))}"
                yield Problem(Reason.INVALID, f"{said}: the switch has room for {room // 2}")


def of_policies(draft: Draft) -> Iterator[Problem]:
    """More services with lists or rates than there are numbers for. One number is for what replaces another."""
    room = POLICIES - 2
    if draft.most_services <= room:
        return
    count = sum(wish is not None and not wish.is_empty for wish in map(wish_of, draft.everything()))
    if count > room:
        yield Problem(Reason.INVALID, f"{count} services have lists or rates of new sessions: there is room for {room}")


def _access(declared: Declared | None) -> Access:
    return OPEN if declared is None else declared.access


def of_stateless(draft: Draft) -> Iterator[Problem]:
    """Services without sessions in a draft for a program that has none."""
    for key, declared in draft.affected():
        if not declared.settings.sessions:
            what = f"{name(key)}: sessions = false"
            yield Problem(Reason.INVALID, f"{what} is not what this program of the switch can do")


def _stateless(draft: Draft) -> Iterator[Problem]:
    for key, declared in draft.affected():
        if declared.settings.sessions:
            continue
        if not key[1].port:
            yield Problem(Reason.CONFLICT, f"{name(key)}: sessions = false is for services of one port")
        for _, said in objections(declared.settings):
            yield Problem(Reason.CONFLICT, f"{name(key)}: {said}")
        for server, settings in declared.servers.items():
            for _, said in objections_to_server(settings, settings.mode or declared.settings.mode):
                yield Problem(Reason.CONFLICT, f"real server {server}: {said}")


def _families(draft: Draft) -> Iterator[Problem]:
    """Who translates packets from one family to the other."""
    for key, declared in draft.affected():
        virtual = key[1]
        if declared.settings.toa_kind != TOA_KIND and not is_v6(virtual.address):
            yield Problem(Reason.INVALID, f"toa_kind {declared.settings.toa_kind} {ONLY_V6}, and {virtual} is not")
        for server, settings in declared.servers.items():
            mode = settings.mode or declared.settings.mode
            if not (mode.takes_any_family or same_family(virtual.address, server.address)):
                yield Problem(Reason.CONFLICT, mixed(server, virtual, mode))


def _proxies(draft: Draft) -> Iterator[Problem]:
    for key, declared in draft.affected():
        modes = (settings.mode or declared.settings.mode for settings in declared.servers.values())
        try:
            check_proxy(BY_NUMBER[key[0]], declared.settings.proxy_protocol, modes)
        except ValueError as error:
            yield Problem(Reason.CONFLICT, f"{name(key)}: {error}")


def _named_interfaces(draft: Draft) -> Iterator[Problem]:
    for key, declared in draft.affected():
        for option, said in unknown(declared.settings.match, draft.model.interfaces):
            yield Problem(Reason.CONFLICT, f"{name(key)}: match: {option} {said}")


def _syn_proxies(draft: Draft) -> Iterator[Problem]:
    for key, declared in draft.affected():
        settings = declared.settings
        servers = ((server, of.mode or settings.mode) for server, of in declared.servers.items())
        try:
            check_syn_proxy(BY_NUMBER[key[0]], settings, key[1].address, servers)
        except ValueError as error:
            yield Problem(Reason.CONFLICT, f"{name(key)}: {error}")


def of_cookies(draft: Draft) -> Iterator[Problem]:
    """Services that ask for SYN cookies in a draft for a program that makes none."""
    for key, declared in draft.affected():
        word = declared.settings.syn_proxy
        if word == ALWAYS:
            what = f"{name(key)}: syn_proxy {word} is not in this program of the switch"
            yield Problem(Reason.INVALID, f"{what}: an ASIC's has no stages for the cookies' hash")


def of_proxies(draft: Draft) -> Iterator[Problem]:
    """What the draft has of PROXY protocol, for a program that puts none in."""
    for key, declared in draft.affected():
        if declared.settings.proxy_protocol in INSERTED:
            yield Problem(
                Reason.INVALID,
                f"{name(key)}: proxy_protocol {declared.settings.proxy_protocol} is not in this program of the switch: "
                "an ASIC's has no room for bytes in front of a payload",
            )


def _outward(draft: Draft) -> Iterator[Problem]:
    for key, declared in draft.affected():
        for _, said in outward_rules.objections(key[0], declared.settings, is_v6=is_v6(key[1].address)):
            yield Problem(Reason.CONFLICT, f"{name(key)}: {said}")
        for _, said in outward_rules.objections_beside(declared.settings, declared.access, declared.locals):
            yield Problem(Reason.CONFLICT, f"{name(key)}: {said}")
        for server, settings in declared.servers.items():
            for _, said in outward_rules.objections_to_server(settings, declared.settings):
                yield Problem(Reason.CONFLICT, f"real server {server}: {said}")


def _checks(draft: Draft) -> Iterator[Problem]:
    for _, declared in draft.affected():
        for server, settings in declared.servers.items():
            for _, said in without_port(server.port, declared.settings, settings):
                yield Problem(Reason.CONFLICT, f"real server {server}: {said}")


PORTLESS = ("ping", "script", "file")
"""Types of health checks that ask no port."""


def without_port(port: int, service: ServiceSettings, server: ServerSettings) -> Iterator[tuple[int, str]]:
    """Which health checks of a real server with this ``port`` would not know what to ask, counted from 1 in the list
    that they stand in, and what is wrong with each."""
    if port:
        return
    for number, check in enumerate(server.checks or (() if server.sorry else service.checks), 1):
        if check.port is None and check.type not in PORTLESS:
            yield number, f"a check by {check.type} needs a port: its server has that which clients ask for"


ONLY_V6 = "is a kind of TOA for services of IPv6"


def mixed(server: Endpoint, virtual: Endpoint, mode: Mode) -> str:
    """What is wrong with a ``server`` that is not of the family of the ``virtual`` endpoint."""
    return (
        f"real server {server} cannot serve the {family(virtual.address)} address {virtual} in {mode}:"
        " fullnat and tunnels alone lead to the other family"
    )


def without_local(server: Endpoint) -> str:
    """What is wrong with a ``server`` in FULLNAT whose service has no local address of its family."""
    return f"real server {server} needs a local address of {family(server.address)}, which the service does not have"


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
            mode = settings.mode or declared.settings.mode
            if mode.takes_local:
                yield Problem(Reason.CONFLICT, f"{OPS_WITHOUT_LOCAL}: {server} is in {mode}")


def _interfaces(model: Model) -> Iterator[Problem]:
    seen: list[tuple[str, IpInterface]] = []
    for interface in model.interfaces.values():
        port = interface_text(interface.number)
        for mine in interface.addresses:
            for other, theirs in seen:
                if mine.ip == theirs.ip:
                    have = f"ports {other} and {port} have" if other != port else f"port {port} has twice"
                    yield Problem(Reason.CONFLICT, f"{have} the same address {mine.ip}")
                elif overlap(mine, theirs) and (other != port or mine.network != theirs.network):
                    subnets = f"{mine.network} of port {port} and {theirs.network} of port {other}"
                    yield Problem(Reason.CONFLICT, f"{subnets} overlap")
            seen.append((port, mine))


def _gateways(model: Model, router: Router) -> Iterator[Problem]:
    for route in model.routes.values():
        if route.gateway is not None and route.gateway.version != route.prefix.version:
            yield Problem(Reason.CONFLICT, f"gateway {route.gateway} is not of the family of {route.prefix}")
        elif route.gateway is not None and router.link(address(route.gateway)) is None:
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
    """Addresses of our subnets that belong to no host."""
    unusable = {
        address(hostless_one): f"the {kind} address of port {interface_text(interface.number)}"
        for interface in model.interfaces.values()
        for own in interface.addresses
        for hostless_one, kind in hostless(own.network)
    }
    for role, addresses in touched.items():
        if role is not Role.INTERFACE:
            for where in addresses:
                if where in unusable:
                    yield Problem(Reason.CONFLICT, f"{text(where)} cannot be {role.value}: it is {unusable[where]}")
