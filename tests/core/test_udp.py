"""UDP: datagrams that open sessions, wait for them in order, and go on to another server when theirs leaves."""

from __future__ import annotations

import pytest
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Forward, IdleNotice, Inject, Op, Outcome
from fullnat.core.network.frames import port_unreachable
from fullnat.core.session import datagrams
from fullnat.net.parse import parse
from fullnat.tables.server_in import ServerIn
from fullnat.tables.session import SessionEntry
from fullnat.tables.virtual_service import VirtualService

from .builders import (
    CLIENT,
    CLIENT_PORT,
    LOCAL,
    PUNT,
    RPORT,
    SERVER,
    SERVER2,
    VIP,
    VPORT,
    config,
    real,
    syn,
    virtual,
)
from .helpers import nothing_left, only, opened, session_writes
from .switch import FakeSwitch, Rig
from .udpkit import TWO, answered, begun, datagram, service


def test_a_datagram_waits_for_its_session_and_is_injected() -> None:
    rig = Rig(config(service()))
    packet = datagram()
    rig.send(packet)
    assert rig.switch.injected == []
    ((operation, entry),) = rig.switch.writes[0].updates
    assert isinstance(entry, SessionEntry)
    expected = SessionEntry(
        0,
        0,
        17,
        CLIENT,
        40000,
        VIP,
        VPORT,
        LOCAL,
        entry.local_port,
        SERVER,
        RPORT,
        delta=0,
        client_isn=0,
        idle_timeout=300.0,
    )
    assert (operation, entry) == (Op.INSERT, expected)
    rig.settle()
    assert rig.switch.injected == [Inject(CLIENT_PORT, packet.frame, 0, True)]
    assert (only(rig).state, only(rig).phase) == ("ONEWAY", "INSTALLED")
    assert rig.controller.stats()["datagram_received"] == rig.controller.stats()["sessions_created"] == 1


def test_the_switch_gets_the_service_without_what_only_tcp_has() -> None:
    rig = Rig(config(service(toa=True, keep_mss=True, reset_on_miss=True)))
    assert rig.switch.of(VirtualService) == {VirtualService(17, VIP, VPORT, 0)}
    assert rig.switch.of(ServerIn) == {ServerIn(0, 0, SERVER, RPORT)}


def test_datagrams_that_wait_are_injected_in_their_order() -> None:
    rig = Rig(config(service()))
    packets = [datagram(payload=b"%d" % number) for number in range(5)]
    for packet in packets:
        rig.send(packet)
    rig.settle()
    late = datagram(payload=b"late")
    rig.send(late)
    assert rig.switch.injected == [
        *(Inject(CLIENT_PORT, packet.frame, 0, number == 0) for number, packet in enumerate(packets)),
        Inject(CLIENT_PORT, late.frame, 0, False),
    ]
    assert len(session_writes(rig)) == 1


def test_more_than_may_wait_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(config(service()))
    for number in range(datagrams.PER_FLOW + 3):
        rig.send(datagram(payload=b"%d" % number))
    assert rig.controller.stats()["datagram_dropped"] == 3
    rig.settle()
    assert len(rig.switch.injected) == datagrams.PER_FLOW
    monkeypatch.setattr(datagrams, "IN_ALL", 4)
    for port in range(6):
        rig.send(datagram(50000 + port))
    assert rig.controller.stats()["datagram_dropped"] == 5
    rig.settle()
    for port in range(4):
        rig.send(datagram(60000 + port))
    rig.settle()
    assert rig.controller.stats()["datagram_dropped"] == 5


def test_damaged_datagrams_open_nothing_and_those_without_checksum_do() -> None:
    rig = Rig(config(service()))
    rig.send(datagram(40000, checksum=0x1234))
    short = datagram(40001)
    rig.send(short._replace(frame=short.frame[:-1]))
    rig.send(datagram(40002, checksum=0)._replace(frame=datagram(40002, checksum=0).frame[:-1]))
    assert rig.controller.stats()["bad_checksum"] == 3
    assert session_writes(rig) == []
    assert not rig.switch.writes
    rig.send(datagram(40003, checksum=0))
    rig.settle()
    assert [entry.client_port for _, entry in session_writes(rig)] == [40003]


def test_a_first_fragment_opens_a_session_whatever_its_checksum() -> None:
    """Which is that of the whole datagram."""
    rig = Rig(config(service()))
    whole = datagram(payload=bytes(64))
    first = whole._replace(frame=whole.frame[:20] + b"\x20\0" + whole.frame[22:-16])
    rig.send(first)
    rig.settle()
    assert [each.frame for each in rig.switch.injected] == [first.frame]
    assert only(rig).state == "ONEWAY"


