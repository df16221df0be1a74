"""What checks find of a server: it takes no new sessions while it fails, and everything else is as configured."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fullnat.config.model import ServerSettings
from fullnat.core.balancing.health import Verdict
from fullnat.core.declared.commands import EditServer
from fullnat.core.interface import Log, SwitchDown, Turned
from fullnat.net.flow import Address, Endpoint

from .builders import SERVER, SERVER2, VIP, VPORT, config, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import established, nothing_left, opened
from .switch import Rig
from .test_echo import kind
from .udpkit import TWO, answered, begun, service

UDP = 17, Endpoint(VIP, VPORT)


def two(**changes: Any) -> Rig:
    return Rig(config(virtual(**{"scheduler": "rr", "real_servers": TWO} | changes)))


def judge(rig: Rig, server: Endpoint, healthy: bool, reason: str = "", key: tuple[int, Endpoint] = KEY) -> None:
    for _, effects in rig.controller.judge(Verdict(key, server, healthy, reason), rig.now):
        rig.switch.execute(effects)
    rig.settle()


def shares(rig: Rig, first: int, count: int = 4) -> Counter[Address]:
    return Counter(opened(rig, port).server for port in range(first, first + count))


def seen(rig: Rig) -> list[tuple[int, int, bool]]:
    (found,) = rig.controller.services()
    return [(server.weight, server.effective_weight, server.healthy) for server in found.servers]


def test_a_server_that_fails_takes_no_new_sessions_until_it_is_well() -> None:
    rig = two()
    session = established(rig, 39000)
    judge(rig, FIRST, False, "connection refused")
    assert shares(rig, 40000) == {SERVER2: 4}
    assert session.session_id in rig.switch.sessions()
    assert seen(rig) == [(1, 0, False), (1, 1, True)]
    judge(rig, FIRST, True)
    assert shares(rig, 41000) == {SERVER: 2, SERVER2: 2}
    assert seen(rig) == [(1, 1, True), (1, 1, True)]
    name = f"virtual server tcp {Endpoint(VIP, VPORT)}, real server {FIRST}"
    assert rig.switch.logs == [Log("WARNING", f"{name}: down: connection refused"), Log("INFO", f"{name}: up")]


def test_the_same_verdict_again_and_one_of_nobody_change_nothing() -> None:
    rig = two()
    judge(rig, FIRST, False)
    rig.switch.logs.clear()
    rig.switch.log_of_updates.clear()
    judge(rig, FIRST, False)
    judge(rig, Endpoint(SERVER, 99), False)
    judge(rig, FIRST, False, key=(6, Endpoint(VIP, 99)))
    assert rig.switch.logs == []
    assert rig.switch.log_of_updates == []


def test_a_weight_given_while_it_is_down_holds_when_it_is_well() -> None:
    """acassen/keepalived PR #187: a changed weight is lost while the server is down."""
    rig = two()
    judge(rig, FIRST, False)
    rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=3)))
    assert shares(rig, 40000) == {SERVER2: 4}
    judge(rig, FIRST, True)
    assert seen(rig) == [(3, 3, True), (1, 1, True)]


def test_a_server_without_weight_that_is_well_gets_nothing() -> None:
    rig = two()
    judge(rig, FIRST, False)
    rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=0)))
    judge(rig, FIRST, True)
    assert shares(rig, 40000) == {SERVER2: 4}


def test_with_all_servers_down_clients_are_refused_and_the_echo_ends() -> None:
    rig = two(echo_while_up=True)
    assert kind(rig) == "own_vip"
    judge(rig, FIRST, False)
    assert kind(rig) == "own_vip"
    judge(rig, SECOND, False)
    assert kind(rig) == "own_vip_silent"
    judge(rig, SECOND, True)
    assert kind(rig) == "own_vip"
    assert shares(rig, 40000) == {SERVER2: 4}


def test_udp_sessions_of_a_server_that_fails_go_to_another_one() -> None:
    rig = Rig(config(service(real_servers=TWO)))
    first = answered(rig, 40000)
    other = SECOND if first.server == SERVER else FIRST
    judge(rig, Endpoint(first.server, first.server_port), False, key=UDP)
    assert begun(rig, 40000).server == other.address
    judge(rig, other, False, key=UDP)
    nothing_left(rig)


def test_what_is_found_while_the_switch_is_away_holds_when_it_comes() -> None:
    rig = two()
    rig.controller.handle(SwitchDown("gone"), rig.now, rig.controller.judge(Verdict(KEY, FIRST, False), rig.now)[0][0])
    rig.up()
    assert shares(rig, 40000) == {SERVER2: 4}


def test_a_switch_that_is_not_there_yet_does_not_keep_it_from_being_told() -> None:
    rig = Rig(config(virtual(scheduler="rr", real_servers=TWO)), up=False)
    ((_, effects),) = rig.controller.judge(Verdict(KEY, FIRST, False, "timed out"), rig.now)
    assert [type(effect) for effect in effects] == [Log, Turned]
    rig.up()
    assert shares(rig, 40000) == {SERVER2: 4}


def test_a_server_that_is_well_again_starts_slowly() -> None:
    rig = two(scheduler="wrr", slow_start=90.0)
    judge(rig, FIRST, False)
    judge(rig, FIRST, True)
    (found,) = rig.controller.services()
    assert [server.effective_weight for server in found.servers] == [1, 10]
