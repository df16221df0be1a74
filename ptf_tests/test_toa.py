"""TOA in the segments after the SYN: in all that acknowledge no data of the server yet, and in none after."""

from typing import Any

from ptf_tests import topology
from ptf_tests.base import PacketOut, over_ipv6_too, requires
from ptf_tests.packets import NOP, mss, sack, timestamps
from ptf_tests.sessions import SessionTest


@over_ipv6_too
class ToaUntilServerDataIsAcknowledged(SessionTest):
    """Every segment with ack = server ISN + 1 carries TOA: the handshake's ACK, data, more data."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        with_toa: dict[str, Any] = {"toa": "OK", "options": self.session.toa}
        self.inward(self.session.from_client(seq=1001, ack=9001), **with_toa)
        self.inward(self.session.from_client(seq=1001, ack=9001, flags="PA", payload=b"GET /"), **with_toa)
        self.inward(self.session.from_client(seq=1006, ack=9001, payload=bytes(1000)), **with_toa)
        # Data of the server on its way does not matter; that the client acknowledges it does.
        self.outward(self.session.from_server(seq=9001, ack=1026, payload=b"data"))
        self.inward(self.session.from_client(seq=2006, ack=9001, payload=b"more"), **with_toa)
        self.inward(self.session.from_client(seq=2010, ack=9005))
        self.inward(self.session.from_client(seq=2010, ack=9005, payload=b"later"))


@over_ipv6_too
class ToaInFin(SessionTest):
    """A FIN that acknowledges no server data carries TOA."""

    def runTest(self) -> None:
        self.handshake()
        self.inward(self.session.from_client(flags="FA", seq=1001, ack=9001), toa="OK", options=self.session.toa)


@over_ipv6_too
class ToaNotInRst(SessionTest):
    """A RST never carries TOA, with or without ACK; its seq is translated like any other."""

    def runTest(self) -> None:
        self.handshake()
        self.inward(self.session.from_client(flags="RA", seq=1001, ack=9001))
        self.inward(self.session.from_client(flags="R", seq=1001, ack=9001))


@over_ipv6_too
class ToaNotBeforeSynAck(SessionTest):
    """Until the server has answered no segment but the SYN carries TOA, not even one with ack 0."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        for ack in (0, 1, 9001):
            self.inward(self.session.from_client(seq=1001, ack=ack))


@over_ipv6_too
class ToaNotWithoutAck(SessionTest):
    """A segment without the ACK flag acknowledges nothing: no TOA, whatever stands in its ack field."""

    def runTest(self) -> None:
        self.handshake()
        self.inward(self.session.from_client(flags="P", seq=1001, ack=9001, payload=b"x"))
        self.inward(self.session.from_client(flags="F", seq=1001, ack=9001))


@over_ipv6_too
class ToaFirstDataSeqWraps(SessionTest):
    """A server ISN of 0xFFFFFFFF: the first data seq is 0."""

    def runTest(self) -> None:
        self.handshake(server_isn=0xFFFFFFFF)
        self.inward(self.session.from_client(seq=1001, ack=0), toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(seq=1001, ack=0xFFFFFFFF))
        self.inward(self.session.from_client(seq=1001, ack=1))


@over_ipv6_too
class ToaFollowsANewSynAck(SessionTest):
    """A second SYN-ACK with another ISN (reuse of the session) moves the first data seq."""

    def runTest(self) -> None:
        self.handshake(server_isn=9000)
        self.outward(self.session.from_server(flags="SA", seq=70000, ack=1033))
        self.inward(self.session.from_client(seq=1001, ack=70001), toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(seq=1001, ack=9001))


@over_ipv6_too
class ToaStandsBeforeOtherOptions(SessionTest):
    """TOA is put right after the base header; the options that were there follow unchanged and in order."""

    def runTest(self) -> None:
        self.handshake()
        for options in (
            NOP * 4,
            NOP * 2 + timestamps(1, 2),
            NOP * 2 + sack((9500, 9600), (9700, 9800)),
            b"\x1e\x04ab" + b"\x13\x12" + bytes(range(16)) + NOP * 2,
            NOP * 32,
        ):
            if len(options) > self.network.options_below_toa:
                continue
            with self.subTest(options=options.hex()):
                segment = self.session.from_client(seq=1001, ack=9001, options=options, payload=b"data")
                self.inward(segment, toa="OK", options=self.session.toa + options)


