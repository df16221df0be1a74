"""Segments in the middle of a connection: what changes, what does not, and what a checksum says of it."""

from typing import Any

from ptf_tests import topology
from ptf_tests.base import over_ipv6_too, requires
from ptf_tests.packets import NOP, Tcp, checksum_of
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


@over_ipv6_too
class DataPassesBothWays(SessionTest):
    """Client to server: addresses, ports, seq + delta. Server to client: addresses, ports, ack - delta. No more."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=5000, ack=77, payload=b"request"), seq=5032, ack=77)
        self.outward(self.session.from_server(seq=77, ack=5039, payload=b"response"), seq=77, ack=5007)


@over_ipv6_too
class SequenceNumbersWrap(SessionTest):
    """Sequence numbers wrap at 2^32, in the translation too."""

    def runTest(self) -> None:
        for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF1, 0xFFFFFFFF, self.delta, -self.delta):
            with self.subTest(number=number & 0xFFFFFFFF):
                number &= 0xFFFFFFFF
                self.inward(
                    self.session.from_client(seq=number, ack=number, payload=b"x"),
                    seq=(number + self.delta) % 2**32,
                    ack=number,
                )
                self.outward(
                    self.session.from_server(seq=number, ack=number, payload=b"x"),
                    seq=number,
                    ack=(number - self.delta) % 2**32,
                )


@over_ipv6_too
class DeltaOfTheTestVector(SequenceNumbersWrap):
    """Client seq 0xFFFFFFF1 with delta 0x20 is 0x11 to the server."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=0xFFFFFFF1, ack=1), seq=0x11)
        super().runTest()


@over_ipv6_too
class DeltaZero(SequenceNumbersWrap):
    """A delta of 0 changes no number."""

    delta = 0


@over_ipv6_too
class DeltaOfOne(SequenceNumbersWrap):
    """The smallest delta."""

    delta = 1


@over_ipv6_too
class DeltaOfHalfTheSpace(SequenceNumbersWrap):
    """Delta 2^31: the sign bit."""

    delta = 0x80000000


@over_ipv6_too
class DeltaOfMinusOne(SequenceNumbersWrap):
    """Delta 2^32 - 1."""

    delta = 0xFFFFFFFF


@over_ipv6_too
class DeltaThatCarries(SequenceNumbersWrap):
    """A delta whose halves both carry."""

    delta = 0x8001FFFF


@over_ipv6_too
class FieldsThatAreNotOursStay(SessionTest):
    """TOS, IP id, IP flags, TCP flags and reserved bits, window and urgent pointer pass unchanged both ways."""

    def runTest(self) -> None:
        variations: list[dict[str, Any]] = [
            {"tos": 0xFF},
            {"ip_id": 0},
            {"ip_id": 0xFFFF},
            {"ip_flags": 0},
            {"ip_flags": 4},
            {"window": 0},
            {"window": 0xFFFF},
            {"urgent": 0xFFFF, "flags": "UA"},
            {"reserved": 7},
            *({"flags": flags} for flags in ("A", "PA", "UA", "EA", "CA", "CEA", "PU", "", "RA", "FA", "FPUA", "N")),
        ]
        for fields in variations:
            with self.subTest(**fields):
                self.inward(self.session.from_client(seq=1, ack=500, **{"flags": "A", **fields}))
                self.outward(self.session.from_server(seq=500, ack=1, **{"flags": "A", **fields}))


@over_ipv6_too
class AckWithoutAckFlagStays(SessionTest):
    """Without the ACK flag the ack field means nothing and is not translated."""

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="R", seq=500, ack=0))
        self.outward(self.session.from_server(flags="P", seq=500, ack=12345, payload=b"x"), ack=12345)


