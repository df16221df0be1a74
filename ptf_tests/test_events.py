"""Session events: each bit of a session's life is reported to the controller once, by digest."""

from typing import Any

from ptf_tests.base import PacketOut
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE


class EventsOfAWholeConnection(SessionTest):
    """SYN-ACK, first ACK, FIN of either side: one digest each, in order, with the direction of the packet."""

    def runTest(self) -> None:
        self.handshake()
        with_toa: dict[str, Any] = {"toa": "OK", "options": self.session.toa}
        self.inward(self.session.from_client(seq=1001, ack=9001), **with_toa)
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"x"), **with_toa)
        self.outward(self.session.from_server(seq=9001, ack=1034, payload=b"y"))
        self.inward(self.session.from_client(flags="FA", seq=1002, ack=9002))
        self.outward(self.session.from_server(flags="FA", seq=9002, ack=1035))
        self.inward(self.session.from_client(seq=1003, ack=9003))
        self.expect_events(
            self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), ("IN", "FIN_IN"), ("OUT", "FIN_OUT")
        )


class EventsComeOnce(SessionTest):
    """However often the segment comes again, its event is reported once: the next digest is the next event's."""

    def runTest(self) -> None:
        steps = [
            (self.outward, self.session.from_server(flags="SA", seq=9000, ack=1033)),
            (self.inward, self.session.from_client(seq=1001, ack=9002)),
            (self.outward, self.session.from_server(flags="FA", seq=9001, ack=1033)),
            (self.inward, self.session.from_client(flags="FA", seq=1001, ack=9002)),
            (self.outward, self.session.from_server(flags="R", seq=9002)),
            (self.inward, self.session.from_client(flags="R", seq=1002)),
        ]
        for send, segment in steps:
            for _ in range(3):
                send(segment)
        for send, segment in steps:
            send(segment)
        self.expect_events(
            self.session.id,
            ("OUT", "SYN_ACK"),
            ("IN", "ESTABLISHED"),
            ("OUT", "FIN_OUT"),
            ("IN", "FIN_IN"),
            ("OUT", "RST_OUT"),
            ("IN", "RST_IN"),
        )


class RstOutweighsOtherFlags(SessionTest):
    """A RST with ACK, FIN or PSH is a RST."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(flags="RFPA", seq=1001, ack=1))
        self.outward(self.session.from_server(flags="RFA", seq=9001, ack=1))
        self.expect_events(self.session.id, ("IN", "RST_IN"), ("OUT", "RST_OUT"))


class FinWithDataIsFin(SessionTest):
    """FIN with data, urgent or without ACK is a FIN; it does not count as the first ACK."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(flags="FPUA", seq=1001, ack=1, payload=b"bye"))
        self.outward(self.session.from_server(flags="F", seq=9001, payload=b"bye"))
        self.inward(self.session.from_client(seq=1005, ack=1))
        self.expect_events(self.session.id, ("IN", "FIN_IN"), ("OUT", "FIN_OUT"), ("IN", "ESTABLISHED"))


class NoEventWithoutMeaning(SessionTest):
    """The client's SYN, a SYN-ACK from the client, a SYN or plain ACK from the server, and segments without ACK
    report nothing: the first digest is the FIN's."""

    def runTest(self) -> None:
        self.inject(self.session.from_client(flags="S", seq=1), toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(flags="SA", seq=1, ack=5))
        self.inward(self.session.from_client(flags="P", seq=1, payload=b"x"))
        self.outward(self.session.from_server(flags="S", seq=1))
        self.outward(self.session.from_server(seq=1, ack=5))
        self.outward(self.session.from_server(flags="FA", seq=1, ack=5))
        self.expect_events(self.session.id, ("OUT", "FIN_OUT"))


class DroppedSegmentsAreNoEvents(SessionTest):
    """A FIN that is dropped as broken ends nothing."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, self.session.from_client(flags="FA", options=b"\x02\x00\x01\x01"), "TCP_OPTIONS")
        self.drop(CLIENT_SIDE, self.session.from_client(flags="FA", data_offset=4), "TCP_HEADER")
        self.drop(CLIENT_SIDE, self.session.from_client(flags="FA", ip_checksum=1), "IPV4_CHECKSUM")
        self.inward(self.session.from_client(flags="R", seq=1))
        self.expect_events(self.session.id, ("IN", "RST_IN"))


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
