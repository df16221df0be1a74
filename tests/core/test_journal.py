"""What the journal of sessions has: every beginning and every end once, with packets, bytes and the reason."""

from __future__ import annotations

import pytest
from fullnat.config.model import VirtualServer
from fullnat.core.declared.commands import DrainServer, RemoveService
from fullnat.core.interface import PacketIn
from fullnat.core.journal import CLOSED, OPENED, Record
from fullnat.net.flow import Endpoint
from fullnat.net.headers import PROTO_TCP

from .builders import RPORT, SERVER, VIP, VPORT, config, real, syn, virtual
from .helpers import again, established, nothing_left, opened, over, tell, time_wait
from .snatkit import OUTSIDE, first, rule
from .switch import Rig
from .udpkit import TWO, answered, begun, service

KEY = (PROTO_TCP, Endpoint(VIP, VPORT))
REAL = Endpoint(SERVER, RPORT)


class Kept(Rig):
    def __init__(self, *virtuals: object) -> None:
        super().__init__(config(*virtuals), up=False)  # type: ignore[arg-type]
        self.records: list[Record] = []
        self.controller.keep_journal(self.records.append)
        self.up()

    def ended(self) -> tuple[str, str]:
        """Why, and in which state, the only session has ended that there was."""
        assert [record.event for record in self.records] == [OPENED, CLOSED]
        return self.records[1].why, self.records[1].state


def test_a_connection_from_beginning_to_end() -> None:
    rig = Kept()
    began = rig.now
    entry = time_wait(rig)
    rig.hit(entry.session_id, into=5, out=7)
    assert rig.records == [Record(OPENED, began, entry, REAL, "fullnat", Endpoint(VIP, VPORT))]
    over(rig)
    nothing_left(rig)
    assert rig.ended() == ("finished", "TIME_WAIT")
    closed = rig.records[1]
    assert (closed.entry, closed.server, closed.began) == (entry, REAL, began)
    assert closed.now == pytest.approx(began + 7, abs=1)
    assert closed.counters is not None
    into, out = rig.switch.packets[entry.session_id]
    assert closed.counters[1:5] == (into, into * rig.switch.frame, out, out * rig.switch.frame)


@pytest.mark.parametrize(
    ("events", "why", "state"),
    [
        (("SYN_ACK", "ESTABLISHED", "RST_IN"), "client_reset", "CLOSE"),
        (("RST_OUT",), "server_reset", "CLOSE"),
        (("SYN_ACK", "ESTABLISHED"), "idle", "CLOSE"),
        (("SYN_ACK", "ESTABLISHED", "FIN_IN"), "idle", "CLOSE"),
        ((), "idle", "SYN_RECV"),
    ],
)
def test_why_connections_end(events: tuple[str, ...], why: str, state: str) -> None:
    """One that is idle is reset, so its state at the end is CLOSE."""
    rig = Kept()
    tell(rig, opened(rig).session_id, *events)
    over(rig)
    rig.advance(200)
    nothing_left(rig)
    assert rig.ended() == (why, state)


def test_a_connection_that_another_takes_over() -> None:
    """Each has its own packets: the entries count on."""
    rig = Kept()
    entry = time_wait(rig)
    rig.hit(entry.session_id, into=5, out=7)
    rig.send(again(entry, 99_000_000))
    rig.settle()
    assert [(record.event, record.why) for record in rig.records] == [
        (OPENED, ""),
        (CLOSED, "client_began_anew"),
        (OPENED, ""),
    ]
    assert rig.records[1].entry == entry
    assert rig.records[2].entry.client_isn == 99_000_000
    over(rig)
    assert rig.records[3].event == CLOSED
    assert rig.records[3].entry.client_isn == 99_000_000


def test_a_service_that_goes_and_a_server_whose_time_is_over() -> None:
    for command in (RemoveService(KEY), DrainServer(KEY, REAL, 0.0)):
        rig = Kept()
        entry = established(rig)
        rig.hit(entry.session_id, into=5, out=7)
        rig.apply(command)
        rig.settle()
        rig.advance(5)
        assert rig.switch.sessions() == {}
        assert rig.ended() == ("taken_out", "CLOSE")
        counters = rig.records[1].counters
        assert counters is not None
        assert (counters.in_packets, counters.out_packets) == rig.switch.packets[entry.session_id]


def test_a_session_that_the_switch_has_lost() -> None:
    rig = Kept()
    entry = established(rig)
    rig.switch.strict = False
    rig.switch.lose(entry.session_id)
    rig.advance(200)
    assert rig.ended()[0] == "lost"


def test_datagrams() -> None:
    rig = Kept(service(real_servers=TWO))
    answered(rig)
    rig.advance(302)
    rig.advance(9)
    assert rig.ended() == ("idle", "NORMAL")


def test_a_server_of_datagrams_that_leaves() -> None:
    rig = Kept(service(real_servers=TWO))
    entry = begun(rig)
    key, real = (17, Endpoint(VIP, VPORT)), Endpoint(entry.server, entry.server_port)
    rig.apply(DrainServer(key, real, None))
    rig.settle()
    assert rig.ended()[0] == "server_left"


def test_a_session_that_is_refused_never_was() -> None:
    rig = Kept()
    rig.switch.capacity = 0
    rig.send(syn())
    rig.settle()
    assert rig.records == []


def test_one_that_was_found_has_no_beginning() -> None:
    rig = Kept(virtual())
    entry = established(rig)
    rig.restart()
    records: list[Record] = []
    rig.controller.keep_journal(records.append)
    tell(rig, entry.session_id, "FIN_IN", "FIN_OUT")
    over(rig)
    assert [(record.event, record.began, record.why) for record in records] == [(CLOSED, None, "finished")]


@pytest.mark.parametrize(
    ("service", "packet", "server"),
    [
        (rule(), first(), Endpoint(OUTSIDE, 443)),
        (virtual(port=0, real_servers=(real(port=0),)), syn(), Endpoint(SERVER, VPORT)),
    ],
    ids=["snat", "all ports"],
)
def test_the_server_is_who_answers(service: VirtualServer, packet: PacketIn, server: Endpoint) -> None:
    """With its port, which a server of all ports has not; of SNAT it is the host outside, no address of the pool."""
    rig = Kept(service)
    rig.send(packet)
    rig.settle()
    (view,) = rig.controller.sessions()
    rig.advance(400)
    rig.advance(400)
    assert [(record.event, record.server) for record in rig.records] == [(OPENED, server), (CLOSED, server)]
    assert view.server == server