@over_ipv6_too
class RstIsTranslated(SessionTest):
    """A RST of either side passes with its numbers translated."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(flags="R", seq=1001), seq=1033)
        self.outward(self.session.from_server(flags="RA", seq=0, ack=1033), ack=1001)


@over_ipv6_too
class PaddingOfShortFramesStays(SessionTest):
    """A frame of 60 bytes with an IP packet of 40 keeps its padding, whatever is in it, behind the IP packet."""

    def runTest(self) -> None:
        for padding in (bytes(6), b"\xff" * 6, b"padded"):
            self.inward(self.session.from_client(seq=1, ack=500, padding=padding))
            self.outward(self.session.from_server(seq=500, ack=1, padding=padding))


@over_ipv6_too
class PaddingAndToa(SessionTest):
    """TOA goes into the IP packet and the padding stays behind it."""

    def runTest(self) -> None:
        self.handshake()
        segment = self.session.from_client(seq=1001, ack=9001, padding=b"\xaa" * 6)
        self.inward(segment, toa="OK", options=self.session.toa)
        syn = self.session.from_client(flags="S", seq=1000, padding=b"\xaa" * 6)
        self.inject(syn, toa="OK", options=self.session.toa)


@over_ipv6_too
class SegmentsOfEveryLength(SessionTest):
    """Payloads even and odd, up to the MTU."""

    def runTest(self) -> None:
        content = bytes(range(251)) * 6
        for length in (
            0,
            1,
            2,
            3,
            6,
            7,
            63,
            64,
            65,
            535,
            536,
            1399,
            1400,
            self.network.segment - 1,
            self.network.segment,
        ):
            with self.subTest(payload=length):
                self.inward(self.session.from_client(seq=1, ack=500, payload=content[:length]))
                self.outward(self.session.from_server(seq=500, ack=1, payload=content[:length]))


@over_ipv6_too
class JumboSegmentsPass(SessionTest):
    """A link with an MTU of 9000 takes segments of 8960 bytes (8940 over IPv6), and TOA where it fits."""

    def runTest(self) -> None:
        server = self.network.server, SERVER_SIDE, topology.SERVER_MAC
        self.delete(*topology.neighbor(*server))
        self.insert(*topology.neighbor(*server, 9000))
        self.handshake()
        content = bytes(range(256)) * 35
        most = 9000 - self.network.headers
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=content[:most]), toa="FAIL_LEN")
        with_room = self.session.from_client(seq=1001, ack=9001, payload=content[: most - self.network.toa_bytes])
        self.inward(with_room, toa="OK", options=self.session.toa)


@over_ipv6_too
class BurstsKeepTheirOrder(SessionTest):
    """Segments leave in the order in which they came."""

    def runTest(self) -> None:
        sent = [self.session.from_client(seq=100 * i, ack=5, payload=bytes(100)) for i in range(40)]
        self.exchange(
            *((CLIENT_SIDE, segment) for segment in sent),
            out=[(SERVER_SIDE, self.session.to_server(segment)) for segment in sent],
        )


@over_ipv6_too
class SegmentsOverTheMtuEndHere(SessionTest):
    """What does not fit the outgoing link, in both directions: its sender is told, if it may not be fragmented."""

    def runTest(self) -> None:
        fields = {"seq": 1, "ack": 5, "payload": bytes(self.network.segment + 1)}
        for port, sent, way in (
            (CLIENT_SIDE, self.session.from_client(**fields), self.session.to_its_server),
            (SERVER_SIDE, self.session.from_server(**fields), self.session.to_its_client),
        ):
            self.ends(port, sent, "MTU", way, self.session.id)
            if self.network is topology.IPV4:
                self.drop(port, sent.replace(ip_flags=0), "MTU")


@over_ipv6_too
class ChecksumEdges(SessionTest):
    """Segments whose checksum comes to 0x0000 or near it, before or after, are right afterwards."""

    def runTest(self) -> None:
        for wanted in (0x0000, 0x0001, 0xFFFE, 0x8000):
            with self.subTest(checksum=f"{wanted:#06x}"):
                for make, send in (
                    (self.session.from_client, self.inward),
                    (self.session.from_server, self.outward),
                ):
                    send(with_checksum(make(seq=1, ack=500), wanted))
                sent = self.session.from_client(seq=1, ack=500)
                there = with_checksum(self.session.to_server(sent), wanted)
                self.inward(sent.replace(payload=there.payload))


def with_checksum(segment: Tcp, wanted: int) -> Tcp:
    """``segment`` with two bytes of payload that make its checksum ``wanted``."""
    base = checksum_of(segment.replace(payload=bytes(2)))
    # The checksum is the complement of a sum modulo 0xFFFF; adding w to the sum takes w from the checksum.
    result = segment.replace(payload=((base - wanted) % 0xFFFF).to_bytes(2, "big"))
    assert checksum_of(result) == wanted
    return result


@over_ipv6_too
class DamagedSegmentsStayDamaged(SessionTest):
    """A TCP checksum that is wrong coming in is wrong going out, by the same difference: nothing is computed afresh."""

    def runTest(self) -> None:
        self.handshake()
        for error in (1, 0x0100, 0x8000, 0xFFFE):
            with self.subTest(error=error):
                segment = self.session.from_client(seq=1001, ack=9001, payload=b"damaged")
                self._damaged(segment, error, CLIENT_SIDE, toa="OK", options=self.session.toa)
                self._damaged(segment.replace(ack=9500), error, CLIENT_SIDE)
                self._damaged(
                    segment.replace(ack=9500, options=b"\xfe\x04\x12\x34"), error, CLIENT_SIDE, options=NOP * 4
                )
                self._damaged(self.session.from_server(seq=9001, ack=1040, payload=b"damaged"), error, SERVER_SIDE)

    def _damaged(self, segment: Tcp, error: int, port: int, toa: str = "", **changes: bytes) -> None:
        good = checksum_of(segment)
        translate = self.session.to_server if port == CLIENT_SIDE else self.session.to_client
        expected = translate(segment, **changes)
        damaged = segment.replace(checksum=shifted(good, error))
        result = expected.replace(checksum=shifted(checksum_of(expected), error))
        other = SERVER_SIDE if port == CLIENT_SIDE else CLIENT_SIDE
        self.exchange((port, damaged), out=[(other, result)], toa={toa: 1} if toa else {})


def shifted(checksum: int, error: int) -> int:
    """``checksum`` in error by ``error``, in one's complement arithmetic."""
    total = checksum + error
    return (total & 0xFFFF) + (total >> 16)


