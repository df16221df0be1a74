"""PROXY protocol of TCP: the header stands before the client's first byte, and all numbers are as if it had sent it."""

from __future__ import annotations

from dataclasses import replace

from fullnat.p4constants import SessionFlag

from ptf_tests import topology
from ptf_tests.base import PacketOut, over_ipv6_too, requires
from ptf_tests.errors import LEAST, IcmpErrorTest
from ptf_tests.families import CrossSession, ends
from ptf_tests.icmp import quote
from ptf_tests.packets import NOP, mss, sack
from ptf_tests.proxy import ANSWER, CLIENT_ISN, FIRST, SERVER_ISN, ProxyTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


@requires("proxy-protocol")
class _Test(ProxyTest):
    pass


@over_ipv6_too
class HandshakesLastAckTells(_Test):
    """A server that speaks first has the header with the ACK of its SYN-ACK, and again as long as it has not said
    twice that it has it: then what acknowledges its data is plain."""

    def runTest(self) -> None:
        self.begin()
        for _ in range(3):
            self.told(self.segment())
        self.answered(self.size, payload=b"220 mail")
        self.told(self.segment(ack=ANSWER + 8))
        self.answered(self.size, seq=ANSWER + 8, payload=b"more")
        self.inward(self.segment(ack=ANSWER + 12))
        self.inward(self.segment(ack=ANSWER + 12, payload=b"EHLO"))


@over_ipv6_too
class FirstSegmentsCarryTheHeader(_Test):
    """Whatever their length and flags, and as often as they come."""

    def runTest(self) -> None:
        self.begin()
        fill = self.network.segment - self.size
        for payload in (b"x", b"xy", b"GET / HTTP/1.0\r\n\r\n", bytes(fill)):
            for flags in ("A", "PA", "FPA"):
                with self.subTest(size=len(payload), flags=flags):
                    self.told(self.segment(flags=flags, payload=payload))
        self.told(self.segment(flags="FA"))
        self.told(self.segment(payload=b"x", options=NOP * 2 + sack((ANSWER + 9, ANSWER + 12))))
        for words in range(11):
            self.told(self.segment(payload=b"x", options=NOP * 4 * words))


@over_ipv6_too
class LaterSegmentsFollowTheHeader(_Test):
    """What begins behind the first byte is shifted by what the header takes."""

    def runTest(self) -> None:
        self.begin()
        self.told(self.segment(payload=b"0123456789"))
        for offset in (1, 10, 0x7FFFFF00):
            self.inward(self.segment(seq=FIRST + offset, payload=b"data"))
        self.inward(self.segment(seq=FIRST + 10, flags="FA"))


@over_ipv6_too
class SynCarriesDataBehindTheHeader(_Test):
    """TCP Fast Open: data in the SYN are behind the header; without data there is none."""

    def runTest(self) -> None:
        self.inject_syn(new_session=True)
        self.inject_syn(payload=b"early")
        self.answered(self.size + 5, to_client=FIRST + 5, flags="SA", seq=SERVER_ISN)
        self.answered(flags="SA", seq=SERVER_ISN)
        self.told(self.segment(payload=b"early"))


@over_ipv6_too
class AcknowledgementsCountTheHeaderOut(_Test):
    """Until all of the header is acknowledged, nothing of the client is."""

    def runTest(self) -> None:
        self.begin()
        self.told(self.segment(payload=b"data"))
        for acked in (0, 1, self.size - 1):
            self.answered(acked)
        self.answered(flags="RA")
        self.answered(-1, to_client=FIRST - 1)
        self.answered(self.size)
        self.answered(self.size + 1, to_client=FIRST + 1)
        self.answered(self.size + 4, to_client=FIRST + 4)


@over_ipv6_too
class SackEdgesCountTheHeaderOut(_Test):
    """Edges within the header stand at the client's first byte."""

    def runTest(self) -> None:
        self.begin()
        self.told(self.segment(payload=b"data"))
        ends = (0, 1, self.size, self.size + 4, self.size + 1000, 0x7FFFFF00, -1)
        for left in ends:
            for right in ends:
                with self.subTest(left=left, right=right):
                    blocks = [(self.head + left, self.head + right), (self.head + 5000, self.head + 6000)]
                    known = [tuple(map(self.of_client, block)) for block in ((left, right), (5000, 6000))]
                    sent = self.session.from_server(seq=ANSWER, ack=self.head % 2**32, options=NOP * 2 + sack(*blocks))
                    self.outward(sent, ack=FIRST, options=NOP * 2 + sack(*known))  # type: ignore[arg-type]

    def of_client(self, offset: int) -> int:
        return FIRST + (offset if offset < 0 else max(offset - self.size, 0))