def test_what_is_no_datagram_is_counted() -> None:
    rig = Rig(config(service(), virtual()))
    rig.send(datagram()._replace(frame=b"no frame"))
    rig.send(syn()._replace(reason=PUNT["SERVICE_DATAGRAM"]))
    rig.send(datagram()._replace(reason=PUNT["SERVICE_SYN"]))
    assert rig.controller.stats()["bad_frame"] == 3
    assert not rig.switch.writes


def test_udp_and_tcp_of_one_virtual_address_and_port_are_apart() -> None:
    rig = Rig(config(virtual(), service()))
    of_udp, of_tcp = begun(rig), opened(rig)
    assert (of_udp.protocol, of_tcp.protocol) == (17, 6)
    assert of_udp.session_id != of_tcp.session_id
    assert [service.servers[0].inactive for service in rig.controller.services()] == [1, 1]


def test_an_unanswered_session_ends_after_the_one_way_time_without_a_reset() -> None:
    rig = Rig(config(service()))
    begun(rig)
    rig.advance(29)
    assert only(rig).state == "ONEWAY"
    rig.advance(3)
    nothing_left(rig)
    assert rig.switch.resets == []
    assert rig.controller.stats()["sessions_unanswered"] == 1


def test_an_answered_session_lasts_the_services_time_after_the_last_packet() -> None:
    rig = Rig(config(service(established_timeout=120.0)))
    entry = answered(rig)
    assert (only(rig).state, entry.idle_timeout) == ("NORMAL", 120.0)
    (server,) = rig.controller.services()[0].servers
    assert (server.active, server.inactive) == (1, 0)
    rig.advance(100)
    rig.hit(entry.session_id, out=0)
    rig.advance(100)
    assert only(rig).state == "NORMAL"
    rig.advance(21)
    rig.advance(1)
    nothing_left(rig)
    assert rig.switch.resets == []


def test_an_answer_whose_report_is_lost_is_seen_by_the_counters() -> None:
    rig = Rig(config(service()))
    entry = begun(rig)
    rig.advance(20)
    rig.hit(entry.session_id)
    rig.advance(20)
    assert only(rig).state == "NORMAL"


@pytest.mark.parametrize("mode", [Mode.DR, Mode.TUNNEL])
def test_where_answers_are_not_seen_a_session_lasts_the_services_time(mode: Mode) -> None:
    rig = Rig(config(service(mode=mode, local_addresses=(), real_servers=(real(port=VPORT),))))
    entry = begun(rig)
    assert only(rig).state == "NORMAL"
    rig.advance(200)
    rig.hit(entry.session_id, out=0)
    rig.advance(200)
    assert only(rig).state == "NORMAL"
    rig.advance(101)
    rig.advance(1)
    nothing_left(rig)
    assert rig.switch.resets == []


def test_one_that_was_found_is_taken_over() -> None:
    rig = Rig(config(service()))
    entry = answered(rig)
    rig.restart()
    assert (only(rig).entry, only(rig).state) == (entry, "NORMAL")
    rig.advance(400)
    rig.send(IdleNotice(entry.session_id))
    rig.advance(1)
    nothing_left(rig)


def test_a_server_of_weight_0_or_that_leaves_gives_its_sessions_up_at_once() -> None:
    for after in ((real(weight=0), real("10.0.2.12")), (real("10.0.2.12"),)):
        rig = Rig(config(service(real_servers=(real(),))))
        entries = [answered(rig, 40000 + number) for number in range(3)]
        rig.reconfigure(config(service(real_servers=after)))
        rig.settle()
        assert rig.switch.resets == []
        assert list(rig.controller.sessions()) == []
        assert [op for op, _ in session_writes(rig)] == [Op.INSERT] * 3 + [Op.DELETE] * 3
        assert rig.controller.stats()["datagram_rescheduled"] == 3
        assert {begun(rig, entry.client_port).server for entry in entries} == {SERVER2}


def test_tcp_sessions_of_a_server_of_weight_0_stay() -> None:
    rig = Rig(config(virtual(), service()))
    entry, _ = opened(rig), begun(rig)
    rig.reconfigure(config(virtual(real_servers=(real(weight=0),)), service(real_servers=(real(weight=0),))))
    rig.settle()
    assert only(rig).entry == entry