@over_ipv6_too
class ToaWhenHeaderIsFull(SessionTest):
    """With less free option bytes than TOA takes (data offset 14 or 15, in IPv6 from 11 on) the segment leaves
    translated, without TOA, counted."""

    def runTest(self) -> None:
        self.handshake()
        most = self.network.options_below_toa
        fits = self.session.from_client(seq=1001, ack=9001, options=NOP * most)
        self.inward(fits, toa="OK", options=self.session.toa + NOP * most)
        for size in range(most + 4, 41, 4):
            with self.subTest(option_bytes=size):
                segment = self.session.from_client(seq=1001, ack=9001, options=NOP * size, payload=b"data")
                self.inward(segment, toa="HEAD_FULL")
                syn = self.session.from_client(flags="S", seq=1000, options=NOP * size)
                self.inject(syn, toa="HEAD_FULL")


class ToaTakesThePlaceOfWhatIsRemoved(SessionTest):
    """A SYN without room for TOA: what were timestamps, 253 and 254 makes room. Length and order stay."""

    def runTest(self) -> None:
        toa = self.session.toa
        cookie = b"\x22\x12" + bytes(range(16))
        stack = mss(1460) + b"\x04\x02" + timestamps() + b"\x01\x03\x03\x07"
        for options, after in (
            (stack + cookie + NOP * 2, toa + mss(1460) + b"\x04\x02" + NOP * 3 + b"\x03\x03\x07" + cookie + NOP * 2),
            (stack[:-4] + cookie + NOP * 2, toa + mss(1460) + b"\x04\x02" + NOP * 2 + cookie + NOP * 2),
            (NOP * 26 + timestamps(), toa + NOP * 28),
            (timestamps() + bytes([29, 30]) + bytes(28), toa + NOP * 2 + bytes([29, 30]) + bytes(28)),
            (b"\xfe\x05abc" + cookie + timestamps() + b"\xfd\x03z", toa + NOP * 5 + cookie + NOP * 5),
            (b"\xfe\x04ab" + cookie + b"\xfd\x0a" + bytes(8) + NOP * 4, toa + NOP * 4 + cookie + NOP * 6),
            (b"\xfe\x07abcde" + cookie + NOP * 11, b""),
        ):
            with self.subTest(options=options.hex()):
                syn = self.session.from_client(flags="S", options=options, payload=b"early data")
                full = NOP * 7 + options[7:]
                self.inject(syn, toa="OK" if after else "HEAD_FULL", options=after or full)


class ToaTakesThePlaceOfAForgedOne(SessionTest):
    """A list as stacks make it, made full by another TOA in front."""

    def runTest(self) -> None:
        forged = bytes.fromhex("fe0800500a000001")
        stack = mss(1460) + b"\x01\x01\x04\x02" + b"\x01\x03\x03\x07" + NOP * 2 + timestamps() + NOP * 4
        after = mss(1460) + b"\x01\x01\x04\x02" + b"\x01\x03\x03\x07" + NOP * 16
        for options in (forged + stack, forged + stack + NOP * 4):
            with self.subTest(option_bytes=len(options)):
                syn = self.session.from_client(flags="S", options=options)
                self.inject(syn, toa="OK", options=self.session.toa + after + NOP * (len(options) - 36))


class ToaTakesThePlaceOfAForgedOneUnderTheMtu(SessionTest):
    """A SYN whose data fill the MTU has room where something is removed."""

    def runTest(self) -> None:
        forged, data = bytes.fromhex("fe0800500a000001"), bytes(topology.MTU - 48)
        syn = self.session.from_client(flags="S", options=forged, payload=data)
        self.inject(syn, toa="OK", options=self.session.toa)
        plain = self.session.from_client(flags="S", options=NOP * 8, payload=data)
        self.inject(plain, toa="FAIL_LEN")


@requires("toa-in-timestamps")
class ToaTakesThePlaceOfTimestampsUnderTheMtu(SessionTest):
    """So it has where timestamps are removed."""

    def runTest(self) -> None:
        data = bytes(topology.MTU - 52)
        syn = self.session.from_client(flags="S", options=NOP * 2 + timestamps(), payload=data)
        self.inject(syn, toa="OK", options=self.session.toa + NOP * 4)


@over_ipv6_too
class ToaTakesNoPlaceInOtherSegments(SessionTest):
    """What is no SYN says that no TOA fits."""

    def runTest(self) -> None:
        self.handshake()
        options = NOP * 28 + bytes.fromhex("fe0800500a000001")
        self.inward(self.session.from_client(seq=1001, ack=9001, options=options), toa="HEAD_FULL", options=NOP * 36)


@over_ipv6_too
class ToaOverTheMtu(SessionTest):
    """A segment that TOA would make longer than the MTU towards the server leaves translated, without TOA, counted."""

    def runTest(self) -> None:
        self.handshake()
        room = topology.MTU - self.network.toa_bytes
        for length in (room, room + 1, topology.MTU):
            with self.subTest(ip_length=length):
                segment = self.session.from_client(seq=1001, ack=9001, payload=bytes(length - self.network.headers))
                if length == room:
                    self.inward(segment, toa="OK", options=self.session.toa)
                else:
                    self.inward(segment, toa="FAIL_LEN")


