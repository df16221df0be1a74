"""SYNs: new sessions, and what becomes of those that cannot be."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from fullnat.core.interface import Failure, Forward, Inject, Op, Outcome, PacketIn, Write, Written
from fullnat.core.network.frames import port_unreachable
from fullnat.core.session.isn import IsnGenerator
from fullnat.net.flow import Endpoint, Flow
from fullnat.net.parse import parse
from fullnat.tables.session import SessionEntry

from .builders import (
    CLIENT,
    CLIENT_PORT,
    LOCAL,
    LOCAL2,
    PUNT,
    RPORT,
    SERVER,
    SERVER2,
    SERVER3,
    VIP,
    VPORT,
    config,
    real,
    syn,
    virtual,
)
from .helpers import again, nothing_left, only, opened, session_writes, time_wait
from .switch import SECRET, WALL_OFFSET, Rig

TWO_SERVERS = (real(), real("10.0.2.12"))


# ---- a new session


def test_a_syn_is_held_until_its_session_is_written_and_then_injected() -> None:
    rig = Rig(config())
    packet = syn(40000, 0xFFFFFFF0)
    rig.send(packet)
    assert not rig.switch.injected
    (write,) = rig.switch.writes
    ((operation, entry),) = write.updates
    assert operation is Op.INSERT
    assert isinstance(entry, SessionEntry)
    assert entry == SessionEntry(
        session_id=0,
        server_id=0,
        protocol=6,
        client=CLIENT,
        client_port=40000,
        vip=VIP,
        vport=VPORT,
        local=LOCAL,
        local_port=entry.local_port,
        server=SERVER,
        server_port=RPORT,
        delta=entry.delta,
        client_isn=0xFFFFFFF0,
        idle_timeout=90.0,
    )
    assert 5000 <= entry.local_port <= 65535
    rig.settle()
    assert rig.switch.injected == [Inject(CLIENT_PORT, packet.frame, 0, True)]


def test_delta_leads_from_the_clients_isn_to_ours() -> None:
    """Client ISN 0xFFFFFFF0 and ISN 0x10 make delta 0x20: 0xFFFFFFF1 becomes 0x11."""
    assert (0x10 - 0xFFFFFFF0) & 0xFFFFFFFF == 0x20
    rig = Rig(config())
    entry = opened(rig, seq=0xFFFFFFF0)
    ours = IsnGenerator(SECRET, WALL_OFFSET).next(entry.flow_out.dst, Endpoint(SERVER, RPORT), rig.now)
    assert (0xFFFFFFF0 + entry.delta) & 0xFFFFFFFF == ours


def test_the_idle_timeout_is_the_services_and_zero_means_the_default() -> None:
    assert opened(Rig(config(virtual(established_timeout=33.0)))).idle_timeout == 33.0
    assert opened(Rig(config(virtual(established_timeout=0.0)))).idle_timeout == 90.0


def test_servers_and_local_addresses_take_turns() -> None:
    locals_ = (IPv4Address(LOCAL), IPv4Address(LOCAL2))
    rig = Rig(config(virtual(scheduler="rr", real_servers=(*TWO_SERVERS, real("10.0.2.13")), local_addresses=locals_)))
    entries = [opened(rig, 40000 + number) for number in range(6)]
    assert [entry.server for entry in entries] == [SERVER, SERVER2, SERVER3] * 2
    assert [entry.local for entry in entries] == [LOCAL, LOCAL2] * 3
    assert [entry.session_id for entry in entries] == list(range(6))
    assert [entry.server_id for entry in entries] == [0, 1, 2, 0, 1, 2]


def test_two_servers_share_local_ports() -> None:
    rig = Rig(config(virtual(scheduler="rr", real_servers=TWO_SERVERS), local_port_min=5000, local_port_max=5000))
    assert opened(rig, 40000).local_port == opened(rig, 40001).local_port == 5000


def test_a_syn_retransmitted_while_installing_makes_one_session() -> None:
    rig = Rig(config())
    first, second = syn(40000, 7), syn(40000, 7)
    second = PacketIn(second.reason, 0, CLIENT_PORT, 0, second.frame + b"newer")
    rig.send(first)
    rig.send(second)
    rig.send(second)
    rig.settle()
    assert len(session_writes(rig)) == 1
    assert rig.switch.injected == [Inject(CLIENT_PORT, second.frame, 0, True)]
    assert rig.controller.stats()["syn_retransmitted"] == 2


def test_a_syn_punted_before_its_session_took_effect_is_injected_like_a_retransmission() -> None:
    rig = Rig(config())
    entry = opened(rig, seq=7)
    rig.send(syn(40000, 7))
    assert rig.switch.injected[1:] == [Inject(CLIENT_PORT, syn(40000, 7).frame, entry.session_id, False)]
    assert len(session_writes(rig)) == 1


def test_a_session_that_the_switch_keeps_missing_is_found_out() -> None:
    rig = Rig(config())
    entry = opened(rig, seq=7)
    rig.switch.lose(entry.session_id)
    rig.switch.strict = False
    rig.advance(3)
    rig.send(syn(40000, 7))
    rig.advance(1)
    nothing_left(rig)
    assert rig.controller.stats()["sessions_lost"] == 1
    assert opened(rig, seq=7)


def test_a_client_that_starts_anew_while_installing_gets_the_new_delta() -> None:
    rig = Rig(config())
    rig.send(syn(40000, 7))
    rig.send(syn(40000, 1000))
    rig.settle()
    (insert, modify) = session_writes(rig)
    assert (insert[0], insert[1].client_isn, modify[0], modify[1].client_isn) == (Op.INSERT, 7, Op.MODIFY, 1000)
    assert rig.switch.injected == [Inject(CLIENT_PORT, syn(40000, 1000).frame, 0, True)]


# ---- refusals and failures


@pytest.mark.parametrize(
    ("service", "cause"),
    [
        ({"real_servers": ()}, "no_real_server"),
        ({"real_servers": (real(weight=0),)}, "no_real_server"),
        ({"local_addresses": ()}, "no_local_port"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_with_icmp(service: dict[str, object], cause: str) -> None:
    rig = Rig(config(virtual(**service)))
    rig.switch.forwarded.clear()
    rig.send(syn())
    flow = Flow(6, Endpoint(CLIENT, 40000), Endpoint(VIP, VPORT))
    assert rig.switch.forwarded == [Forward(CLIENT_PORT, port_unreachable(parse(syn().frame), flow))]
    assert (rig.controller.stats()[cause], rig.controller.stats()["conn_sched_unreach"]) == (1, 1)
    nothing_left(rig)


def test_exhausted_ports_are_refused_and_freed_ports_used() -> None:
    rig = Rig(config(local_port_min=5000, local_port_max=5001))
    first = opened(rig, 40000)
    opened(rig, 40001)
    rig.send(syn(40002))
    assert rig.controller.stats()["no_local_port"] == 1
    (local,) = rig.controller.local_addresses()
    assert (local.used, local.free, local.exhausted) == (2, 0, 1)
    rig.hit(first.session_id + 1)
    rig.advance(31)
    nothing_left(rig)
    opened(rig, 40002)


def test_no_session_id_left_drops_the_syn_and_frees_the_port() -> None:
    rig = Rig(config(), session_ids=1)
    opened(rig, 40000)
    rig.send(syn(40001))
    assert rig.controller.stats()["table_full"] == 1
    assert [local.used for local in rig.controller.local_addresses()] == [1]


def test_a_full_table_frees_everything_and_drops_the_syn() -> None:
    rig = Rig(config())
    rig.switch.fail.append(Outcome.FULL)
    rig.send(syn())
    rig.settle()
    assert rig.controller.stats()["table_full"] == 1
    assert not rig.switch.injected
    nothing_left(rig)


def test_stale_entries_are_cleared_and_the_syn_tried_again_elsewhere() -> None:
    rig = Rig(config())
    rig.switch.strict = False
    stale = opened(rig, seq=7)
    rig.restart_blind()
    rig.send(syn(40000, 9))
    rig.settle()
    new = only(rig).entry
    assert rig.controller.stats()["session_conflict"] == 1
    assert new.client_isn == 9
    assert rig.switch.tables[("session_in", 6, CLIENT, 40000, VIP, VPORT)] == new
    assert rig.switch.injected[-1] == Inject(CLIENT_PORT, syn(40000, 9).frame, new.session_id, True)
    assert stale != new


def test_conflicts_end_in_a_dropped_syn_never_in_a_loop() -> None:
    rig = Rig(config())
    rig.switch.strict = False
    rig.switch.fail.extend([Outcome.EXISTS, Outcome.DONE, Outcome.EXISTS, Outcome.DONE])
    rig.send(syn())
    rig.settle()
    assert [op for op, _ in session_writes(rig)] == [Op.INSERT, Op.DELETE, Op.INSERT, Op.DELETE]
    ports = [entry.local_port for _, entry in session_writes(rig)]
    assert ports[0] != ports[2]
    assert not rig.switch.injected
    nothing_left(rig)


def test_an_unclear_failure_is_cleaned_up() -> None:
    rig = Rig(config())
    rig.switch.strict = False
    rig.switch.fail.append(Outcome.REFUSED)
    rig.send(syn())
    rig.settle()
    assert [op for op, _ in session_writes(rig)] == [Op.INSERT, Op.DELETE]
    assert rig.controller.stats()["write_failed"] == 1
    assert [log.level for log in rig.switch.logs] == ["DEBUG"]
    nothing_left(rig)


def test_a_failed_modify_leaves_the_old_session() -> None:
    rig = Rig(config())
    old = time_wait(rig, seq=7)
    rig.switch.fail.append(Outcome.REFUSED)
    rig.send(again(old, 500))
    rig.settle()
    assert (only(rig).entry, only(rig).phase, only(rig).state) == (old, "INSTALLED", "TIME_WAIT")
    rig.advance(20)
    nothing_left(rig)


def test_a_modify_of_a_vanished_session_makes_a_new_one() -> None:
    rig = Rig(config())
    rig.switch.strict = False
    old = time_wait(rig, seq=7)
    rig.switch.lose(old.session_id)
    rig.send(again(old, 500))
    rig.settle()
    assert only(rig).entry.client_isn == 500
    assert rig.switch.injected[-1] == Inject(CLIENT_PORT, again(old, 500).frame, only(rig).entry.session_id, True)


def test_a_lost_answer_is_cleaned_up() -> None:
    rig = Rig(config())
    rig.send(syn())
    rig.switch.apply(rig.now)
    rig.advance(61)
    nothing_left(rig)


def test_answers_out_of_date_are_ignored() -> None:
    rig = Rig(config())
    entry = opened(rig)
    rig.send(Written(1_000_000, {}))
    for token in range(10):
        rig.send(Written(token, {0: Failure(Outcome.FULL, "late")}))
    assert only(rig).entry == entry


def test_a_syn_to_a_service_that_just_went_is_ignored() -> None:
    rig = Rig(config())
    rig.send(syn(vport=81))
    rig.send(PacketIn(PUNT["SERVICE_SYN"], 0, 1, 0, b"no frame"))
    assert rig.controller.stats()["syn_without_service"] == 1
    assert rig.controller.stats()["bad_frame"] == 1
    assert not [write for write in rig.switch.writes if isinstance(write, Write)]
