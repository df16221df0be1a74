"""Connections that a SYN cookie began, in the controller: the server is asked, what the client sends waits, and both
entries learn by how much the numbers differ."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Interface
from typing import Any

import pytest
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Inject, Outcome, PacketIn, SessionEvents
from fullnat.core.synproxy.splicing import PATIENCE
from fullnat.net.flow import Address, Endpoint, Flow, address
from fullnat.net.headers import TcpFlag, ethernet, ethertype_of, tcp_packet
from fullnat.net.parse import Packet, Segment, parse
from fullnat.p4constants import Direction, ServiceFlag, SessionEvent
from fullnat.tables.session import SessionEntry, Splice

from .builders import CLIENT, CLIENT_PORT, INTERFACES, PUNT, SERVER_PORT, VIP, VPORT, config, syn, virtual
from .builders import real as real_server
from .switch import Rig

ACK, SYN, FIN, RST, PSH = TcpFlag.ACK, TcpFlag.SYN, TcpFlag.FIN, TcpFlag.RST, TcpFlag.PSH
ISN, SERVER_ISN, MACS = 5000, 0x12345678, (2, 1)
COOKIE = 0xABCDEF00 | 1 << 4 | 3 << 2 | 2
"""SACK, a scale of 7, an MSS of 1440."""
SOURCE = Endpoint(CLIENT, 40000)


def frame(flow: Flow, seq: int, ack: int, flags: int, **more: Any) -> bytes:
    return ethernet(*MACS, ethertype_of(flow.src.address)) + tcp_packet(flow, seq, ack, flags, **more)


class Proxied:
    """A rig with a service that answers every SYN with a cookie, and one client of it."""

    def __init__(self, vip: Address = VIP, source: Endpoint = SOURCE, **changes: Any) -> None:
        self.rig = Rig(config(virtual(**{"syn_proxy": "always", **changes})))
        self.flow = Flow(6, source, Endpoint(vip, VPORT))
        self.switch = self.rig.switch

    def from_client(self, reason: str = "COOKIE_ACK", flags: int = ACK, **fields: Any) -> PacketIn:
        seq, ack = fields.pop("seq", ISN + 1), fields.pop("ack", COOKIE + 1)
        sent = frame(self.flow, seq, ack, flags, **{"window": 500, **fields})
        number = self.entry.session_id if reason == "SPLICE" else 0
        return PacketIn(PUNT[reason], 0, CLIENT_PORT, number, sent)

    def from_server(self, flags: int = SYN | ACK, **fields: Any) -> PacketIn:
        entry = self.entry
        seq, ack = fields.pop("seq", SERVER_ISN), fields.pop("ack", ISN + 1 + entry.delta & 0xFFFFFFFF)
        sent = frame(entry.flow_out, seq, ack, flags, **{"window": 64240, **fields})
        return PacketIn(PUNT["SPLICE"], 0, SERVER_PORT, entry.session_id, sent)

    @property
    def entry(self) -> SessionEntry:
        (entry,) = self.switch.sessions().values()
        return entry

    def send(self, *events: PacketIn) -> None:
        for event in events:
            self.rig.send(event)

    def settle(self) -> None:
        self.rig.settle()

    def send_events(self, *events: SessionEvents) -> None:
        for event in events:
            self.rig.send(event)

    def states(self) -> list[str]:
        return [str(session.state) for session in self.rig.controller.sessions()]

    def injected(self) -> list[Inject]:
        """Since the last time."""
        found = self.switch.injected[:]
        self.switch.injected.clear()
        return found

    def resets(self) -> list[tuple[int, Flow | None, Segment | None]]:
        """What was sent by the ports, likewise."""
        found = [(sent.port, parse(sent.frame)) for sent in self.switch.forwarded]
        self.switch.forwarded.clear()
        return [(port, packet.flow, packet.tcp) for port, packet in found if packet.tcp is not None]

    def stat(self, name: str) -> int:
        return self.rig.controller.stats()[name]

    def begin(self, *more: PacketIn, first: PacketIn | None = None) -> Packet:
        """The cookie is acknowledged, and more follows; returns the SYN that the server gets."""
        self.send(first or self.from_client(), *more)
        self.settle()
        (asked,) = self.injected()
        assert (asked.port, asked.session_id, asked.new_session) == (CLIENT_PORT, self.entry.session_id, True)
        return parse(asked.frame)


RESET = Segment(COOKIE + 1, 0, RST, 20, 0)


def test_acknowledged_cookie_asks_the_server_with_what_it_tells() -> None:
    proxied = Proxied()
    asked = proxied.begin()
    assert asked.is_intact()
    assert (asked.flow, asked.tcp) == (proxied.flow, Segment(ISN, 0, SYN, 32, 0))
    options = asked.frame[asked.transport + 20 :]
    assert options == bytes((2, 4)) + (1440).to_bytes(2, "big") + bytes((1, 1, 4, 2, 1, 3, 3, 7))
    assert int.from_bytes(asked.frame[asked.transport + 14 : asked.transport + 16], "big") == 500 << 7
    entry = proxied.entry
    assert (entry.splice, entry.client_isn) == (Splice(0), ISN)
    assert proxied.resets() == []


def test_plain_cookie_asks_without_options() -> None:
    proxied = Proxied()
    asked = proxied.begin(first=proxied.from_client(ack=(COOKIE & ~0x1F) + 1, window=0xFFFF))
    assert asked.frame[asked.transport + 20 :] == bytes((2, 4)) + (536).to_bytes(2, "big")
    assert asked.frame[asked.transport + 14 : asked.transport + 16] == b"\xff\xff"


@pytest.mark.parametrize(("options", "narrowed"), [(b"\x01\x03\x03\x07", 0), (b"\x01\x03\x03\x04", 3), (b"", 7)])
def test_server_answer_splices_both_entries_and_lets_what_waits_go(options: bytes, narrowed: int) -> None:
    """What the client has sent, in its order, once, and then the SYN-ACK, which opens the client's window for more."""
    proxied = Proxied()
    data = proxied.from_client("COOKIE_ACK", PSH | ACK, payload=b"GET /")
    proxied.begin(data, data)
    more = proxied.from_client("SPLICE", seq=ISN + 6, payload=b" HTTP/1.0")
    answer = proxied.from_server(options=options)
    proxied.send(more, answer, answer)
    assert proxied.injected() == []
    proxied.settle()
    difference = COOKIE - SERVER_ISN & 0xFFFFFFFF
    assert proxied.entry.splice == Splice(difference, 7, narrowed)
    number = proxied.entry.session_id
    assert proxied.injected() == [
        Inject(CLIENT_PORT, data.frame, number, False),
        Inject(CLIENT_PORT, more.frame, number, False),
        Inject(SERVER_PORT, answer.frame, number, False),
    ]
    assert (proxied.stat("sessions_created"), proxied.stat("sessions_spliced")) == (1, 1)


