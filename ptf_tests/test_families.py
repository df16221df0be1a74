"""NAT64 and NAT46: clients of one family, servers of the other (RFC 7915)."""

from __future__ import annotations

from typing import Any

from scapy.utils import checksum

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, also, requires
from ptf_tests.families import CrossSession, crossed, ends
from ptf_tests.packets import NOP, Udp, mss, sack, timestamps
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, IPV4, IPV6, SERVER_SIDE

PROTO_UDP = 17
LINUX_SYN = mss(1460) + b"\x04\x02" + timestamps() + NOP + b"\x03\x03\x07"


def both_ways(cls: Any) -> Any:
    """A test class of NAT64, and the same of NAT46: its name ends so."""
    return requires("families")(also(cls, "Nat46", "NAT46.", network=IPV4))


class CrossTest(SessionTest):
    """Sessions are NAT64 where the network of the client is IPv6, else NAT46."""

    network = IPV6

    @property
    def is_nat64(self) -> bool:
        return self.network is IPV6

    @property
    def server_network(self) -> topology.Network:
        return IPV4 if self.is_nat64 else IPV6

    def new_session(self) -> CrossSession:
        return CrossSession(
            id=self.harness.session_id(),
            delta=self.delta,
            flags=self.flags,
            local_port=self.local_port,
            server_mac=self.server_mac,
            **ends(self.is_nat64, self.server),
        )


@both_ways
class SegmentsChangeTheirFamily(CrossTest):
    """Either way, with every length odd and even; traffic class and TOS are one, and so are hop limit and TTL; nothing
    is left of flow label, identification and DF."""

    flags = 0

    def runTest(self) -> None:
        for size in (0, 1, 2, 3, 100, 511, 1219, 1220, 1221, 1400):
            fields: dict[str, Any] = {"payload": bytes(range(256)) * 6, "tos": size % 256, "ttl": 2 + size % 250}
            fields["payload"] = fields["payload"][:size]
            with self.subTest(size=size):
                self.inward(self.session.from_client(seq=1, ack=2, flags="PA", **fields))
                self.outward(self.session.from_server(seq=1, ack=2, flags="PA", **fields))
                self.inward(self.session.from_client(seq=1, ack=2, ip_flags=0, ip_id=7, flow_label=9, **fields))
                self.outward(self.session.from_server(seq=1, ack=2, ip_flags=0, ip_id=7, flow_label=9, **fields))


