"""Frames that are cut short or whose lengths lie: each is dropped for its reason, and nothing comes of it."""

from ptf_tests import topology
from ptf_tests.base import PacketOut, requires
from ptf_tests.packets import ARP, ICMP, IP, NOP, Ether, Raw, mss
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

ETHERNET, IPV4, TCP = 14, 20, 20


@requires("ip-options")
class _Cut(SessionTest):
    """A session's segment with IP and TCP options, whose headers end at byte 66."""

    def setUp(self) -> None:
        super().setUp()
        options = mss(1460) + NOP * 4
        segment = self.session.from_client(seq=1, ack=500, ip_options=NOP * 4, options=options, payload=bytes(60))
        self.frame = bytes(segment)
        self.headers = ETHERNET + IPV4 + 4 + TCP + 8


@requires("frame-length")
class FramesCutInsideAHeaderAreDropped(_Cut):
    """A frame that ends anywhere inside its headers is dropped with PARSER; one that ends behind them, but before the
    IP packet does, with IPV4_HEADER."""

    def runTest(self) -> None:
        for cut in range(ETHERNET + 1, len(self.frame)):
            with self.subTest(cut=cut):
                self.drop(CLIENT_SIDE, self.frame[:cut], "PARSER" if cut < self.headers else "IPV4_HEADER")


@requires("runt-frames")
class RuntFramesAreDropped(_Cut):
    """Nor does a frame without so much as an Ethernet header do harm, or an empty IP packet."""

    def runTest(self) -> None:
        for cut in range(1, ETHERNET + 1):
            with self.subTest(cut=cut):
                self.drop(CLIENT_SIDE, self.frame[:cut], "PARSER")


@requires("frame-length")
class InjectedFramesCutAnywhereAreDropped(_Cut):
    """The same for what the controller injects, down to nothing at all."""

    def runTest(self) -> None:
        for cut in (*range(0, len(self.frame), 3), len(self.frame) - 1):
            with self.subTest(cut=cut):
                reason = "PARSER" if cut < self.headers else "IPV4_HEADER"
                self.exchange(PacketOut("INJECT", self.frame[:cut], port=CLIENT_SIDE), drops={reason: 1})
                self.exchange(PacketOut("RESET", self.frame[:cut], session_id=self.session.id), drops={reason: 1})


class HeadersCutByTheIpLengthAreDropped(SessionTest):
    """A total length that ends inside the IP or TCP header is dropped, although the frame goes on."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500, options=NOP * 8, payload=bytes(60))
        for total_len in range(48):
            with self.subTest(total_len=total_len):
                reason = "IPV4_HEADER" if total_len < 20 else "TCP_HEADER"
                self.drop(CLIENT_SIDE, segment.replace(total_len=total_len), reason)
                answer = self.session.from_server(options=NOP * 8, payload=bytes(60), total_len=total_len)
                self.drop(SERVER_SIDE, answer, reason)


class BytesBehindTheIpLengthArePadding(SessionTest):
    """What follows the IP packet is carried along, but is no payload: the checksum does not cover it."""

    def runTest(self) -> None:
        for extra in (1, 6, 500):
            self.inward(self.session.from_client(seq=1, ack=500, payload=b"data", padding=b"\xee" * extra))


@requires("frame-length")
class IpLengthBeyondTheFrameIsDropped(SessionTest):
    """A total length larger than what came is dropped, by one byte or by all."""

    def runTest(self) -> None:
        for total_len in (101, 102, 1500, 0xFFFF):
            segment = self.session.from_client(seq=1, ack=500, payload=bytes(60), total_len=total_len)
            self.drop(CLIENT_SIDE, segment, "IPV4_HEADER")


class BadVersionOrIhlIsDropped(SessionTest):
    """An IPv4 frame of another version, or with a header shorter than 20 bytes."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500, payload=bytes(60))
        for version in (0, 3, 5, 6, 15):
            with self.subTest(version=version):
                self.drop(CLIENT_SIDE, segment.replace(version=version), "IPV4_HEADER")
        for ihl in range(5):
            with self.subTest(ihl=ihl):
                self.drop(CLIENT_SIDE, segment.replace(ihl=ihl), "IPV4_HEADER")


