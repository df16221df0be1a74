"""Sessions that a cookie began: the server's numbers are others to the client, in both directions."""

from __future__ import annotations

from dataclasses import replace

from fullnat.core.declared.modes import Mode
from fullnat.p4constants import SessionFlag

from ptf_tests.base import PacketOut, Punt, over_ipv6_too
from ptf_tests.packets import NOP, sack, timestamps
from ptf_tests.proxy import proxy_header
from ptf_tests.spliced import COOKIE, ISN, SCALE, SERVER_ISN, SPLICE, SplicedSession, SplicedTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


@over_ipv6_too
class SplicedSessionTranslatesBothNumbers(SplicedTest):
    """Data in both directions, FINs, and what has no number to translate."""

    def runTest(self) -> None:
        self.begin()
        self.inward(self.segment(payload=b"GET /", flags="PA"))
        self.outward(self.answer(payload=b"200 OK", ack=ISN + 6 + self.delta))
        self.inward(self.segment(seq=ISN + 6, ack=COOKIE + 7, flags="FA"))
        self.outward(self.answer(seq=SERVER_ISN + 7, ack=ISN + 7 + self.delta, flags="FA"))
        self.inward(self.segment(seq=ISN + 7, ack=COOKIE + 8))
        self.inward(self.segment(seq=ISN + 7, ack=0, flags="R"))
        self.outward(self.answer(seq=SERVER_ISN + 8, ack=0, flags="R"))
        self.expect_events(
            self.session.id,
            ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), ("IN", "FIN_IN"), ("IN", "FIN_OUT"),
        )  # fmt: skip


@over_ipv6_too
class SplicedSessionTranslatesSack(SplicedTest):
    """Blocks of either side."""

    def runTest(self) -> None:
        self.begin()
        blocks = [(5000, 6000), (0xFFFFFFF0, 0x10)]
        raised = [tuple((edge + SPLICE) & 0xFFFFFFFF for edge in block) for block in blocks]
        self.inward(self.segment(options=NOP * 2 + sack(*raised)), options=NOP * 2 + sack(*blocks))  # type: ignore[arg-type]
        raised = [tuple((edge + self.delta) & 0xFFFFFFFF for edge in block) for block in blocks]
        self.outward(self.answer(options=NOP * 2 + sack(*raised)), options=NOP * 2 + sack(*blocks))  # type: ignore[arg-type]


@over_ipv6_too
class SplicedSessionNarrowsWindows(SplicedTest):
    """Where the client shifts them by more than the server; not by the SYN-ACK's, which is not shifted."""

    narrowed = 3

    def runTest(self) -> None:
        self.begin()
        self.outward(self.answer(window=0xFFFF, payload=b"x"), window=0x1FFF)
        self.outward(self.answer(window=7), window=0)
        self.inward(self.segment(window=0xFFFF))


@over_ipv6_too
class SplicedSessionIsResetByBothNumbers(SplicedTest):
    """The controller's resets have what their receivers acknowledged."""

    def runTest(self) -> None:
        self.begin()
        self.inward(self.segment(payload=b"12345"))
        self.outward(self.answer(payload=b"123", ack=ISN + 6 + self.delta))
        self.inward(self.segment(seq=ISN + 6, ack=COOKIE + 4))
        session = self.session
        reset = session.from_client(flags="R", seq=0, window=0)
        out = PacketOut("RESET", reset, port=CLIENT_SIDE, session_id=session.id)
        expected = reset.replace(**session.server_gets, seq=ISN + 6 + self.delta)
        self.exchange(out, out=[(SERVER_SIDE, expected)])
        reset = session.from_server(flags="R", seq=0, window=0)
        out = PacketOut("RESET", reset, port=SERVER_SIDE, session_id=session.id)
        self.exchange(out, out=[(CLIENT_SIDE, reset.replace(**session.client_gets, seq=COOKIE + 4))])


@over_ipv6_too
class SplicedServerLearnsTheClient(SplicedTest):
    """By TOA, as long as the client acknowledges no data."""

    flags = 1

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=ISN)
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        answer = self.session.from_server(flags="SA", seq=SERVER_ISN, ack=ISN + 1 + self.delta, window=64240)
        self.outward(answer, flags="A", seq=COOKIE + 1, window=64240 >> SCALE)
        self.inward(self.segment(payload=b"x"), toa="OK", options=self.session.toa)
        self.outward(self.answer(payload=b"y", ack=ISN + 2 + self.delta))
        self.inward(self.segment(seq=ISN + 2, ack=COOKIE + 2))


