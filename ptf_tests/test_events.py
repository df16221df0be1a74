"""Session events: each bit of a session's life is reported to the controller once, by digest."""

from collections.abc import Callable
from typing import Any

from ptf_tests.base import PacketOut, over_ipv6_too
from ptf_tests.conversation import Conversation
from ptf_tests.packets import Tcp
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE


@over_ipv6_too
class EventsOfAWholeConnection(SessionTest):
    """SYN-ACK, first ACK, FIN of either side: one digest each, in order, with the direction of the packet that makes it
    true. The second FIN is told when both are acknowledged, where that can be seen."""

    def runTest(self) -> None:
        self.handshake()
        with_toa: dict[str, Any] = {"toa": "OK", "options": self.session.toa}
        self.inward(self.session.from_client(seq=1001, ack=9001), **with_toa)
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"x"), **with_toa)
        self.outward(self.session.from_server(seq=9001, ack=1034, payload=b"y"))
        self.inward(self.session.from_client(flags="FA", seq=1002, ack=9002))
        self.outward(self.session.from_server(flags="FA", seq=9002, ack=1035))
        self.inward(self.session.from_client(seq=1003, ack=9003))
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), *self.both_fins("IN", "OUT"))


@over_ipv6_too
class EventsComeOnce(Conversation):
    """However often the segment comes again, its event is reported once: the next digest is the next event's."""

    def runTest(self) -> None:
        self.syn(client_isn=1000, server_isn=9000)
        with_toa: dict[str, Any] = {"toa": "OK", "options": self.session.toa}
        steps: list[tuple[Callable[..., None], Tcp, dict[str, Any]]] = [
            (self.outward, self.session.from_server(flags="SA", seq=9000, ack=1033), {}),
            (self.inward, self.session.from_client(seq=1001, ack=9001), with_toa),
            (self.outward, self.session.from_server(flags="FA", seq=9001, ack=1033), {}),
            (self.inward, self.session.from_client(flags="FA", seq=1001, ack=9002), {}),
            (self.outward, self.session.from_server(seq=9002, ack=1034), {}),
            (self.outward, self.session.from_server(flags="R", seq=9002), {}),
            (self.inward, self.session.from_client(flags="R", seq=1002), {}),
        ]
        for send, segment, changes in steps:
            for _ in range(3):
                send(segment, **changes)
        for send, segment, changes in steps:
            send(segment, **changes)
        self.expect_events(
            self.session.id,
            ("OUT", "SYN_ACK"),
            ("IN", "ESTABLISHED"),
            *self.both_fins("OUT", "IN"),
            ("OUT", "RST_OUT"),
            ("IN", "RST_IN"),
        )


@over_ipv6_too
class RstOutweighsOtherFlags(Conversation):
    """A RST with ACK, FIN or PSH is a RST."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(flags="RFPA", seq=self.sent)
        self.server_sends(flags="RFA", seq=self.answered)
        self.expect_events(
            self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), ("IN", "RST_IN"), ("OUT", "RST_OUT")
        )


@over_ipv6_too
class FinWithDataIsFin(Conversation):
    """FIN with data or urgent is a FIN; without ACK no receiver takes it."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(3, flags="F", seq=self.sent)
        self.server_sends(3, flags="F", seq=self.answered)
        self.client_sends(3, flags="FPUA")
        self.server_sends(3, flags="FA")
        self.client_sends()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), *self.both_fins("IN", "OUT"))


@over_ipv6_too
class NoEventWithoutMeaning(Conversation):
    """The client's SYN, a SYN-ACK from the client, a SYN or plain ACK from the server, and segments without ACK
    report nothing: the next digest is the FIN's."""

    def runTest(self) -> None:
        self.open()
        self.inject(self.session.from_client(flags="S", seq=1), toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(flags="SA", seq=1, ack=5))
        self.inward(self.session.from_client(flags="P", seq=self.sent, payload=b"x"))
        self.outward(self.session.from_server(flags="S", seq=1))
        self.server_sends()
        self.server_sends(flags="FA")
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), ("OUT", "FIN_OUT"))


@over_ipv6_too
class DroppedSegmentsAreNoEvents(Conversation):
    """A FIN that is dropped as broken ends nothing."""

    def runTest(self) -> None:
        self.open()
        fin = self.session.from_client(flags="FA", seq=self.sent, ack=self.answered)
        self.drop(CLIENT_SIDE, fin.replace(options=b"\x02\x00\x01\x01"), "TCP_OPTIONS")
        self.drop(CLIENT_SIDE, fin.replace(data_offset=4), "TCP_HEADER")
        self.drop(CLIENT_SIDE, fin.replace(version=5), self.network.header_fault)
        self.client_sends(flags="R", seq=self.sent)
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), ("IN", "RST_IN"))


@over_ipv6_too
class NothingIsEstablishedBeforeTheServerAnswers(Conversation):
    """ACKs of the client before the server's SYN-ACK are no news; the first one behind it is."""

    def runTest(self) -> None:
        self.syn()
        for ack in (0, 1, 0x89ABCDEF):
            self.inward(self.session.from_client(seq=1001, ack=ack))
        self.syn_ack()
        self.client_sends()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"))


@over_ipv6_too
class ControllersResetIsNoEvent(SessionTest):
    """The controller is not told of the RSTs that it makes itself: the first RST digest is that of the server's own."""

    def runTest(self) -> None:
        self.handshake()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"))
        reset = self.session.from_client(flags="R")
        expected = self.session.to_server(reset, seq=1033, ttl=reset.ttl)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[(2, expected)])
        self.outward(self.session.from_server(flags="R", seq=9001))
        self.inward(self.session.from_client(flags="R", seq=1001))
        self.expect_events(self.session.id, ("OUT", "RST_OUT"), ("IN", "RST_IN"))