def test_datagrams_that_come_while_their_session_is_removed_go_to_another_server() -> None:
    rig = Rig(config(service(real_servers=(real(),))))
    answered(rig)
    rig.reconfigure(config(service(real_servers=(real("10.0.2.12"),))))
    packets = [datagram(payload=b"a"), datagram(payload=b"b")]
    injected = len(rig.switch.injected)
    for packet in packets:
        rig.send(packet)
    rig.settle()
    assert only(rig).entry.server == SERVER2
    assert [each.frame for each in rig.switch.injected[injected:]] == [packet.frame for packet in packets]


def test_a_session_that_is_only_being_written_moves_as_well() -> None:
    rig = Rig(config(service(real_servers=(real(),))))
    packet = datagram()
    rig.send(packet)
    rig.reconfigure(config(service(real_servers=(real("10.0.2.12"),))))
    rig.settle()
    assert only(rig).entry.server == SERVER2
    assert [each.frame for each in rig.switch.injected] == [packet.frame]


def test_servers_that_left_while_the_switch_was_away_give_their_sessions_up() -> None:
    rig = Rig(config(service(real_servers=TWO)))
    answered(rig, 40000), answered(rig, 40001)
    rig.config = config(service(real_servers=(real("10.0.2.12"),)))
    rig.restart()
    assert [view.entry.server for view in rig.controller.sessions()] == [SERVER2]


def test_without_a_server_the_client_is_told() -> None:
    rig = Rig(config(service(real_servers=(real(weight=0),))))
    packet = datagram()
    rig.send(packet)
    parsed = parse(packet.frame)
    assert parsed.flow is not None
    assert rig.switch.forwarded[-1] == Forward(CLIENT_PORT, port_unreachable(parsed, parsed.flow))
    assert rig.controller.stats()["no_real_server"] == rig.controller.stats()["datagram_dropped"] == 1


@pytest.mark.parametrize(
    ("outcome", "counter"),
    [(Outcome.FULL, "table_full"), (Outcome.EXISTS, "session_conflict"), (Outcome.REFUSED, "write_failed")],
)
def test_what_the_switch_refuses_is_dropped_and_the_next_datagram_tries_again(outcome: Outcome, counter: str) -> None:
    rig = Rig(config(service()), switch=FakeSwitch(strict=False))
    rig.switch.fail.append(outcome)
    rig.send(datagram())
    rig.settle()
    assert list(rig.controller.sessions()) == []
    assert rig.switch.injected == []
    assert (rig.controller.stats()[counter], rig.controller.stats()["datagram_dropped"]) == (1, 1)
    (view,) = rig.controller.services()
    assert view.refused == ({"table_full": 1} if outcome is Outcome.FULL else {})
    begun(rig)


def test_a_removed_service_takes_its_sessions_with_it() -> None:
    rig = Rig(config(virtual(), service()))
    answered(rig)
    rig.reconfigure(config(virtual()))
    rig.settle()
    assert list(rig.controller.sessions()) == []
    assert rig.switch.resets == []


def test_a_session_that_the_switch_lost_is_made_anew() -> None:
    rig = Rig(config(service()), switch=FakeSwitch(strict=False))
    entry = answered(rig)
    rig.advance(5)
    rig.switch.lose(entry.session_id)
    rig.send(datagram())
    rig.advance(1)
    rig.settle()
    begun(rig)


def test_servers_in_other_modes_have_the_clients_endpoint() -> None:
    """The client's own port is the local one; a server that answers past the switch is taken to have answered."""
    for mode, state in ((Mode.NAT, "ONEWAY"), (Mode.DR, "NORMAL"), (Mode.TUNNEL, "NORMAL")):
        rig = Rig(config(service(mode=mode, local_addresses=(), real_servers=(real(port=VPORT),))))
        entry = begun(rig)
        assert (entry.local, entry.local_port, entry.delta) == (CLIENT, 40000, 0)
        assert only(rig).state == state
        assert (entry.server, entry.server_port) == ((SERVER if mode is Mode.NAT else VIP), VPORT)
        rig.reconfigure(config(service(mode=mode, local_addresses=(), real_servers=(real("10.0.2.12", VPORT),))))
        rig.settle()
        nothing_left(rig)
        begun(rig)
        rig.advance(700)
        rig.advance(1)
        nothing_left(rig)
        assert rig.controller.stats()["sessions_unanswered"] == (2 if mode is Mode.NAT else 0)