@both_ways
class ClientOfTheOtherFamilyIsToldByToa(CrossTest):
    """In the client's family, in the SYN and until the client acknowledges data; the server's SYN-ACK leaves room for
    it, whatever the family."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000, options=LINUX_SYN)
        blank = mss(1460) + b"\x04\x02" + NOP * 10 + NOP + b"\x03\x03\x07"
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa + blank)
        ack = 1001 + self.delta
        answer = self.session.from_server(flags="SA", seq=9000, ack=ack, options=mss(1440))
        self.outward(answer, options=mss(1440 - self.network.toa_bytes))
        data = self.session.from_client(seq=1001, ack=9001, payload=b"request")
        self.inward(data, toa="OK", options=self.session.toa)
        self.outward(self.session.from_server(seq=9001, ack=ack + 7, payload=b"answer"))
        self.inward(self.session.from_client(seq=1008, ack=9007, payload=b"more"))


@both_ways
class MssOfTheOtherFamilyIsLoweredToItsOwnFloor(CrossTest):
    """By TOA alone: a server announces what fits with the header of its own family. A server of IPv4 may announce less
    than any of IPv6 does."""

    def runTest(self) -> None:
        toa, floor = self.network.toa_bytes, IPV4.mss_floor
        for value in (1, floor, floor + 1, floor + toa, floor + toa + 1, 1220, 1240, 1460, 8960, 0xFFFF):
            lowered = value if value <= floor else max(floor, value - toa)
            with self.subTest(mss=value):
                answer = self.session.from_server(flags="SA", seq=1, ack=2, options=mss(value))
                self.outward(answer, options=mss(lowered))


@both_ways
class LengthIsThatOfTheOtherHeader(CrossTest):
    """What fits in the header of the other family leaves, by a byte more it does not; TOA is left out where it does not
    fit beside the data."""

    flags = 0

    def runTest(self) -> None:
        inside, outside = self.server_network, self.network
        self.inward(self.session.from_client(seq=1, payload=bytes(min(inside.segment, 1460))))
        self.outward(self.session.from_server(seq=1, payload=bytes(outside.segment)))
        for port, sent, segment, way in (
            (CLIENT_SIDE, self.session.from_client, inside.segment, self.session.to_its_server),
            (SERVER_SIDE, self.session.from_server, outside.segment, self.session.to_its_client),
        ):
            self.ends(port, sent(seq=1, payload=bytes(segment + 1)), "MTU", way, self.session.id)


@both_ways
class ToaIsLeftOutWhereTheOtherHeaderLeavesNoRoom(CrossTest):
    """By a byte."""

    def runTest(self) -> None:
        self.handshake()
        room = self.server_network.segment - self.network.toa_bytes
        fits = self.session.from_client(seq=1001, ack=9001, payload=bytes(room))
        self.inward(fits, toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=bytes(room + 1)), toa="FAIL_LEN")


@both_ways
class NumbersAreShiftedAcrossFamilies(CrossTest):
    """Sequence numbers, acknowledgements and SACK, modulo 2**32."""

    delta = 0xFFFFFF00
    flags = 0

    def runTest(self) -> None:
        for number in (0, 0xFF, 0x100, 0x80000000, 0xFFFFFFFF):
            self.inward(self.session.from_client(seq=number, ack=number, options=NOP * 2 + sack((1, number))))
            answer = self.session.from_server(seq=number, ack=number, options=NOP * 2 + sack((1, number)))
            shifted = sack((1 - self.delta, number - self.delta))
            self.outward(answer, options=NOP * 2 + shifted)


@both_ways
class HopLimitIsTheTtlOfTheOtherFamily(CrossTest):
    """It ends here at 1, and the sender is told in its own family."""

    flags = 0

    def runTest(self) -> None:
        for ttl in (2, 255):
            self.inward(self.session.from_client(seq=1, ttl=ttl))
            self.outward(self.session.from_server(seq=1, ttl=ttl))
        for ttl in (0, 1):
            sent, back = self.session.from_client(seq=1, ttl=ttl), self.session.from_server(seq=1, ttl=ttl)
            self.ends(CLIENT_SIDE, sent, self.network.expired, self.session.to_its_server, self.session.id)
            self.ends(SERVER_SIDE, back, self.server_network.expired, self.session.to_its_client, self.session.id)


@both_ways
class DamageStaysDamageAcrossFamilies(CrossTest):
    """Checksums change by the difference."""

    flags = 0

    def runTest(self) -> None:
        for port, make, leave, out in (
            (CLIENT_SIDE, self.session.from_client, self.session.to_server, SERVER_SIDE),
            (SERVER_SIDE, self.session.from_server, self.session.to_client, CLIENT_SIDE),
        ):
            sent = make(seq=1, ack=5, payload=b"data")
            right = leave(sent)
            damaged = bytearray(bytes(sent))
            damaged[-1] ^= 0x10
            expected = bytearray(bytes(right))
            expected[-1] ^= 0x10
            self.exchange((port, bytes(damaged)), out=[(out, bytes(expected))])


@both_ways
class ResetsAreSentInEitherFamily(CrossTest):
    """The controller's bare RSTs are written in the family of the session's end that they pretend to come from."""

    def runTest(self) -> None:
        self.handshake()
        for made, leave, port, number in (
            (self.session.from_client(flags="R"), self.session.to_server, SERVER_SIDE, 1001 + self.delta),
            (self.session.from_server(flags="R"), self.session.to_client, CLIENT_SIDE, 9001),
        ):
            reset = PacketOut("RESET", made, session_id=self.session.id)
            changes = {"seq": number, "ttl": made.ttl}
            self.exchange(reset, out=[(port, leave(made, **changes))])


class CrossUdpTest(FullnatTest):
    network = IPV6

    def setUp(self) -> None:
        super().setUp()
        number = self.harness.session_id()
        self.session = CrossSession(id=number, protocol=PROTO_UDP, delta=0, flags=0, **ends(self.network is IPV6))
        vip = self.network.vip
        self.insert(topology.service(vip, protocol=PROTO_UDP), *self.session.server_entries, *self.session.entries)

    def from_client(self, **fields: Any) -> Udp:
        return Udp(**self.session.client_sends).replace(**fields)

    def from_server(self, **fields: Any) -> Udp:
        return Udp(**self.session.server_sends).replace(**fields)

    def inward(self, sent: Udp, **changes: Any) -> None:
        left = crossed(sent, sent.replace(**self.session.server_gets, ttl=sent.ttl - 1).replace(**changes))
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, left)])

    def outward(self, sent: Udp, **changes: Any) -> None:
        left = crossed(sent, sent.replace(**self.session.client_gets, ttl=sent.ttl - 1).replace(**changes))
        self.exchange((SERVER_SIDE, sent), out=[(CLIENT_SIDE, left)])


@both_ways
class DatagramsChangeTheirFamily(CrossUdpTest):
    """Whatever the length; a checksum that comes to 0 is sent as 0xffff."""

    def runTest(self) -> None:
        for size in (0, 1, 2, 3, 100, 511, 1232, 1233, 1400):
            with self.subTest(size=size):
                self.inward(self.from_client(payload=b"q" * size))
                self.outward(self.from_server(payload=b"a" * size))
        for make, cross, gets in (
            (self.from_client, self.inward, self.session.server_gets),
            (self.from_server, self.outward, self.session.client_gets),
        ):
            zero = Udp(**gets).replace(payload=bytes(2)).summed
            cross(make(payload=zero.to_bytes(2, "big")))


@both_ways
class DatagramsWithoutChecksumStayInTheirFamily(CrossUdpTest):
    """IPv6 has none without one (RFC 8200 8.1), and what IPv4 leaves out is not made up (RFC 7915 4.5)."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, self.from_client(payload=b"q", checksum=0), "UDP_CHECKSUM")
        self.drop(SERVER_SIDE, self.from_server(payload=b"a", checksum=0), "UDP_CHECKSUM")