@over_ipv6_too
class PayloadDamageStays(SessionTest):
    """A bit flipped in the payload: the checksum that leaves is the one of the undamaged payload."""

    def runTest(self) -> None:
        good = self.session.from_client(seq=1, ack=500, payload=b"precious data")
        expected = self.session.to_server(good)
        self.exchange(
            (CLIENT_SIDE, good.replace(payload=b"precious dbta", checksum=checksum_of(good))),
            out=[(SERVER_SIDE, expected.replace(payload=b"precious dbta", checksum=checksum_of(expected)))],
        )


@over_ipv6_too
@requires("ip-options")
class IpOptionsPass(SessionTest):
    """IPv4 options in front of TCP pass unchanged and the segment behind them is translated."""

    def runTest(self) -> None:
        self.handshake()
        for options in (b"\x94\x04\x00\x00", b"\x01" * 4, b"\x07\x27\x04" + bytes(37)):
            with self.subTest(ip_options=options.hex()):
                segment = self.session.from_client(seq=1001, ack=9001, ip_options=options, payload=b"x")
                self.inward(segment, toa="OK", options=self.session.toa)
                self.inward(segment.replace(ack=9500, options=b"\xfe\x04\x12\x34"), options=NOP * 4)
                self.outward(self.session.from_server(seq=9001, ack=1040, ip_options=options, payload=b"y"))
