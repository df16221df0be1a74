"""Commands: each changes what it names, a batch is carried out as a whole or not at all, and touches nothing else."""

from __future__ import annotations

import copy
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from fullnat.config.model import GlobalSettings, ServerSettings, ServiceSettings, Timeouts
from fullnat.core.declared.commands import (
    AddInterface,
    AddLocal,
    AddRoute,
    AddServer,
    AddService,
    ArrangeLocals,
    ArrangeServers,
    Command,
    CommandError,
    EditGlobals,
    EditInterface,
    EditRoute,
    EditServer,
    EditService,
    Problem,
    Reason,
    RemoveInterface,
    RemoveLocal,
    RemoveRoute,
    RemoveServer,
    RemoveService,
    ServiceKey,
)
from fullnat.core.interface import LimitPunts, Op
from fullnat.net.flow import Address, Endpoint, address
from fullnat.p4constants import SessionFlag
from fullnat.tables.next_hop import NextHop
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.virtual_service import VirtualService

from .builders import INTERFACES, LOCAL, LOCAL2, ROUTES, SERVER, SERVER2, VIP, VPORT, config, ip
from .commandkit import ABSENT, DROP, FIRST, KEY, OTHER, SECOND, SILENT, THIRD, TOA, announced, asked, two, updates
from .helpers import established, nothing_left, opened
from .switch import Rig

# ---- what each does


def test_a_server_is_added_edited_and_removed() -> None:
    rig = two()
    pair = ServerIn(2, TOA, *SECOND), ServerOut(2, TOA, VIP, VPORT)
    assert updates(rig, AddServer(KEY, SECOND, ServerSettings())) == [(Op.INSERT, entry) for entry in pair]
    assert asked(rig) == [SERVER2]
    assert {opened(rig, 40000 + number).server for number in range(2)} == {SERVER, SERVER2}
    assert updates(rig, EditServer(KEY, SECOND, ServerSettings(weight=0))) == []
    assert {opened(rig, 41000 + number).server for number in range(2)} == {SERVER}
    assert updates(rig, RemoveServer(KEY, SECOND)) == []
    rig.advance(200)
    rig.advance(3)
    nothing_left(rig)
    assert rig.switch.log_of_updates[-2:] == [(Op.DELETE, entry) for entry in pair]


def test_a_service_is_made_piece_by_piece() -> None:
    rig = two()
    service: ServiceKey = (6, Endpoint(ip("198.51.100.20"), 443))
    _, virtual_ = service
    assert updates(rig, AddService(service, ServiceSettings(syn_proxy="off"))) == [
        (Op.INSERT, OwnAddress(virtual_.address, "own_vip")),
        (Op.INSERT, VirtualService(6, *virtual_, 1)),
    ]
    assert announced(rig) == [virtual_.address]
    assert updates(rig, AddLocal(service, LOCAL2)) == [(Op.INSERT, OwnAddress(LOCAL2, "own_local"))]
    assert announced(rig) == [LOCAL2]
    assert updates(rig, AddServer(service, FIRST, ServerSettings(weight=3))) == [
        (Op.INSERT, ServerIn(2, TOA, *FIRST)),
        (Op.INSERT, ServerOut(2, TOA, *virtual_)),
    ]
    assert asked(rig) == []
    gone = updates(rig, RemoveService(service))
    assert len(gone) == 5
    assert set(gone) == {
        (Op.DELETE, ServerIn(2, TOA, *FIRST)),
        (Op.DELETE, ServerOut(2, TOA, *virtual_)),
        (Op.DELETE, VirtualService(6, *virtual_, 1)),
        (Op.DELETE, OwnAddress(virtual_.address, "own_vip")),
        (Op.DELETE, OwnAddress(LOCAL2, "own_local")),
    }


def test_a_virtual_address_goes_with_its_last_service() -> None:
    rig = two()
    assert (Op.DELETE, OwnAddress(VIP, "own_vip")) not in updates(rig, RemoveService(KEY))
    assert OwnAddress(VIP, "own_vip") in rig.switch.of(OwnAddress)
    assert (Op.DELETE, OwnAddress(VIP, "own_vip")) in updates(rig, RemoveService(OTHER))