@both_ways
class SessionThatCrossesToItsOwnFamilyIsDropped(CrossTest):
    """Entries that contradict each other: a server that is not of the family of the session's local address."""

    def runTest(self) -> None:
        contradicting = Session(id=0, server_id=self.session.server_id, **ends_within(self.network))
        self.client.modify(*contradicting.server_entries)
        self.drop(CLIENT_SIDE, self.session.from_client(seq=1), "FAMILY")
        self.client.modify(*Session(id=0, server_id=7, **ends_within(self.server_network)).server_entries)
        self.drop(SERVER_SIDE, self.session.from_server(seq=1), "FAMILY")


def ends_within(network: topology.Network) -> dict[str, Any]:
    return {"client": network.client, "vip": network.vip, "local": network.local, "server": network.server}


@requires("families")
class FragmentsAndOptionsOfIpv4StayThere(CrossTest):
    """Of a session of NAT46: IPv4 options, fragments, first ones or later, and IPsec have no counterpart here."""

    network = IPV4

    def runTest(self) -> None:
        whole = self.session.from_client(seq=1, payload=bytes(120))
        for words in (1, 5, 10):
            self.drop(CLIENT_SIDE, whole.replace(ip_options=NOP * 4 * words), "IPV4_OPTIONS")
        self.drop(CLIENT_SIDE, whole.replace(ip_flags=1), "FRAGMENT")
        later = bytearray(bytes(whole.replace(ip_flags=0)))
        later[20:22] = b"\0\x05"
        later[24:26] = b"\0\0"
        later[24:26] = checksum(bytes(later[14:34])).to_bytes(2, "big")
        self.drop(CLIENT_SIDE, bytes(later), "FRAGMENT")
