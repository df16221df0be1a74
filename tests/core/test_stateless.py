"""Services without sessions: the buckets of the switch follow the servers, few flows move, and ids are given back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from random import Random
from typing import Any

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.config.model import RealServer, VirtualServer
from fullnat.core.balancing.flow_table import FlowTable
from fullnat.core.balancing.health import Verdict
from fullnat.core.balancing.servers import Server
from fullnat.core.declared.commands import (
    CommandError,
    DrainServer,
    EditServer,
    EditService,
    RemoveServer,
    RemoveService,
)
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Op, Sizes
from fullnat.core.network.frames import readdressed
from fullnat.net.flow import Address, Endpoint, address
from fullnat.net.headers import PROTO_TCP, TcpFlag
from fullnat.net.icmp import quoted
from fullnat.net.parse import parse
from fullnat.p4constants import OF_SERVER, PuntReason
from fullnat.tables.bucket import Bucket
from fullnat.tables.server_in import ServerIn
from fullnat.tables.virtual_service import VirtualService
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import CLIENT, PUNT, SERVER_MAC, SWITCH_MAC_2, VIP, VPORT, config, syn, tcp_frame
from .switch import Rig
from .test_neighbors import answer

KEY = PROTO_TCP, Endpoint(VIP, VPORT)
BUCKETS = 8192


def real(host: int, weight: int = 1, mode: Mode | None = None) -> RealServer:
    return RealServer(address=IPv4Address(f"10.0.2.{host}"), port=VPORT, weight=weight, mode=mode)


def stateless(*hosts: int, **changes: Any) -> VirtualServer:
    fields: dict[str, Any] = {
        "address": IPv4Address(VIP),
        "port": VPORT,
        "mode": Mode.DR,
        "scheduler": "mh",
        "sessions": False,
        "real_servers": tuple(real(host) for host in hosts),
    }
    return VirtualServer(**(fields | changes))


def endpoint(host: int) -> Endpoint:
    return Endpoint(address(f"10.0.2.{host}"), VPORT)


def owners(rig: Rig) -> dict[int, Address]:
    """Where each bucket of the service leads in the switch."""
    (service,) = rig.switch.of(VirtualService)
    assert isinstance(service, VirtualService)
    found: dict[int, Address] = {}
    for entry in rig.switch.of(Bucket):
        assert isinstance(entry, Bucket)
        assert entry.group == service.group
        server = rig.switch.tables["server_in", entry.server_id]
        assert isinstance(server, ServerIn)
        found[entry.bucket] = server.address
    assert found.keys() <= set(range(service.mask + 1))
    return found


def moved(before: dict[int, Address], after: dict[int, Address]) -> set[int]:
    assert before.keys() == after.keys()
    return {bucket for bucket in before if before[bucket] != after[bucket]}


def writes_of_buckets(rig: Rig) -> list[tuple[Op, Bucket]]:
    return [(op, entry) for op, entry in rig.switch.log_of_updates if isinstance(entry, Bucket)]


TEN = tuple(range(11, 21))


def test_every_bucket_leads_to_a_server_in_proportion() -> None:
    rig = Rig(config(stateless(real_servers=(real(11), real(12), real(13, weight=2)))))
    found = owners(rig)
    assert len(found) == BUCKETS
    shares = [list(found.values()).count(endpoint(host).address) for host in (11, 12, 13)]
    assert [share / BUCKETS for share in shares] == pytest.approx([0.25, 0.25, 0.5], rel=0.02)


def test_of_ten_servers_one_that_goes_takes_few_flows_of_others_along() -> None:
    rig = Rig(config(stateless(*TEN)))
    before = owners(rig)
    rig.switch.log_of_updates.clear()
    rig.apply(RemoveServer(KEY, endpoint(15)))
    rig.settle()
    after = owners(rig)
    went = moved(before, after)
    assert {bucket for bucket, at in before.items() if at == endpoint(15).address} <= went
    assert 0.09 < len(went) / BUCKETS < 0.12
    assert {entry.bucket for _, entry in writes_of_buckets(rig)} == went
    assert {op for op, _ in writes_of_buckets(rig)} == {Op.MODIFY}
    rig.apply(*diff(rig.controller.model, model_of(config(stateless(*TEN)))))
    rig.settle()
    assert owners(rig) == before


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.data())
def test_a_server_that_goes_moves_little_more_than_its_own(count: int, data: st.DataObject) -> None:
    """At 100 buckets a server or more, as the paper has it: at most 6 % of the flows beside its own."""
    servers = []
    for host in range(count):
        server = Server(endpoint(11 + host), Mode.DR)
        server.effective_weight = data.draw(st.sampled_from([1, 1, 1, 2, 3]))
        servers.append(server)
    table = FlowTable(BUCKETS)
    table.update(servers)
    before = list(table.owners)
    gone = data.draw(st.sampled_from(servers))
    table.update([server for server in servers if server is not gone])
    others = [was for was, now in zip(before, table.owners, strict=True) if was is not now and was is not gone]
    assert gone not in table.owners
    assert len(others) / len(before) < 0.06
    again = FlowTable(BUCKETS)
    again.update([server for server in servers if server is not gone])
    assert again.owners == table.owners


@pytest.mark.parametrize("how", ["weight", "drain", "health"])
def test_a_server_without_weight_loses_its_flows_at_once(how: str) -> None:
    rig = Rig(config(stateless(11, 12, 13)))
    before = owners(rig)
    if how == "weight":
        rig.apply(
            EditServer(KEY, endpoint(12), replace(rig.controller.model.services[KEY].servers[endpoint(12)], weight=0))
        )
    elif how == "drain":
        rig.apply(DrainServer(KEY, endpoint(12), None))
    else:
        rig.execute(rig.controller.judge(Verdict(KEY, endpoint(12), False, "down"), rig.now))
    rig.settle()
    assert endpoint(12).address not in owners(rig).values()
    if how == "health":
        rig.execute(rig.controller.judge(Verdict(KEY, endpoint(12), True), rig.now))
        rig.settle()
        assert owners(rig) == before


def test_the_last_server_leaves_no_bucket_and_ids_are_given_back() -> None:
    rig = Rig(config(stateless(11)))
    rig.apply(RemoveServer(KEY, endpoint(11)))
    rig.settle()
    assert owners(rig) == {}
    assert rig.switch.of(ServerIn) == set()
    rig.apply(RemoveService(KEY))
    rig.settle()
    assert rig.switch.of(VirtualService) == set()
    assert rig.switch.of(Bucket) == set()


def test_a_server_goes_from_the_switch_behind_what_led_to_it() -> None:
    rig = Rig(config(stateless(11, 12)))
    rig.switch.log_of_updates.clear()
    rig.apply(RemoveServer(KEY, endpoint(12)))
    rig.settle()
    kinds = [(op, type(entry)) for op, entry in rig.switch.log_of_updates]
    assert max(i for i, (_, kind) in enumerate(kinds) if kind is Bucket) < kinds.index((Op.DELETE, ServerIn))


def test_nothing_moves_over_a_restart() -> None:
    rig = Rig(config(stateless(*TEN)))
    before = owners(rig)
    for restart in (rig.restart, rig.forgetful_restart, rig.restart_blind):
        rig.switch.log_of_updates.clear()
        restart()
        rig.settle()
        assert owners(rig) == before
        assert writes_of_buckets(rig) == []


def test_what_changed_while_the_controller_was_away_is_made_good() -> None:
    rig = Rig(config(stateless(*TEN)))
    rig.config = config(stateless(*TEN[1:], 30))
    rig.restart()
    rig.settle()
    assert set(owners(rig).values()) == {endpoint(host).address for host in (*TEN[1:], 30)}
    assert len(owners(rig)) == BUCKETS
    rig.config = config()
    rig.restart()
    rig.settle()
    assert rig.switch.of(Bucket) == set()


def test_a_service_changes_to_sessions_and_back() -> None:
    rig = Rig(config(stateless(11, 12)))
    declared = rig.controller.model.services[KEY].settings
    rig.apply(EditService(KEY, replace(declared, sessions=True)))
    rig.settle()
    (service,) = rig.switch.of(VirtualService)
    assert isinstance(service, VirtualService)
    assert service.group is None
    assert rig.switch.of(Bucket) == set()
    rig.send(syn())
    rig.settle()
    assert len(list(rig.controller.sessions())) == 1
    rig.apply(EditService(KEY, replace(declared, buckets=256)))
    rig.settle()
    assert len(owners(rig)) == 256
    assert len(list(rig.controller.sessions())) == 1


def test_services_have_groups_of_their_own() -> None:
    other = stateless(11, 12, port=443, real_servers=(replace(real(11), port=443), replace(real(12), port=443)))
    rig = Rig(config(stateless(11, 12), other))
    groups = {entry.group for entry in rig.switch.of(VirtualService) if isinstance(entry, VirtualService)}
    assert len(groups) == 2
    assert len(rig.switch.of(Bucket)) == 2 * BUCKETS


def test_packets_of_no_session_find_their_servers_neighbor_and_their_mtu() -> None:
    """They come up with the id of their server."""
    rig = Rig(config(stateless(11, mode=Mode.TUNNEL)))
    (entry,) = rig.switch.of(ServerIn)
    assert isinstance(entry, ServerIn)
    frame = tcp_frame(CLIENT, 40000, VIP, VPORT, 1, 0, TcpFlag.SYN)
    punted = syn()._replace(reason=PuntReason.NO_NEIGHBOR, session_id=OF_SERVER | entry.server_id, frame=frame)
    rig.send(punted)
    rig.switch.forwarded.clear()
    answer(rig, entry.address)
    assert [effect.frame for effect in rig.switch.forwarded] == [readdressed(frame, SERVER_MAC, SWITCH_MAC_2)]
    rig.send(punted._replace(reason=PUNT["TOO_BIG"]))
    told = parse(rig.switch.injected[-1].frame)
    assert quoted(told) is not None
    assert int.from_bytes(told.frame[told.transport + 6 : told.transport + 8], "big") == 1500 - 20


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scheduler": "wlc"}, "sessions = false needs scheduler mh, not wlc"),
        ({"persistence_timeout": 60.0}, "persistence_timeout needs sessions"),
        ({"max_sessions": 5}, "max_sessions needs sessions"),
        ({"slow_start": 5.0}, "slow_start needs sessions"),
        ({"new_rate": 5}, "new_rate needs sessions"),
        ({"drain_timeout": 5.0}, "drain_timeout needs sessions"),
        ({"buckets": 4097}, "4097 is not a power of two from 256 to 65536"),
        ({"buckets": 128}, "128 is not a power of two from 256 to 65536"),
    ],
)
def test_what_needs_sessions_is_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    rig = Rig(config(stateless(11)))
    declared = rig.controller.model.services[KEY].settings
    with pytest.raises(CommandError) as caught:
        rig.apply(EditService(KEY, replace(declared, **wrong)))
    assert [
        problem.message.removeprefix("virtual server tcp 198.51.100.10:80: ") for problem in caught.value.problems
    ] == [said]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mode": Mode.FULLNAT}, "fullnat needs sessions: without, a server is in dr, tunnel or gue"),
        ({"mode": Mode.NAT}, "nat needs sessions: without, a server is in dr, tunnel or gue"),
        ({"upper_threshold": 5}, "upper_threshold needs sessions"),
    ],
)
def test_servers_that_need_sessions_are_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    rig = Rig(config(stateless(11)))
    declared = rig.controller.model.services[KEY].servers[endpoint(11)]
    with pytest.raises(CommandError) as caught:
        rig.apply(EditServer(KEY, endpoint(11), replace(declared, **wrong)))
    assert [problem.message for problem in caught.value.problems] == [f"real server {endpoint(11)}: {said}"]


def test_a_program_without_them_refuses_them() -> None:
    rig = Rig(config(), up=False)
    controller = type(rig.controller)(Sizes(64, 64, has_stateless=False), b"0" * 16, Random(1))
    with pytest.raises(CommandError) as caught:
        controller.apply(diff(controller.model, model_of(config(stateless(11)))), 0.0)
    assert "sessions = false is not what this program of the switch can do" in str(caught.value)