def test_what_waits_goes_as_its_client_has_sent_it() -> None:
    """In the order of its numbers, across their end, and without acknowledgements that say nothing else."""
    proxied = Proxied()
    start = 0xFFFFFFFE
    first = proxied.from_client(seq=start)
    data = proxied.from_client(seq=start, payload=b"one")
    more = proxied.from_client("NO_SESSION", seq=1, payload=b"two")
    end = proxied.from_client("NO_SESSION", FIN | ACK, seq=4)
    proxied.begin(more, data, end, first=first)
    answer = proxied.from_server(ack=start + proxied.entry.delta & 0xFFFFFFFF)
    proxied.send(answer)
    proxied.settle()
    assert [sent.frame for sent in proxied.injected()] == [each.frame for each in (data, more, end, answer)]


def test_what_the_switch_tells_before_it_has_answered_is_heard() -> None:
    """Segments pass from the moment that both entries have the splice, and what they are is told once."""
    proxied = Proxied()
    proxied.begin()
    proxied.send(proxied.from_server())
    number = proxied.entry.session_id
    proxied.send_events(SessionEvents(number, Direction.IN, SessionEvent.ESTABLISHED))
    proxied.settle()
    assert proxied.states() == ["ESTABLISHED"]
    proxied.send_events(SessionEvents(number, Direction.OUT, SessionEvent.FIN_OUT))
    assert proxied.states() == ["FIN_WAIT"]


def test_segment_that_was_under_way_follows() -> None:
    """Of either side, with either reason."""
    proxied = Proxied()
    proxied.begin()
    proxied.send(proxied.from_server())
    proxied.settle()
    proxied.injected()
    late = [proxied.from_client("SPLICE", payload=b"x"), proxied.from_client(payload=b"y"), proxied.from_server(ACK)]
    late.append(proxied.from_client("NO_SESSION", seq=ISN + 2, payload=b"z"))
    proxied.send(*late)
    assert [sent.frame for sent in proxied.injected()] == [each.frame for each in late]