@over_ipv6_too
class ToaOverTheMtuOfTheServersLink(SessionTest):
    """The MTU that counts is that of the link to this server."""

    server = "narrow_server"
    server_mac = topology.NARROW_SERVER_MAC

    def runTest(self) -> None:
        self.handshake()
        room = self.network.narrow_mtu - self.network.headers - self.network.toa_bytes
        fits = self.session.from_client(seq=1001, ack=9001, payload=bytes(room))
        self.inward(fits, toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=bytes(room + 1)), toa="FAIL_LEN")


@over_ipv6_too
class ToaSwitchedOff(SessionTest):
    """A session without the TOA flag never carries it and counts nothing."""

    flags = 0

    def runTest(self) -> None:
        self.inject(self.session.from_client(flags="S", seq=1000), new_session=True)
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033))
        self.inward(self.session.from_client(seq=1001, ack=9001))


@over_ipv6_too
class ToaWithTheLargestHeaderAndPayload(SessionTest):
    """Header and payload that with TOA just fill the MTU."""

    def runTest(self) -> None:
        self.handshake()
        options = NOP * (self.network.options_below_toa - 2) + b"\x04\x02"
        content = bytes(range(256)) * 6
        payload = content[: self.network.segment - 40]
        segment = self.session.from_client(seq=1001, ack=9001, options=options, payload=payload)
        self.inward(segment, toa="OK", options=self.session.toa + options)


@over_ipv6_too
class ForgedToaIsRemoved(SessionTest):
    """Kinds 253 and 254 from the client become NOPs, in every segment; the server believes only the switch."""

    def runTest(self) -> None:
        self.handshake()
        forged = bytes.fromhex("fe0800500a000001")
        segment = self.session.from_client(seq=1001, ack=9001, options=forged, payload=b"x")
        self.inward(segment, toa="OK", options=self.session.toa + NOP * 8)
        self.inward(segment.replace(ack=9500), options=NOP * 8)
        self.inward(segment.replace(flags="R"), options=NOP * 8)
        syn = self.session.from_client(flags="S", options=forged + timestamps() + NOP * 2)
        self.inject(syn, toa="OK", options=self.session.toa + NOP * 20)


class ForgedToaIsRemovedWhereNoneFits(SessionTest):
    """A full header keeps no forged TOA: else the server would believe it."""

    def runTest(self) -> None:
        self.handshake()
        options = bytes.fromhex("fe0800500a000001") + NOP + bytes.fromhex("fd14") + bytes(18) + NOP * 11
        segment = self.session.from_client(seq=1001, ack=9001, options=options)
        self.inward(segment, toa="HEAD_FULL", options=NOP * 40)


@over_ipv6_too
class ExperimentalOptionsOfAnyLengthAreRemoved(SessionTest):
    """Several of them, of lengths 2 to 40, at odd and even offsets; what stands between them stays."""

    def runTest(self) -> None:
        self.handshake()
        for length in range(2, 36):
            with self.subTest(length=length):
                before, behind = NOP * (length % 3), b"\x04\x02"
                fill = NOP * (-(len(before) + length + 2) % 4)
                kind = 253 + length % 2
                option = bytes([kind, length]) + bytes(range(100, 100 + length - 2))
                segment = self.session.from_client(seq=1001, ack=9500, options=before + option + behind + fill)
                self.inward(segment, options=before + NOP * length + behind + fill)
        several = b"\xfd\x02" + b"\x03\x03\x01" + b"\xfe\x05abc" + NOP + b"\xfd\x03z" + b"\xfe\x02"
        after = NOP * 2 + b"\x03\x03\x01" + NOP * 5 + NOP + NOP * 3 + NOP * 2
        self.inward(self.session.from_client(seq=1001, ack=9500, options=several), options=after)


@over_ipv6_too
class ServersExperimentalOptionsStay(SessionTest):
    """What the server sends in kinds 253 and 254 is its own business."""

    def runTest(self) -> None:
        self.handshake()
        options = bytes.fromhex("fe0800500a000001fd04abcd")
        self.outward(self.session.from_server(seq=9001, ack=1033, options=options, payload=b"x"))


@over_ipv6_too
class InjectedSegmentIsLikeAReceivedOne(SessionTest):
    """INJECT of a segment that is no SYN takes the same path as one that comes in by the port."""

    def runTest(self) -> None:
        self.handshake()
        segment = self.session.from_client(seq=1001, ack=9001, payload=b"x")
        expected = self.session.to_server(segment, options=self.session.toa)
        self.exchange(
            PacketOut("INJECT", segment, port=topology.CLIENT_SIDE),
            out=[(topology.SERVER_SIDE, expected)],
            toa={"OK": 1},
        )