def test_a_service_is_edited_with_its_servers_and_sessions() -> None:
    rig = two()
    entry = established(rig)
    settings = replace(SILENT, toa=False, keep_mss=True, scheduler="wlc", reset_on_miss=True)
    assert updates(rig, EditService(KEY, settings)) == [
        (Op.MODIFY, ServerIn(0, SessionFlag.KEEP_MSS, *FIRST)),
        (Op.MODIFY, ServerOut(0, SessionFlag.KEEP_MSS, VIP, VPORT)),
        (Op.MODIFY, VirtualService(6, VIP, VPORT, 1)),
    ]
    assert rig.switch.sessions() == {entry.session_id: entry}
    assert [service.scheduler for service in rig.controller.services()] == ["wlc", "rr"]
    assert updates(rig, EditService(KEY, settings)) == []


def test_local_addresses_come_and_go_and_one_of_several_services_stays() -> None:
    rig = two()
    assert updates(rig, RemoveLocal(KEY, LOCAL), AddLocal(KEY, LOCAL2)) == [
        (Op.INSERT, OwnAddress(LOCAL2, "own_local"))
    ]
    assert opened(rig).local == LOCAL2
    assert updates(rig, RemoveLocal(OTHER, LOCAL)) == [(Op.DELETE, OwnAddress(LOCAL, "own_local"))]


def test_servers_and_local_addresses_are_arranged() -> None:
    rig = two()
    rig.apply(AddServer(KEY, SECOND, ServerSettings()), AddLocal(KEY, LOCAL2))
    rig.settle()
    assert updates(rig, ArrangeServers(KEY, (SECOND, FIRST)), ArrangeLocals(KEY, (LOCAL2, LOCAL))) == []
    entries = [opened(rig, 40000 + number) for number in range(2)]
    service = next(service for service in rig.controller.services() if service.virtual == KEY[1])
    assert [server.endpoint for server in service.servers] == [SECOND, FIRST]
    assert {entry.server for entry in entries} == {SERVER, SERVER2}
    assert [entry.local for entry in entries] == [LOCAL2, LOCAL]


def test_interfaces_and_routes_follow() -> None:
    rig = two()
    network = ip("192.0.2.0")
    assert updates(rig, AddRoute(DROP)) == [(Op.INSERT, Route(network, 24, "route_drop"))]
    via = replace(DROP, gateway=IPv4Address("10.0.2.254"))
    assert updates(rig, EditRoute(via)) == [
        (Op.INSERT, NextHop(2)),
        (Op.MODIFY, Route(network, 24, "route_via", 2)),
    ]
    assert asked(rig) == [ip("10.0.2.254")]
    assert updates(rig, RemoveRoute(DROP.prefix)) == [
        (Op.DELETE, Route(network, 24, "route_via", 2)),
        (Op.DELETE, NextHop(2)),
    ]
    assert set(updates(rig, AddInterface(THIRD))) == {
        (Op.INSERT, Port(3, THIRD.mac)),
        (Op.INSERT, Route(network, 24, "route_connected")),
        (Op.INSERT, OwnAddress(ip("192.0.2.1"), "own_interface")),
    }
    assert announced(rig) == [ip("192.0.2.1")]
    moved = replace(THIRD, mac=0x02AA00000004)
    assert updates(rig, EditInterface(moved)) == [(Op.MODIFY, Port(3, moved.mac))]
    assert set(updates(rig, RemoveInterface(3))) == {
        (Op.DELETE, Port(3, moved.mac)),
        (Op.DELETE, Route(network, 24, "route_connected")),
        (Op.DELETE, OwnAddress(ip("192.0.2.1"), "own_interface")),
    }


def test_general_settings_follow() -> None:
    rig = two()
    settings = GlobalSettings(timeouts=Timeouts(syn_recv=5.0), local_port_min=7000, local_port_max=7000)
    assert updates(rig, EditGlobals(settings)) == []
    assert rig.switch.punt_limits == []
    assert opened(rig).local_port == 7000
    rig.advance(6)
    nothing_left(rig)
    rig.apply(EditGlobals(replace(settings, punt_rate=7)))
    assert rig.switch.punt_limits == [LimitPunts(7, 20_000)]


# ---- batches