def test_silent_server_is_asked_again_and_given_up() -> None:
    proxied = Proxied()
    proxied.begin(proxied.from_client(flags=PSH | ACK, payload=b"GET /"))
    for wait in PATIENCE[:-1]:
        proxied.rig.advance(wait + 0.5)
        (again,) = proxied.injected()
        assert again.new_session is False
        assert parse(again.frame).tcp == Segment(ISN, 0, SYN, 32, 0)
    assert proxied.resets() == []
    proxied.rig.advance(PATIENCE[-1] + 0.5)
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    assert proxied.switch.sessions() == {}
    assert proxied.stat("cookie_server_silent") == 1


def test_refusal_is_the_clients_reset() -> None:
    proxied = Proxied()
    proxied.begin()
    proxied.send(proxied.from_server(RST | ACK, seq=0, ack=77))
    assert proxied.resets() == []
    proxied.send(proxied.from_server(ack=77))
    assert [segment for _, _, segment in proxied.resets()] == [Segment(77, 0, RST, 20, 0)]
    proxied.send(proxied.from_server(RST | ACK, seq=0))
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    proxied.settle()
    assert proxied.switch.sessions() == {}
    assert proxied.stat("cookie_server_refused") == 1


def test_client_that_resets_is_forgotten() -> None:
    proxied = Proxied()
    proxied.begin()
    proxied.send(proxied.from_client("SPLICE", RST, ack=0))
    proxied.settle()
    assert (proxied.switch.sessions(), proxied.resets()) == ({}, [])
    assert proxied.stat("cookie_client_gone") == 1


def test_without_server_the_client_is_reset() -> None:
    proxied = Proxied(real_servers=(real_server(weight=0),))
    proxied.send(proxied.from_client())
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    assert proxied.stat("no_real_server") == 1


@pytest.mark.parametrize("outcome", [Outcome.FULL, Outcome.REFUSED, Outcome.EXISTS])
def test_session_that_is_not_written_is_reset(outcome: Outcome) -> None:
    proxied = Proxied()
    proxied.switch.fail.append(outcome)
    proxied.switch.strict = False
    proxied.send(proxied.from_client())
    proxied.settle()
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    assert proxied.switch.sessions() == {}
    proxied.begin()


def test_splice_that_is_not_written_is_reset() -> None:
    proxied = Proxied()
    proxied.begin()
    proxied.switch.fail.append(Outcome.REFUSED)
    proxied.send(proxied.from_server())
    proxied.settle()
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    assert proxied.switch.sessions() == {}


def test_late_segment_of_a_session_that_waits_is_kept() -> None:
    """The second of two before the entries are there acknowledges no cookie: the switch takes it for late."""
    proxied = Proxied()
    proxied.send(proxied.from_client(payload=b"one"))
    second = proxied.from_client("NO_SESSION", seq=ISN + 4, payload=b"two")
    proxied.send(second)
    proxied.settle()
    proxied.send(proxied.from_server())
    proxied.settle()
    assert [sent.frame for sent in proxied.injected()][-2] == second.frame
    assert proxied.resets() == []


def test_first_late_segment_is_not_answered() -> None:
    """What acknowledges the cookie may come behind it; one that is late for longer is answered as ever."""
    proxied = Proxied(reset_on_miss=True)
    flags = int(ServiceFlag.COOKIES | ServiceFlag.RESET_ON_MISS)
    second = proxied.from_client("NO_SESSION", seq=ISN + 4, payload=b"two")._replace(service_flags=flags)
    proxied.send(second)
    assert proxied.resets() == []
    proxied.rig.advance(2)
    proxied.send(second)
    assert [segment for _, _, segment in proxied.resets()] == [RESET]
    proxied.begin()


def test_each_connection_of_a_flow_has_a_late_segment_that_is_not_answered() -> None:
    """Its client takes the port again."""
    proxied = Proxied(reset_on_miss=True)
    flags = int(ServiceFlag.COOKIES | ServiceFlag.RESET_ON_MISS)
    second = proxied.from_client("NO_SESSION", seq=ISN + 4, payload=b"two")._replace(service_flags=flags)
    proxied.send(second)
    proxied.begin()
    proxied.rig.advance(20)
    assert proxied.switch.sessions() == {}
    proxied.resets()
    proxied.send(second)
    assert proxied.resets() == []


def test_late_segment_is_answered_at_once_where_no_cookie_is_under_way() -> None:
    """The switch says so by the service's flags, without those of cookies."""
    proxied = Proxied(reset_on_miss=True, syn_proxy="auto")
    late = proxied.from_client("NO_SESSION", seq=ISN + 4)._replace(service_flags=int(ServiceFlag.RESET_ON_MISS))
    proxied.send(late)
    assert [segment for _, _, segment in proxied.resets()] == [RESET]


