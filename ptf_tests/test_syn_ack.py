"""The server's SYN-ACK: ack translated, MSS lowered by the room that TOA takes, all else as it came."""

from ptf_tests.base import over_ipv6_too
from ptf_tests.packets import NOP, SACK_PERMITTED, WINDOW_SCALE, mss, timestamps
from ptf_tests.sessions import KEEP_MSS, TOA, SessionTest


@over_ipv6_too
class SynAckIsTranslated(SessionTest):
    """The client sees the VIP answer, with ack - delta and the MSS lowered by what TOA takes: 8, or 20 in IPv6."""

    def runTest(self) -> None:
        options = mss(1460) + NOP * 2 + SACK_PERMITTED + NOP + WINDOW_SCALE
        sent = self.session.from_server(flags="SA", seq=9000, ack=1033, options=options)
        self.outward(sent, ack=1001, options=mss(self.network.lowered(1460)) + options[4:])


@over_ipv6_too
class SynAckAckWraps(SessionTest):
    """With delta 0x20, ack 0x12 from the server is 0xFFFFFFF2 to the client."""

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=0x12), ack=0xFFFFFFF2)


@over_ipv6_too
class MssIsLoweredToTheFloorOnly(SessionTest):
    """MSS - 8, but never below 536 by our doing; what is 536 or lower already stays. In IPv6 these are 20 and 1220."""

    def runTest(self) -> None:
        floor = self.network.mss_floor
        near = range(floor - 1, floor + self.network.toa_bytes + 2)
        for value in (0, 1, 88, *near, 768, 1460, 8960, 0x8000, 0x8007, 65534, 65535):
            with self.subTest(mss=value):
                expected = value if value <= floor else max(floor, value - self.network.toa_bytes)
                sent = self.session.from_server(flags="SA", seq=9000, ack=1033, options=mss(value))
                self.outward(sent, options=mss(expected))


@over_ipv6_too
class MssAtEveryOffset(SessionTest):
    """MSS is found and lowered wherever it stands, at odd offsets too."""

    def runTest(self) -> None:
        for before in range(37):
            with self.subTest(before=before):
                behind = NOP * (-before % 4)
                other = [b"\x22" + bytes([before]) + bytes(before - 2)] if before > 1 else []
                for options in (NOP * before, *other):
                    sent = self.session.from_server(flags="SA", options=options + mss(1460) + behind)
                    self.outward(sent, options=options + mss(self.network.lowered(1460)) + behind)


@over_ipv6_too
class OnlyTheFirstMssIsLowered(SessionTest):
    """A second MSS option stays: a receiver takes the first."""

    def runTest(self) -> None:
        sent = self.session.from_server(flags="SA", options=mss(1460) + mss(1400))
        self.outward(sent, options=mss(self.network.lowered(1460)) + mss(1400))


@over_ipv6_too
class MssOfAnotherLengthStays(SessionTest):
    """An option of kind 2 that is not 4 bytes long is no MSS option."""

    def runTest(self) -> None:
        for options in (b"\x02\x03\x05\x01", b"\x02\x06\x05\xb4\x05\xb4\x01\x01", b"\x02\x02\x01\x01"):
            self.outward(self.session.from_server(flags="SA", options=options))


@over_ipv6_too
class NoMssIsAdded(SessionTest):
    """A SYN-ACK without MSS option leaves without one."""

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033))
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033, options=SACK_PERMITTED + NOP * 2))


@over_ipv6_too
class MssIsKeptOnRequest(SessionTest):
    """A session flagged KEEP_MSS leaves the SYN-ACK's MSS alone."""

    flags = TOA | KEEP_MSS

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", options=mss(1460)))


@over_ipv6_too
class MssOfOtherSegmentsStays(SessionTest):
    """Only a SYN-ACK announces an MSS; the client's SYN keeps its own."""

    def runTest(self) -> None:
        self.outward(self.session.from_server(seq=9001, ack=1033, options=mss(1460)))
        syn = self.session.from_client(flags="S", options=mss(1460))
        self.inject(syn, toa="OK", options=self.session.toa + mss(1460))


@over_ipv6_too
class SynAckOptionsStayInOrder(SessionTest):
    """Timestamps, unknown kinds and their order are none of our business in a SYN-ACK."""

    def runTest(self) -> None:
        for head, tail in (
            (b"", timestamps(9, 8) + NOP * 2),
            (timestamps(9, 8) + NOP * 2, WINDOW_SCALE + NOP),
            (WINDOW_SCALE + NOP + SACK_PERMITTED, b"\x22\x04ab" + NOP * 2),
            (b"\xfd\x04ab", b"\x1e\x0c" + bytes(10)),
        ):
            with self.subTest(options=(head + tail).hex()):
                sent = self.session.from_server(flags="SA", seq=9000, ack=1033, options=head + mss(1460) + tail)
                self.outward(sent, options=head + mss(self.network.lowered(1460)) + tail)


@over_ipv6_too
class SynAckWithEcnIsTranslated(SessionTest):
    """The ECN-setup SYN-ACK is a SYN-ACK."""

    def runTest(self) -> None:
        sent = self.session.from_server(flags="SAE", seq=9000, ack=1033, options=mss(1460), payload=b"early")
        self.outward(sent, options=mss(self.network.lowered(1460)))
