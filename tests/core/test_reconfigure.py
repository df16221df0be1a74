"""Changes of the configuration touch only what they name."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from fullnat.config.model import StaticRoute, Timeouts
from fullnat.core.interface import Op
from fullnat.net.flow import address
from fullnat.net.parse import parse
from fullnat.p4constants import SessionFlag
from fullnat.tables.next_hop import NextHop
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry
from fullnat.tables.virtual_service import VirtualService

from .builders import LOCAL, LOCAL2, SERVER, SERVER2, VIP, config, ip, real, syn, virtual
from .helpers import established, nothing_left, only, opened, tell, time_wait
from .switch import Rig

OTHER_VIP = ip("198.51.100.11")
OTHER = virtual(address=IPv4Address(OTHER_VIP))


def change(rig: Rig, *servers: object, **changes: object) -> list[tuple[Op, Entry]]:
    """The table updates of a reconfiguration."""
    rig.switch.log_of_updates.clear()
    rig.switch.forwarded.clear()
    rig.reconfigure(config(*servers, **changes))  # type: ignore[arg-type]
    rig.settle()
    return rig.switch.log_of_updates


def test_no_change_writes_nothing_and_sends_nothing() -> None:
    rig = Rig(config())
    established(rig)
    assert change(rig) == []
    assert rig.switch.forwarded == []


def test_a_new_service_is_added_and_announced() -> None:
    rig = Rig(config())
    assert change(rig, virtual(), OTHER) == [
        (Op.INSERT, ServerIn(1, SessionFlag.TOA, SERVER, 8080)),
        (Op.INSERT, ServerOut(1, SessionFlag.TOA, OTHER_VIP, 80)),
        (Op.INSERT, OwnAddress(OTHER_VIP, "own_vip")),
        (Op.INSERT, VirtualService(6, OTHER_VIP, 80, 0)),
    ]
    announced = [arp.sender for effect in rig.switch.forwarded if (arp := parse(effect.frame).arp)]
    assert announced == [OTHER_VIP]


def test_a_flag_is_a_modify() -> None:
    rig = Rig(config())
    assert change(rig, virtual(reset_on_miss=True)) == [(Op.MODIFY, VirtualService(6, VIP, 80, 1))]


def test_a_removed_service_ends_its_sessions_and_no_others() -> None:
    rig = Rig(config(virtual(), OTHER))
    kept = established(rig, 40000)
    rig.send(syn(40001, vip=OTHER_VIP))
    rig.settle()
    tell(rig, 1, "SYN_ACK")
    rig.send(syn(40002, vip=OTHER_VIP))
    updates = change(rig, virtual())
    assert [(op, entry) for op, entry in updates if not isinstance(entry, SessionEntry)] == [
        (Op.DELETE, OwnAddress(OTHER_VIP, "own_vip")),
        (Op.DELETE, VirtualService(6, OTHER_VIP, 80, 0)),
    ]
    assert [op for op, entry in updates if isinstance(entry, SessionEntry)] == [Op.INSERT, Op.DELETE]
    assert {reset.session_id for reset in rig.switch.resets} == {1}
    assert len(rig.switch.resets) == 2
    rig.advance(2)
    assert only(rig).entry == kept
    assert rig.switch.sessions() == {kept.session_id: kept}


def test_a_finished_session_of_a_removed_service_goes_at_once() -> None:
    rig = Rig(config())
    time_wait(rig)
    change(rig, OTHER)
    assert not rig.switch.resets
    nothing_left(rig)


def test_a_service_that_comes_back_starts_afresh() -> None:
    rig = Rig(config())
    established(rig)
    change(rig, OTHER)
    change(rig)
    rig.advance(2)
    nothing_left(rig)
    assert opened(rig, 40000)


def test_a_removed_server_drains() -> None:
    rig = Rig(config(virtual(scheduler="rr", real_servers=(real(), real("10.0.2.12")))))
    first, second = established(rig, 40000), established(rig, 40001)
    assert (first.server, second.server) == (SERVER, SERVER2)
    assert change(rig, virtual(scheduler="rr", real_servers=(real("10.0.2.12"),))) == []
    assert {opened(rig, 41000 + number).server for number in range(4)} == {SERVER2}
    (service,) = rig.controller.services()
    assert [
        (server.endpoint.address, server.draining, server.active + server.inactive) for server in service.servers
    ] == [
        (SERVER2, False, 5),
        (SERVER, True, 1),
    ]
    assert not rig.switch.resets
    rig.advance(90)
    rig.advance(3)
    assert [server.endpoint.address for service in rig.controller.services() for server in service.servers] == [SERVER2]


def test_a_draining_server_that_returns_has_its_sessions_and_id() -> None:
    rig = Rig(config())
    entry = established(rig)
    change(rig, virtual(real_servers=(real("10.0.2.12"),)))
    change(rig)
    (service,) = rig.controller.services()
    assert [
        (server.endpoint.address, server.server_id, server.active, server.draining) for server in service.servers
    ] == [(SERVER, entry.server_id, 1, False)]


def test_a_server_id_is_used_again_only_without_sessions() -> None:
    rig = Rig(config())
    old = established(rig)
    change(rig, virtual(real_servers=(real("10.0.2.12"),)))
    assert opened(rig, 41000).server_id != old.server_id


def test_weight_zero_keeps_sessions_and_takes_none() -> None:
    rig = Rig(config())
    entry = established(rig)
    change(rig, virtual(real_servers=(real(weight=0),)))
    rig.send(syn(41000))
    assert rig.controller.stats()["no_real_server"] == 1
    assert only(rig).entry == entry


def test_a_change_of_scheduler_or_weights_takes_effect() -> None:
    rig = Rig(config(virtual(real_servers=(real(), real("10.0.2.12")))))
    change(rig, virtual(scheduler="wrr", real_servers=(real(weight=3), real("10.0.2.12"))))
    assert sorted(opened(rig, 40000 + number).server for number in range(4)) == [SERVER, SERVER, SERVER, SERVER2]
    change(rig, virtual(scheduler="rr", real_servers=(real(weight=3), real("10.0.2.12"))))
    found = [opened(rig, 41000 + number).server for number in range(4)]
    assert found in ([SERVER, SERVER2] * 2, [SERVER2, SERVER] * 2)


def test_a_removed_local_address_answers_until_its_sessions_are_gone() -> None:
    rig = Rig(config())
    entry = established(rig)
    moved = virtual(local_addresses=(IPv4Address(LOCAL2),))
    assert change(rig, moved) == [(Op.INSERT, OwnAddress(LOCAL2, "own_local"))]
    assert opened(rig, 41000).local == LOCAL2
    rig.switch.log_of_updates.clear()
    rig.advance(90)
    rig.advance(3)
    assert entry.session_id not in rig.switch.sessions()
    assert rig.switch.log_of_updates[-1] == (Op.DELETE, OwnAddress(LOCAL, "own_local"))


def test_an_unused_local_address_goes_at_once() -> None:
    rig = Rig(config())
    assert sorted(change(rig, virtual(local_addresses=(IPv4Address(LOCAL2),))), key=str) == sorted(
        [(Op.DELETE, OwnAddress(LOCAL, "own_local")), (Op.INSERT, OwnAddress(LOCAL2, "own_local"))], key=str
    )


def test_routes_follow() -> None:
    rig = Rig(config())
    prefix = IPv4Network("192.0.2.0/24")
    drop = StaticRoute(prefix=prefix, gateway=None)
    via = replace(drop, gateway=IPv4Address("10.0.2.254"))
    routes = config().routes
    assert change(rig, routes=(*routes, drop)) == [(Op.INSERT, Route(ip("192.0.2.0"), 24, "route_drop"))]
    assert change(rig, routes=(*routes, via)) == [
        (Op.INSERT, NextHop(2)),
        (Op.MODIFY, Route(ip("192.0.2.0"), 24, "route_via", 2)),
    ]
    asked = [arp.target for effect in rig.switch.forwarded if (arp := parse(effect.frame).arp)]
    assert asked == [ip("10.0.2.254")]
    assert change(rig) == [(Op.DELETE, Route(ip("192.0.2.0"), 24, "route_via", 2)), (Op.DELETE, NextHop(2))]


def test_timeouts_follow() -> None:
    rig = Rig(config())
    change(rig, timeouts=Timeouts(syn_recv=5.0))
    opened(rig)
    rig.advance(6)
    nothing_left(rig)


def test_a_new_real_server_is_resolved() -> None:
    rig = Rig(config())
    change(rig, virtual(real_servers=(real(), real("10.0.2.12"))))
    asked = [arp.target for effect in rig.switch.forwarded if (arp := parse(effect.frame).arp)]
    assert asked == [SERVER2]


def test_one_address_with_several_roles() -> None:
    own = IPv4Address("10.0.2.1")
    rig = Rig(config(virtual(local_addresses=(own,)), virtual(address=own)))
    assert OwnAddress(address(own), "own_vip") in rig.switch.of(OwnAddress)
    change(rig, virtual(local_addresses=(own,)))
    assert OwnAddress(address(own), "own_interface") in rig.switch.of(OwnAddress)