@over_ipv6_too
class NothingIsInsertedOnceTheServerHasIt(_Test):
    """What begins at the first byte again is a repetition, and stands where it did; numbers half a round later too."""

    def runTest(self) -> None:
        self.begin()
        self.arrived()
        self.inward(self.segment(payload=b"data"))
        for offset in (-1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0):
            self.inward(self.segment(seq=(FIRST + offset) % 2**32, payload=b"data"))
            self.outward(self.session.from_server(seq=ANSWER, ack=(FIRST + offset + self.delta) % 2**32))


@over_ipv6_too
class OneDamagedAcknowledgementIsNotBelieved(_Test):
    """A segment of the server whose number is wrong keeps no header back."""

    def runTest(self) -> None:
        self.begin()
        self.answered(0x1000000, to_client=FIRST + 0x1000000 - self.size)
        self.told(self.segment())
        self.answered(0x1000000, to_client=FIRST + 0x1000000 - self.size)
        self.answered(0)
        self.answered(self.size)
        self.told(self.segment())


@over_ipv6_too
class KeepAlivesStandBeforeTheHeader(_Test):
    """Of a client that has sent nothing: one byte before its first, or none."""

    def runTest(self) -> None:
        self.begin()
        self.told(self.segment())
        for payload in (b"", b"\0"):
            self.inward(self.segment(seq=FIRST - 1, payload=payload), seq=(self.head - 1) % 2**32)
        self.answered(self.size)


@over_ipv6_too
class NobodyWritesOverTheHeader(_Test):
    """A client that sends from before its first byte on, a header of its own making perhaps, is dropped."""

    def runTest(self) -> None:
        self.begin()
        for seq in (FIRST - 1, FIRST - 28, FIRST - 1000):
            forged = self.segment(seq=seq, payload=bytes(FIRST - seq) + self.header)
            self.drop(CLIENT_SIDE, forged, "PROXY")
            self.drop(CLIENT_SIDE, self.segment(seq=seq, payload=bytes(FIRST - seq + 1)), "PROXY")
        own = self.header.replace(self.session.client_port.to_bytes(2, "big"), b"\0\1")
        self.told(self.segment(payload=own))


@over_ipv6_too
class ResetsStandWhereTheServerExpectsThem(_Test):
    """One of a client that aborts is behind what it sent, one that answers is where the server's segment said."""

    def runTest(self) -> None:
        self.begin()
        before, behind = self.head % 2**32, (self.head + self.size) % 2**32
        self.inward(self.segment(flags="R"), seq=before)
        self.inward(self.segment(flags="RA"), seq=before)
        self.told(self.segment())
        self.inward(self.segment(flags="RA"), seq=behind)
        self.inward(self.segment(flags="R"), seq=before)
        self.answered(self.size)
        self.inward(self.segment(flags="R"), seq=behind)
        self.answered(self.size)
        self.inward(self.segment(flags="R"), seq=behind)


@over_ipv6_too
@requires("judged-segments")
class ControllersResetsCountTheHeaderIn(_Test):
    """They leave with what the server acknowledged, by its own count."""

    def runTest(self) -> None:
        self.begin()
        reset = self.session.from_client(flags="R", ttl=64)
        for acked in (0, self.size):
            expected = self.session.to_server(reset, seq=(self.head + acked) % 2**32, ttl=64)
            request = PacketOut("RESET", reset, session_id=self.session.id)
            self.exchange(request, out=[(SERVER_SIDE, expected)])
            self.told(self.segment())
            self.answered(self.size)