def test_what_a_batch_removes_and_adds_again_is_edited() -> None:
    rig = two()
    entry = established(rig)
    again: list[Command] = [
        RemoveService(KEY),
        AddService(KEY, SILENT),
        AddLocal(KEY, LOCAL),
        AddServer(KEY, SECOND, ServerSettings()),
        AddServer(KEY, FIRST, ServerSettings()),
    ]
    assert updates(rig, *again) == [
        (Op.INSERT, ServerIn(2, TOA, *SECOND)),
        (Op.INSERT, ServerOut(2, TOA, VIP, VPORT)),
    ]
    assert not rig.switch.resets
    assert rig.switch.sessions() == {entry.session_id: entry}
    assert rig.controller.services()[0].servers[1].active == 1


def test_one_wrong_command_leaves_everything_as_it_was_and_all_that_is_wrong_is_said() -> None:
    rig = two()
    before = copy.deepcopy(rig.controller.model)
    good = AddServer(KEY, SECOND, ServerSettings())
    twice, unknown = AddServer(KEY, SECOND, ServerSettings()), RemoveServer(OTHER, SECOND)
    with pytest.raises(CommandError) as caught:
        rig.apply(good, RemoveService(OTHER), twice, unknown, EditGlobals(GlobalSettings(punt_rate=1)), AddRoute(DROP))
    assert caught.value.problems == (
        Problem(Reason.EXISTS, "virtual server tcp 198.51.100.10:80 has the real server 10.0.2.12:8080 already", twice),
        Problem(Reason.UNKNOWN, "there is no virtual server tcp 198.51.100.10:81", unknown),
    )
    assert rig.controller.model == before
    assert not rig.switch.writes
    assert len(updates(rig, good)) == 2


BAD_WEIGHT = ServerSettings(weight=65536)
REFUSED: list[tuple[str, Command, Reason, str]] = [
    ("service", AddService(KEY, SILENT), Reason.EXISTS, "virtual server tcp 198.51.100.10:80 is there already"),
    ("protocol", AddService((99, Endpoint(VIP, 1)), SILENT), Reason.INVALID, "protocol 99 is not supported"),
    ("port", AddService((6, Endpoint(VIP, 65536)), SILENT), Reason.INVALID, "port 65536 is not from 0 to 65535"),
    ("scheduler", EditService(KEY, replace(SILENT, scheduler="x")), Reason.INVALID, "'x' is not one of "),
    (
        "time",
        EditService(KEY, replace(SILENT, established_timeout=float("nan"))),
        Reason.INVALID,
        "established_timeout nan is not from 0 to 2678400",
    ),
    (
        "times",
        EditService(KEY, replace(SILENT, timeouts=Timeouts(close=-1.0))),
        Reason.INVALID,
        "close -1.0 is not from 0 to 2678400",
    ),
    ("unknown", EditService(ABSENT, SILENT), Reason.UNKNOWN, "there is no virtual server tcp 198.51.100.10:99"),
    ("gone", RemoveService(ABSENT), Reason.UNKNOWN, "there is no virtual server tcp 198.51.100.10:99"),
    ("no server", RemoveServer(KEY, SECOND), Reason.UNKNOWN, "tcp 198.51.100.10:80 has no real server 10.0.2.12:8080"),
    ("weight", EditServer(KEY, FIRST, BAD_WEIGHT), Reason.INVALID, "weight 65536 is not from 0 to 65535"),
    (
        "order",
        ArrangeServers(KEY, (FIRST, FIRST)),
        Reason.INVALID,
        "these are not the real servers of virtual server tcp 198.51.100.10:80",
    ),
    ("locals", ArrangeLocals(KEY, ()), Reason.INVALID, "these are not the local addresses of "),
    ("local", AddLocal(KEY, LOCAL), Reason.EXISTS, "tcp 198.51.100.10:80 has the local address 10.0.2.100 already"),
    ("no local", RemoveLocal(KEY, LOCAL2), Reason.UNKNOWN, "has no local address 10.0.2.101"),
    ("link", AddLocal(KEY, address("fe80::1")), Reason.INVALID, "fe80::1 is not the address of one host"),
    ("group", AddLocal(KEY, ip("224.0.0.1")), Reason.INVALID, "224.0.0.1 is not the address of one host"),
    ("no address", AddLocal(KEY, Address(b"abc")), Reason.INVALID, "b'abc' does not appear to be an IPv4 or IPv6"),
    ("interface", AddInterface(INTERFACES[0]), Reason.EXISTS, "port 1 has an interface already"),
    ("no interface", RemoveInterface(9), Reason.UNKNOWN, "port 9 has no interface"),
    ("mac", AddInterface(replace(THIRD, mac=1 << 40)), Reason.INVALID, "0x10000000000 is not the MAC address of one"),
    ("mtu", EditInterface(replace(INTERFACES[0], mtu=60)), Reason.INVALID, "mtu 60 is not from 576 to 65535"),
    (
        "network",
        AddInterface(replace(THIRD, address=IPv4Interface("192.0.2.0/24"))),
        Reason.INVALID,
        "192.0.2.0/24 is not the address of a host in 192.0.2.0/24",
    ),
    (
        "overlap",
        AddInterface(replace(THIRD, address=IPv4Interface("10.0.0.1/16"))),
        Reason.CONFLICT,
        "10.0.0.0/16 of port 3 and 10.0.2.0/24 of port 2 overlap",
    ),
    (
        "same",
        AddInterface(replace(THIRD, address=IPv4Interface("10.0.2.1/30"))),
        Reason.CONFLICT,
        "ports 2 and 3 have the same address 10.0.2.1",
    ),
    ("route", AddRoute(ROUTES[0]), Reason.EXISTS, "there is a route to 0.0.0.0/0 already"),
    ("no route", RemoveRoute(DROP.prefix), Reason.UNKNOWN, "there is no route to 192.0.2.0/24"),
    (
        "gateway",
        AddRoute(replace(DROP, gateway=IPv4Address("172.16.0.1"))),
        Reason.UNREACHABLE,
        "gateway 172.16.0.1 to 192.0.2.0/24 is in the subnet of no interface",
    ),
    (
        "gateway is ours",
        AddRoute(replace(DROP, gateway=IPv4Address(VIP))),
        Reason.CONFLICT,
        "198.51.100.10 cannot be a gateway and a virtual server",
    ),
    (
        "role",
        AddServer(KEY, Endpoint(LOCAL, 80), ServerSettings()),
        Reason.CONFLICT,
        "10.0.2.100 cannot be a local address and a real server",
    ),
    (
        "broadcast",
        AddServer(KEY, Endpoint(ip("10.0.2.255"), 80), ServerSettings()),
        Reason.CONFLICT,
        "10.0.2.255 cannot be a real server: it is the broadcast address of port 2",
    ),
    ("ports", EditGlobals(GlobalSettings(local_port_min=9, local_port_max=8)), Reason.INVALID, "local_port_min 9 is"),
    ("punts", EditGlobals(GlobalSettings(punt_rate=0)), Reason.INVALID, "punt_rate 0 is not from 1 to 10000000"),
]


