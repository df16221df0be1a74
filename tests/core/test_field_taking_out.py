"""What users of other balancers report of weights, limits and servers that come and go, tried here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from fullnat.config.model import RealServer, ServerSettings
from fullnat.core.declared.commands import EditServer, RemoveServer
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.net.flow import Address
from fullnat.tables.session import SessionEntry

from .builders import SERVER, SERVER2, config, ip, real, syn, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import again, established, opened, tell
from .switch import Rig
from .test_health import judge

TWO = (real(), real("10.0.2.12"))


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_a_weight_that_is_raised_while_connections_are_there_is_taken_over(scheduler: str) -> None:
    """haproxy/haproxy#189: a weight of 100 instead of 10 ends the balancer."""
    rig = Rig(config(virtual(scheduler=scheduler, real_servers=TWO)))
    for number, weight in enumerate((10, 100, 65535, 1, 0, 100)):
        rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=weight)))
        rig.settle()
        established(rig, 10_000 + number)
        (service,) = rig.controller.services()
        assert service.servers[0].effective_weight == weight


@pytest.mark.parametrize("slow_start", [0.0, 30.0])
def test_a_server_that_comes_back_under_load_keeps_to_its_limit(slow_start: float) -> None:
    """haproxy/haproxy#2744: one that leaves maintenance gets up to twice its maxconn; all of them at once, and before
    the switch has answered for any."""
    limited = replace(real(), upper_threshold=10, weight=0)
    other = replace(real("10.0.2.12"), upper_threshold=20)
    rig = Rig(config(virtual(scheduler="wlc", real_servers=(limited, other), slow_start=slow_start)))
    rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=1, upper_threshold=10)))
    for number in range(100):
        rig.send(syn(10_000 + number))
    rig.settle()
    rig.advance(20)
    for number in range(100, 200):
        rig.send(syn(10_000 + number))
    rig.settle()
    (service,) = rig.controller.services()
    assert [server.sessions for server in service.servers] == [10, 20]
    assert rig.controller.stats()["servers_full"] == 170


def test_a_weight_that_changes_while_a_server_is_down_holds_when_it_is_well() -> None:
    """acassen/keepalived#187, #596: it stays 0 after a reload; one that is removed while it is down stays."""
    rig = Rig(config(virtual(scheduler="wrr", real_servers=TWO)))
    judge(rig, FIRST, False)
    rig.reconfigure(config(virtual(scheduler="wrr", real_servers=(real(weight=9), real("10.0.2.12")))))
    rig.settle()
    (service,) = rig.controller.services()
    assert [(server.weight, server.effective_weight) for server in service.servers] == [(9, 0), (1, 1)]
    judge(rig, FIRST, True)
    assert Counter(opened(rig, 10_000 + number).server for number in range(100)) == {SERVER: 90, SERVER2: 10}
    judge(rig, SECOND, False)
    rig.reconfigure(config(virtual(scheduler="wrr", real_servers=(real(weight=9),))))
    rig.advance(40)
    (service,) = rig.controller.services()
    assert [server.endpoint for server in service.servers] == [FIRST]


def test_maglev_does_not_go_by_the_order_of_the_servers() -> None:
    """envoyproxy/envoy#20703: who lists the same servers in another order sends some clients elsewhere; so would two
    balancers, or one before and after an edit."""
    names = [f"10.0.2.{number}" for number in range(11, 31)]
    servers = [real(name, weight=1 + number % 3) for number, name in enumerate(names)]

    def homes(order: list[RealServer]) -> list[Address]:
        rig = Rig(config(virtual(scheduler="mh", real_servers=tuple(order))))
        return [lands(rig, number) for number in range(300)]

    wanted = homes(servers)
    assert homes(servers[::-1]) == wanted
    assert homes(servers[7:] + servers[:7]) == wanted


def lands(rig: Rig, number: int) -> Address:
    rig.send(syn(20_000, client=ip("192.0.2.1", number * 7919)))
    rig.settle()
    return rig.switch.sessions()[rig.switch.injected[-1].session_id].server


def goes(rig: Rig, how: str) -> None:
    """The server of the first session takes no new ones any more."""
    match how:
        case "removed":
            rig.apply(RemoveServer(KEY, FIRST))
        case "weight 0":
            rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=0)))
        case "down":
            judge(rig, FIRST, False)
    rig.settle()


def starting(*servers: RealServer) -> tuple[Rig, SessionEntry]:
    """With a SYN that the first server has not answered yet."""
    rig = Rig(config(virtual(scheduler="fo", real_servers=servers)))
    first = opened(rig)
    assert first.server == SERVER
    return rig, first


@pytest.mark.parametrize("how", ["removed", "weight 0", "down"])
def test_a_client_whose_server_goes_before_it_answers_gets_another(how: str) -> None:
    """moby/libnetwork#1691: it waits for the end of SYN_RECV, a minute."""
    rig, first = starting(real(weight=2), real("10.0.2.12"))
    goes(rig, how)
    rig.advance(1)
    rig.send(again(first, first.client_isn))
    rig.settle()
    (entry,) = rig.switch.sessions().values()
    assert entry.server == SERVER2
    assert rig.switch.injected[-1].session_id == entry.session_id
    assert rig.switch.resets == []


@pytest.mark.parametrize("how", ["removed", "weight 0", "down"])
def test_a_connection_that_is_answered_or_has_nowhere_else_to_go_stays(how: str) -> None:
    rig, first = starting(real())
    goes(rig, how)
    rig.advance(1)
    rig.send(again(first, first.client_isn))
    rig.settle()
    assert set(rig.switch.sessions().values()) == {first}
    rig, first = starting(real(weight=2), real("10.0.2.12"))
    tell(rig, first.session_id, "SYN_ACK")
    goes(rig, how)
    rig.advance(1)
    rig.send(again(first, first.client_isn))
    rig.settle()
    assert set(rig.switch.sessions().values()) == {first}