@over_ipv6_too
class MssLeavesRoomForTheHeader(_Test):
    """It is lowered by what the header takes, and not below the floor."""

    def runTest(self) -> None:
        self.inject_syn(new_session=True)
        floor = self.network.mss_floor
        for value in (floor - 1, floor, floor + 1, floor + self.size - 1, floor + self.size, 1460, 8960):
            with self.subTest(mss=value):
                lowered = value if value <= floor else max(floor, value - self.size)
                sent = self.session.from_server(flags="SA", seq=9000, ack=self.head % 2**32, options=mss(value))
                self.outward(sent, ack=FIRST, options=mss(lowered))


@over_ipv6_too
class HeaderOverTheMtu(_Test):
    """A first segment that the header makes longer than the MTU ends here, and its sender is told; later ones fit."""

    def runTest(self) -> None:
        self.begin()
        fill = self.network.segment - self.size
        self.told(self.segment(payload=bytes(fill)))
        long = self.segment(payload=bytes(fill + 1))
        self.ends(CLIENT_SIDE, long, "MTU", self.session.to_its_server, self.session.id)
        self.inward(self.segment(seq=FIRST + 1, payload=bytes(self.network.segment)))


class UrgentDataStayWhereTheyAre(_Test):
    """The pointer counts from the segment's first byte, which is the header's."""

    def runTest(self) -> None:
        self.begin()
        urgent = self.segment(flags="UPA", urgent=3, payload=b"abc")
        self.told(urgent, urgent=3 + self.size)
        self.told(self.segment(flags="PA", urgent=3, payload=b"abc"))


@over_ipv6_too
class SessionsKeepWhatTheyBeganWith(_Test):
    """Whatever the flag says later, and whatever the session id was used for before."""

    def runTest(self) -> None:
        self.begin()
        plain = replace(self.session, flags=0)
        self.client.modify(*plain.server_entries)
        syn = self.session.from_client(flags="S", seq=CLIENT_ISN)
        self.inject(syn, new_session=True)
        self.client.modify(*self.session.server_entries)
        self.inward(self.segment(payload=b"x"))
        self.outward(self.session.from_server(seq=ANSWER, ack=(FIRST + self.delta) % 2**32))


@over_ipv6_too
@requires("proxy-protocol")
class ErrorsQuoteTheClientsNumbers(IcmpErrorTest, ProxyTest):
    """A segment with the header is quoted as the client sent it; of an MTU that it hit goes what the header takes."""

    flags = SessionFlag.PROXY

    def runTest(self) -> None:
        self.begin()
        self.told(self.segment(payload=b"data"))
        mtu = 1400
        for offset, known in ((0, FIRST), (1, FIRST), (self.size, FIRST), (self.size + 4, FIRST + 4), (-1, FIRST - 1)):
            with self.subTest(offset=offset):
                sent = self.to_server(seq=(self.head + offset) % 2**32)
                came = self.about_server_bound(sent, quote(sent, LEAST), kind=self.kinds.too_big, mtu=mtu)
                quoted = quote(self.as_client_sent(sent).replace(seq=known), LEAST)
                back = self.to_the_client(came, quoted, mtu=mtu - self.size)
                self.exchange((SERVER_SIDE, came), out=[(CLIENT_SIDE, back)])


@requires("families")
class ServersOfIpv4AreToldClientsOfIpv6(_Test):
    """NAT64: the header has both endpoints as the client knows them; numbers and MSS leave room for that."""

    network = topology.IPV6
    is_nat64 = True

    def new_session(self) -> CrossSession:
        number = self.harness.session_id()
        return CrossSession(id=number, delta=self.delta, flags=self.flags, **ends(self.is_nat64))

    def runTest(self) -> None:
        self.inject_syn(new_session=True)
        self.answered(flags="SA", seq=SERVER_ISN, options=mss(1460), lowered=1460 - self.size)
        for payload in (b"", b"x", bytes(1000)):
            self.told(self.segment(payload=payload))
        self.inward(self.segment(seq=FIRST + 1, payload=b"more"))
        self.answered(self.size - 1)
        self.answered(self.size)
        self.answered(self.size + 5, to_client=FIRST + 5)
        self.inward(self.segment(payload=b"again"))


@requires("families")
class ServersOfIpv6AreToldClientsOfIpv4(ServersOfIpv4AreToldClientsOfIpv6):
    """NAT46."""

    network = topology.IPV4
    is_nat64 = False