@requires("ip-options")
class IhlBeyondThePacketIsDropped(SessionTest):
    """A header longer than the packet it heads."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500, payload=bytes(60), ihl=15, total_len=59)
        self.drop(CLIENT_SIDE, segment, "IPV4_HEADER")
        short = self.session.from_client(seq=1, ack=500, ihl=15)
        self.drop(CLIENT_SIDE, short, "PARSER")


class WrongIpChecksumIsDropped(SessionTest):
    """A router drops what fails the header checksum, injected too."""

    ip_options = b""

    def runTest(self) -> None:
        good = self.session.from_client(seq=1, ack=500, ip_options=self.ip_options, payload=b"x")
        checksum = int.from_bytes(bytes(good)[24:26], "big")
        for wrong in (checksum ^ 1, checksum ^ 0x8000, 0, 0xFFFF):
            with self.subTest(checksum=wrong):
                bad = good.replace(ip_checksum=wrong)
                self.drop(CLIENT_SIDE, bad, "IPV4_CHECKSUM")
                self.exchange(PacketOut("INJECT", bad, port=CLIENT_SIDE), drops={"IPV4_CHECKSUM": 1})


@requires("ip-options")
class WrongIpChecksumWithOptionsIsDropped(WrongIpChecksumIsDropped):
    """The header checksum covers the options too."""

    ip_options = b"\x94\x04\x00\x00"

    def runTest(self) -> None:
        super().runTest()
        flipped = bytearray(bytes(self.session.from_client(ip_options=b"\x94\x04\x00\x00")))
        flipped[36] ^= 1
        self.drop(CLIENT_SIDE, bytes(flipped), "IPV4_CHECKSUM")


class OtherEthertypesAreDropped(SessionTest):
    """LLDP, and lengths in the place of a type."""

    def runTest(self) -> None:
        for ethertype in (0x88CC, 0x0000, 0x002E, 0x05DC, 0xFFFF, 0x0801, 0x0805):
            with self.subTest(ethertype=f"{ethertype:#06x}"):
                frame = Ether(dst=topology.PORT_MAC[1], src=topology.CLIENT_MAC, type=ethertype) / Raw(bytes(46))
                self.drop(CLIENT_SIDE, frame, "ETHERTYPE")


class ArpCutShortIsDropped(SessionTest):
    """An ARP message that ends early."""

    def runTest(self) -> None:
        request = bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=topology.CLIENT_MAC) / ARP(pdst=topology.VIP))
        for cut in range(15, len(request)):
            with self.subTest(cut=cut):
                self.drop(CLIENT_SIDE, request[:cut], "PARSER")


class IcmpCutShortIsDropped(SessionTest):
    """An ICMP message too short for its header, in the frame or by the IP length, is not answered. Where the identifier
    of an echo is looked at, the parser finds that it is not there."""

    def runTest(self) -> None:
        head = Ether(dst=topology.PORT_MAC[1], src=topology.CLIENT_MAC)
        whole = bytes(head / IP(src=topology.CLIENT, dst=topology.VIP) / ICMP())
        parsed = 42 if self.can("icmp-errors") else 38
        for cut in range(34, len(whole)):
            with self.subTest(cut=cut):
                self.drop(CLIENT_SIDE, whole[:cut], "PARSER" if cut < parsed else "IPV4_HEADER")
        for length in range(28):
            with self.subTest(total_len=length):
                lying = head / IP(src=topology.CLIENT, dst=topology.VIP, len=length) / ICMP() / Raw(bytes(18))
                self.drop(CLIENT_SIDE, lying, "IPV4_HEADER")