def test_rate_counts_what_acknowledges_a_cookie() -> None:
    """Who comes too soon learns it."""
    proxied = Proxied(new_rate=1)
    proxied.begin()
    proxied.flow = proxied.flow._replace(src=Endpoint(CLIENT, 40001))
    proxied.send(proxied.from_client())
    proxied.settle()
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    assert (proxied.stat("service_rate"), len(proxied.switch.sessions())) == (1, 1)
    proxied.rig.advance(1)
    proxied.send(proxied.from_client())
    proxied.settle()
    assert len(proxied.switch.sessions()) == 2


def test_damaged_segments_make_nothing() -> None:
    proxied = Proxied()
    broken = proxied.from_client(payload=b"abc")
    proxied.send(broken._replace(frame=broken.frame[:-1] + b"x"))
    assert proxied.switch.writes == type(proxied.switch.writes)()
    assert proxied.stat("bad_checksum") == 1


def test_repeated_syn_is_ignored_and_a_new_one_takes_over() -> None:
    """In the switch's hands it gets no cookie, as there is a session: so it is an ordinary connection."""
    proxied = Proxied()
    proxied.begin()
    number = proxied.entry.session_id
    proxied.send(syn(40000, ISN, reason="SESSION_SYN", session_id=number))
    assert proxied.injected() == []
    proxied.send(proxied.from_server())
    proxied.settle()
    proxied.injected()
    proxied.send(syn(40000, ISN, reason="SESSION_SYN", session_id=number))
    assert proxied.injected() == []
    proxied.rig.send(SessionEvents(number, Direction.OUT, SessionEvent.RST_OUT))
    proxied.send(syn(40000, ISN + 99, reason="SESSION_SYN", session_id=number))
    proxied.settle()
    assert proxied.entry.splice is None
    (injected,) = proxied.injected()
    assert injected.new_session


def test_new_syn_before_the_answer_begins_anew() -> None:
    proxied = Proxied()
    proxied.begin()
    proxied.send(syn(40000, ISN + 99, reason="SESSION_SYN", session_id=proxied.entry.session_id))
    proxied.settle()
    assert proxied.switch.sessions() == {}


def test_restart_forgets_what_waits() -> None:
    """Its client learns it with the next segment; of a session that has its server nothing is lost."""
    proxied = Proxied()
    proxied.begin()
    proxied.rig.restart()
    proxied.send(proxied.from_client("SPLICE", payload=b"x"))
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]
    proxied.settle()
    assert proxied.switch.sessions() == {}
    proxied.begin()
    proxied.send(proxied.from_server())
    proxied.settle()
    proxied.rig.restart()
    assert proxied.entry.splice is not None
    assert proxied.entry.splice.number


def test_session_that_goes_before_it_is_written_is_reset() -> None:
    """Its client learns that it has no connection."""
    proxied = Proxied()
    proxied.send(proxied.from_client(), proxied.from_client(payload=b"x"))
    proxied.rig.reconfigure(config(virtual(port=81)))
    proxied.settle()
    proxied.rig.advance(200)
    assert proxied.switch.sessions() == {}
    assert proxied.resets() == [(CLIENT_PORT, proxied.flow.reversed(), RESET)]


def test_nat_keeps_the_clients_numbers() -> None:
    proxied = Proxied(mode=Mode.NAT, local_addresses=())
    proxied.begin()
    assert (proxied.entry.delta, proxied.entry.local) == (0, CLIENT)
    proxied.send(proxied.from_server())
    proxied.settle()
    assert proxied.entry.splice == Splice(COOKIE - SERVER_ISN & 0xFFFFFFFF, 7, 7)


def test_ipv6_has_its_own_sizes() -> None:
    vip = "2001:db8:a::10"
    inside = INTERFACES[1].__class__(port=3, mac=7, address=IPv6Interface("2001:db8:2::1/64"))
    service = virtual(
        syn_proxy="always",
        address=IPv6Address(vip),
        local_addresses=(IPv6Address("2001:db8:2::200"),),
        real_servers=(real_server().__class__(address=IPv6Address("2001:db8:2::20"), port=8080),),
    )
    proxied = Proxied(address(vip), Endpoint(address("2001:db8:1::9"), 40000))
    proxied.rig.reconfigure(config(service, interfaces=(INTERFACES[0], inside), routes=()))
    proxied.settle()
    asked = proxied.begin()
    assert asked.is_intact()
    assert asked.frame[asked.transport + 20 : asked.transport + 24] == bytes((2, 4)) + (1440).to_bytes(2, "big")