@over_ipv6_too
class UnansweredSplicedSessionIsPunted(SplicedTest):
    """Until the server has answered, what either side sends goes to the controller; what that injects passes."""

    splice = 0

    def runTest(self) -> None:
        session = self.session
        syn = session.from_client(flags="S", seq=ISN)
        self.inject(syn, new_session=True)
        for fields in ({}, {"payload": b"x"}, {"flags": "FA"}, {"flags": "R", "ack": 0}):
            sent = self.segment(**fields)
            end = ISN + 1 + self.delta
            self.exchange((CLIENT_SIDE, sent), punted=[Punt("SPLICE", sent, session_id=session.id)])
            for flags in ("SA", "RA"):
                answer = self.answer(flags=flags, seq=SERVER_ISN, ack=end)
                punt = Punt("SPLICE", answer, port=SERVER_SIDE, session_id=session.id)
                self.exchange((SERVER_SIDE, answer), punted=[punt])
        self.drop(CLIENT_SIDE, self.segment(options=b"\x08\x00\x00\x00"), "TCP_OPTIONS")


@over_ipv6_too
class SplicedSessionInNat(SplicedTest):
    """A server that sees the client's address has the client's numbers and options, and its own numbers differ all the
    same."""

    delta = 0
    flags = Mode.NAT.session_flags(0)

    def new_session(self) -> SplicedSession:
        return replace(super().new_session(), local=self.network.client, local_port=40000)

    def runTest(self) -> None:
        self.begin()
        raised = NOP * 2 + sack((5000 + SPLICE & 0xFFFFFFFF, 6000 + SPLICE & 0xFFFFFFFF))
        self.inward(self.segment(payload=b"GET /", options=raised), options=NOP * 2 + sack((5000, 6000)))
        own = NOP * 2 + sack((ISN + 20, ISN + 30)) + NOP * 2 + timestamps(7, 5)
        self.outward(self.answer(payload=b"200 OK", ack=ISN + 6, options=own))
        self.inward(self.segment(seq=ISN + 6, ack=COOKIE + 7, flags="FA"))
        self.outward(self.answer(seq=SERVER_ISN + 7, ack=ISN + 7, flags="FA"))
        self.inward(self.segment(seq=ISN + 7, ack=COOKIE + 8))
        self.outward(self.answer(seq=SERVER_ISN + 8, ack=0, flags="R"))


@over_ipv6_too
class SplicedServerLearnsTheClientByProxy(SplicedTest):
    """PROXY protocol: its header is in front of what the client sends first, be it the ACK of the cookie, until the
    server has said twice that it has it; both sides' numbers are right before and after."""

    required = ("syn-cookies", "proxy-protocol")
    flags = SessionFlag.PROXY
    delta = 0x9E3779B9

    def runTest(self) -> None:
        session = self.session
        header = proxy_header((session.client, session.client_port), (session.vip, session.vport))
        first = ISN + 1 + self.delta
        head = first - len(header) & 0xFFFFFFFF
        self.inject(session.from_client(flags="S", seq=ISN), new_session=True, seq=head - 1)
        answer = session.from_server(flags="SA", seq=SERVER_ISN, ack=head, window=64240)
        self.outward(answer, flags="A", seq=COOKIE + 1, ack=ISN + 1, window=64240 >> SCALE)
        self.inward(self.segment(), seq=head, payload=header)
        self.outward(self.answer(ack=head + 1, payload=b"220 hello"), ack=ISN + 1)
        self.inward(self.segment(payload=b"EHLO", ack=COOKIE + 10), seq=head, payload=header + b"EHLO")
        for _ in range(2):
            self.outward(self.answer(seq=SERVER_ISN + 10, ack=first + 4 & 0xFFFFFFFF), ack=ISN + 5)
        self.inward(self.segment(seq=ISN + 5, ack=COOKIE + 10, payload=b"QUIT"))
        self.outward(self.answer(seq=SERVER_ISN + 10, ack=first + 8 & 0xFFFFFFFF, flags="FA"))


@over_ipv6_too
class ServersAnswerIsNotedAtOnce(SplicedTest):
    """What passes between the splice and the SYN-ACK that the controller sends on is followed, too."""

    splice = 0

    def runTest(self) -> None:
        session = self.session
        self.inject(session.from_client(flags="S", seq=ISN), new_session=True)
        answer = self.answer(flags="SA", seq=SERVER_ISN, window=64240)
        punt = Punt("SPLICE", answer, port=SERVER_SIDE, session_id=session.id)
        self.exchange((SERVER_SIDE, answer), punted=[punt])
        self.delete(*session.entries)
        assert isinstance(session, SplicedSession)
        self.session = replace(session, splice=SPLICE)
        self.insert(*self.session.entries)
        self.inward(self.segment(payload=b"GET /", flags="PFA"))
        self.outward(self.answer(payload=b"200 OK", ack=ISN + 7 + self.delta, flags="FA"))
        injected = PacketOut("INJECT", answer, port=SERVER_SIDE, session_id=session.id)
        opened = self.session.to_client(answer, flags="A", seq=COOKIE + 1, window=64240 >> SCALE)
        self.exchange(injected, out=[(CLIENT_SIDE, opened)])
        self.inward(self.segment(seq=ISN + 7, ack=COOKIE + 8))
        self.expect_events(session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED|FIN_IN"), ("IN", "FIN_OUT"))