@pytest.mark.parametrize(("command", "reason", "message"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_cannot_be_is_refused_with_its_reason(command: Command, reason: Reason, message: str) -> None:
    rig = two()
    before = copy.deepcopy(rig.controller.model)
    with pytest.raises(CommandError) as caught:
        rig.apply(command)
    (problem,) = caught.value.problems
    assert problem.reason is reason
    assert message in problem.message == str(caught.value)
    assert rig.controller.model == before
    assert not rig.switch.writes


def test_a_server_that_nothing_leads_to_is_refused_and_one_that_loses_its_way() -> None:
    rig = Rig(config(routes=()))
    far = AddServer(KEY, Endpoint(ip("172.16.0.1"), 80), ServerSettings())
    message = "real server 172.16.0.1 is in no interface's subnet and behind no route"
    with pytest.raises(CommandError, match=message):
        rig.apply(far)
    rig.apply(far, AddRoute(ROUTES[0]))
    with pytest.raises(CommandError, match=message):
        rig.apply(RemoveRoute(ROUTES[0].prefix))
    rig.apply(RemoveRoute(ROUTES[0].prefix), RemoveServer(KEY, far.server))


def test_an_address_is_free_for_another_role_when_the_last_use_in_the_old_one_is_gone() -> None:
    rig = two()
    as_server = AddServer(KEY, Endpoint(LOCAL, 80), ServerSettings())
    with pytest.raises(CommandError, match=r"10\.0\.2\.100 cannot be"):
        rig.apply(RemoveLocal(KEY, LOCAL), as_server)
    rig.apply(RemoveLocal(KEY, LOCAL), RemoveLocal(OTHER, LOCAL), as_server)
    with pytest.raises(CommandError, match=r"10\.0\.2\.100 cannot be"):
        rig.apply(AddLocal(KEY, LOCAL))
