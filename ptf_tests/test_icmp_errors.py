"""ICMP errors about packets of a session reach the sender of the packet, as if it had spoken to whom it thinks."""

from __future__ import annotations

from typing import Any

from fullnat.net.checksum import checksum
from fullnat.p4constants import TOA_V4_BYTES

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, requires
from ptf_tests.icmp import FRAGMENTATION_NEEDED, TIME_EXCEEDED, IcmpError, quote
from ptf_tests.icmp_errors import CLIENTS_ROUTER, WITH_CHECKSUM, IcmpErrorTest
from ptf_tests.packets import NOP, Udp, timestamps
from ptf_tests.sessions import DirectSession, Session, TunnelSession
from ptf_tests.test_udp import PROTO_UDP
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE, UPLINK

KINDS = (*((3, code) for code in (0, 1, 2, 3, 4, 9, 10, 13)), (4, 0), (11, 0), (11, 1), (12, 0))
LEAST = 8
"""Bytes behind the quoted IP header that every error has (RFC 792)."""


class ErrorsAboutSegmentsAreTranslatedBothWays(IcmpErrorTest):
    """Those of every type that tells the sender of a segment something; whose router it was, neither side learns."""

    def runTest(self) -> None:
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.outward_error(self.to_server(seq=1001, ack=9001, payload=b"request"), kind=kind)
                self.inward_error(self.to_client(seq=9001, ack=1001, payload=b"answer"), kind=kind)


class EightBytesOfAQuotedSegmentSuffice(IcmpErrorTest):
    """However much is quoted, what of it the translation changed is changed back, with every checksum that is there."""

    def runTest(self) -> None:
        for behind in (8, 9, 11, 12, 15, 16, 18, 19, 20, 21, 28, 31, 32, 33, 528, None):
            with self.subTest(behind=behind):
                fields = {"options": timestamps() + NOP * 2, "payload": bytes(range(256)) * 3}
                self.outward_error(self.to_server(seq=1001, ack=9001, **fields), behind)
                self.inward_error(self.to_client(seq=9001, ack=1001, **fields), behind)


class QuotedNumbersAreShiftedBack(IcmpErrorTest):
    """The client sees its own sequence number, and the server what it had acknowledged, modulo 2**32."""

    delta = 0xFFFFFF00

    def runTest(self) -> None:
        for number in (0, 0xFE, 0x100, 0x1234567, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            with self.subTest(number=number):
                for behind in (LEAST, None):
                    self.outward_error(self.to_server(seq=number, ack=number), behind)
                    self.inward_error(self.to_client(seq=number, ack=number), behind)
        self.inward_error(self.to_client(flags="R", seq=9001, ack=77))
        self.outward_error(self.to_server(flags="S", seq=77))


class QuotedMtuLeavesRoomForToa(IcmpErrorTest):
    """What the client may send is less by what the switch adds; the server is told as it is. 0 tells of no MTU."""

    def runTest(self) -> None:
        for mtu in (0, 4, TOA_V4_BYTES, 9, 68, 576, 1400, 0xFFFF):
            with self.subTest(mtu=mtu):
                fields: dict[str, Any] = {"kind": FRAGMENTATION_NEEDED, "mtu": mtu}
                lowered = {"mtu": max(mtu - TOA_V4_BYTES, 0)}
                self.outward_error(self.to_server(payload=bytes(1000)), LEAST, changes=lowered, **fields)
                self.inward_error(self.to_client(payload=bytes(1000)), LEAST, **fields)
        # In other errors the field is another one.
        self.outward_error(self.to_server(), LEAST, kind=TIME_EXCEEDED, mtu=1400)


class QuotedMtuStaysWithoutToa(IcmpErrorTest):
    """Where the switch adds nothing the client is told as it is, too."""

    flags = 0

    def runTest(self) -> None:
        self.outward_error(self.to_server(payload=bytes(1000)), LEAST, kind=FRAGMENTATION_NEEDED, mtu=1400)


class ErrorsAboutDatagramsAreTranslatedBothWays(IcmpErrorTest):
    """Of which 8 bytes are the whole header: a checksum of 0, which is none, stays 0, and none comes to 0."""

    def new_session(self) -> Session:
        return Session(id=self.harness.session_id(), protocol=PROTO_UDP, delta=0)

    def to_server(self, **fields: Any) -> Any:
        return Udp(**self.session.server_gets).replace(**fields)

    def to_client(self, **fields: Any) -> Any:
        return Udp(**self.session.client_gets).replace(**fields)

    def runTest(self) -> None:
        for kind in ((3, 3), TIME_EXCEEDED):
            for behind in (LEAST, 9, None):
                for said in (None, 0):
                    fields = {"payload": b"query", "checksum": said}
                    self.outward_error(self.to_server(**fields), behind, kind=kind)
                    self.inward_error(self.to_client(**fields), behind, kind=kind)
        sent = self.to_server(payload=bytes(2))
        none = sent.replace(payload=self.as_client_sent(sent).summed.to_bytes(2, "big"))
        assert self.as_client_sent(none).summed == 0xFFFF
        self.outward_error(none)


class DamagedErrorsStayDamaged(IcmpErrorTest):
    """A wrong checksum of the error, or of what it quotes, is wrong by the same difference when it leaves."""

    def runTest(self) -> None:
        for wrong in (1, 0x100, 0x1234):
            with self.subTest(wrong=wrong):
                sent = self.to_server(seq=1001, ack=9001)
                came = self.about_server_bound(sent)
                left = self.to_the_client(came, quote(self.as_client_sent(sent)))
                self._exchange(
                    came.replace(checksum=_plus(came.summed, wrong)), left.replace(checksum=_plus(left.summed, wrong))
                )
                # The checksum of the quoted segment, with a right one around it.
                quotes = [_damaged(message.quote, 36, wrong) for message in (came, left)]
                self._exchange(came.replace(quote=quotes[0]), left.replace(quote=quotes[1]))
                quotes = [_damaged(message.quote, 10, wrong) for message in (came, left)]
                self._exchange(came.replace(quote=quotes[0]), left.replace(quote=quotes[1]))

    def _exchange(self, came: IcmpError, left: IcmpError) -> None:
        self.exchange((SERVER_SIDE, came), out=[(CLIENT_SIDE, left)])


def _plus(right: int, wrong: int) -> int:
    """In one's complement."""
    total = right + wrong
    return total if total < 0xFFFF else total - 0xFFFF


def _damaged(quoted: bytes, at: int, wrong: int) -> bytes:
    total = _plus(int.from_bytes(quoted[at : at + 2], "big"), wrong)
    return quoted[:at] + total.to_bytes(2, "big") + quoted[at + 2 :]


class QuotedIpOptionsAreKept(IcmpErrorTest):
    """A header of any length is quoted, and what follows it is found."""

    def runTest(self) -> None:
        for words in (1, 5, 10):
            for behind in (LEAST, None):
                sent = {"ip_options": NOP * 4 * words, "payload": b"data"}
                self.outward_error(self.to_server(seq=1001, **sent), behind)
                self.inward_error(self.to_client(seq=9001, **sent), behind)


@requires("ip-options")
class ErrorsKeepTheirIpOptions(IcmpErrorTest):
    """An error's own header has options, as Linux answers with those of the packet."""

    def runTest(self) -> None:
        for words in (1, 10):
            self.outward_error(self.to_server(seq=1001), LEAST, ip_options=NOP * 4 * words)
            self.inward_error(self.to_client(seq=9001), ip_options=NOP * 4 * words)


class QuotedFirstFragmentIsTranslated(IcmpErrorTest):
    """It has the ports; other header fields of the quoted packet are of no concern."""

    def runTest(self) -> None:
        for fields in ({"flags": 1}, {"tos": 0xFF, "ttl": 0}, {"len": 20}, {"len": 0xFFFF, "id": 0}):
            self.outward_error(self.to_server(seq=1001), LEAST, ip=fields)
            self.inward_error(self.to_client(seq=9001), LEAST, ip=fields)


class BytesBehindAnErrorAreCarriedAlong(IcmpErrorTest):
    """Padding of the frame, extensions behind the quoted packet (RFC 4884), TOS and id of the error."""

    def runTest(self) -> None:
        sent, server_sent = self.to_server(seq=1001), self.to_client(seq=9001)
        self.outward_error(sent, LEAST, padding=bytes(11), tos=0xC0, ip_id=0)
        self.inward_error(server_sent, LEAST, padding=bytes(11), tos=0xC0, ip_id=0)
        extension = bytes(88) + b"\x20\0\xdf\xff"
        came = self.about_server_bound(sent, quote(sent) + extension, unused=32)
        left = self.to_the_client(came, quote(self.as_client_sent(sent)) + extension)
        self.exchange((SERVER_SIDE, came), out=[(CLIENT_SIDE, left)])


class StrayErrorsAreDropped(IcmpErrorTest):
    """What quotes no packet of a session, or not enough to tell, by one reason, whatever address of ours it is for."""

    def runTest(self) -> None:
        sent = self.to_server(seq=1001, ack=9001)
        strays = {
            "another port": quote(sent.replace(sport=5001)),
            "another server": quote(sent.replace(dst="10.0.0.21")),
            "another protocol": quote(sent, proto=47),
            "ICMP": quote(sent, proto=1),
            "another sender": quote(sent.replace(src="10.0.0.201")),
            "a fragment": quote(sent, frag=1),
            "version 6": quote(sent, version=6),
            "a header of 16 bytes": quote(sent, ihl=4),
            "options that are not there": quote(sent, LEAST, ihl=6),
            "7 bytes": quote(sent, LEAST - 1),
            "no ports": quote(sent, 0),
            "half a header": quote(sent)[:10],
            "nothing": b"",
        }
        for name, quoted in strays.items():
            with self.subTest(quoted=name):
                # Padding is no part of what is quoted.
                for padding in (b"", bytes(40)):
                    self.drop(SERVER_SIDE, self.about_server_bound(sent, quoted, padding=padding), "ICMP_ERROR")
        for address in (topology.VIP, topology.INTERFACE[CLIENT_SIDE]):
            stray = self.about_client_bound(self.to_client(src=address, sport=81))
            self.drop(CLIENT_SIDE, stray, "ICMP_ERROR")


class RedirectsAndQueriesAreNotTranslated(IcmpErrorTest):
    """A redirect is for the next hop alone, and the others quote nothing."""

    def runTest(self) -> None:
        for kind in ((5, 0), (5, 1), (0, 0), (13, 0), (14, 0), (17, 0), (255, 0)):
            self.drop(SERVER_SIDE, self.about_server_bound(self.to_server(), kind=kind), "PROTOCOL")


class ErrorsThatAreTooShortAreDropped(IcmpErrorTest):
    """By the reason of the header that has no room in the packet, or that the frame ends in."""

    def runTest(self) -> None:
        came = self.about_server_bound(self.to_server())
        for total_len in (20, 21, 27):
            self.drop(SERVER_SIDE, came.replace(total_len=total_len), "IPV4_HEADER")
        if self.can("frame-length"):
            self.drop(SERVER_SIDE, bytes(came)[:-1], "IPV4_HEADER")
        for cut in (15, 33, 35, 37):
            self.drop(SERVER_SIDE, bytes(came)[:cut], "PARSER")


@requires("icmp-errors")
@requires("frame-length")
class ErrorsCutInsideAHeaderAreDropped(IcmpErrorTest):
    """A frame that ends inside the headers that are quoted is dropped with PARSER, one that ends behind them, but
    before the IP packet does, with IPV4_HEADER."""

    def runTest(self) -> None:
        frame = bytes(self.about_server_bound(self.to_server(ip_options=NOP * 8, payload=bytes(30))))
        headers = 14 + 20 + 8 + 28 + WITH_CHECKSUM
        for cut in range(35, len(frame)):
            with self.subTest(cut=cut):
                self.drop(SERVER_SIDE, frame[:cut], "PARSER" if cut < headers else "IPV4_HEADER")


class ErrorsOfOthersAreRouted(IcmpErrorTest):
    """What is not for us, and not of a session, passes unchanged but for the TTL, whatever it quotes."""

    def runTest(self) -> None:
        sent = self.to_client(src=topology.FAR_HOST)
        for quoted in (None, quote(sent, 0), quote(sent.replace(src=topology.VIP))):
            came = self.about_client_bound(sent, quoted)
            macs = {"eth_dst": topology.GATEWAY_MAC, "eth_src": PORT_MAC[UPLINK]}
            self.exchange((CLIENT_SIDE, came), out=[(UPLINK, came.replace(**macs, ttl=came.ttl - 1))])


class FragmentsOfErrorsAreDropped(IcmpErrorTest):
    """As all fragments to addresses of ours."""

    def runTest(self) -> None:
        frame = bytearray(bytes(self.about_server_bound(self.to_server(), ip_id=7)))
        for flags in (b"\x20\0", b"\0\x01"):
            frame[20:22], frame[24:26] = flags, bytes(2)
            frame[24:26] = checksum(bytes(frame[14:34])).to_bytes(2, "big")
            self.drop(SERVER_SIDE, bytes(frame), "FRAGMENT")


class ErrorsEndInSilence(IcmpErrorTest):
    """Nothing is told of an error whose TTL ends here, or that is longer than its way takes (RFC 1812 4.3.2.7)."""

    def runTest(self) -> None:
        sent, server_sent = self.to_server(), self.to_client()
        if self.can("icmp-errors"):
            self.drop(SERVER_SIDE, self.about_server_bound(sent, ttl=1), "TTL")
            self.drop(CLIENT_SIDE, self.about_client_bound(server_sent, ttl=1), "TTL")
            longest = self.to_client(payload=bytes(1500))
            self.drop(CLIENT_SIDE, self.about_client_bound(longest), "MTU")
        transit = self.about_client_bound(self.to_client(src=topology.FAR_HOST))
        self.drop(CLIENT_SIDE, transit.replace(ttl=1), "TTL")


@requires("icmp-errors")
class ErrorsForAHostWithoutNeighborAreTranslated(IcmpErrorTest):
    """The controller gets the error as it leaves, and has only to lower the TTL and send it on."""

    server = "silent_server"

    def runTest(self) -> None:
        sent = self.to_client(seq=9001, ack=1001)
        came = self.about_client_bound(sent)
        left = {"eth_dst": came.eth_dst, "eth_src": came.eth_src, "ttl": came.ttl}
        punted = self.to_the_server(came, quote(self.as_server_sent(sent)), **left)
        self.exchange((CLIENT_SIDE, came), punted=[Punt("NO_NEIGHBOR", punted, session_id=self.session.id)])


@requires("icmp-errors")
class ErrorsAreNoNewsOfASession(IcmpErrorTest):
    """Registers and events are as if none had come: the next of them are those of the segments."""

    def runTest(self) -> None:
        self.handshake()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"))
        self.outward_error(self.to_server(flags="FA", seq=1001, ack=9001))
        self.inward_error(self.to_client(flags="FA", seq=9001, ack=1001))
        self.inward_error(self.to_client(flags="R", seq=9001))
        self.inward(self.session.from_client(seq=1001, ack=9001), toa="OK", options=self.session.toa)
        self.expect_events(self.session.id, ("IN", "ESTABLISHED"))
        reset = self.session.from_server(flags="R", ack=0)
        to_client = CLIENT_SIDE, self.session.to_client(reset, seq=9001, ttl=reset.ttl)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[to_client])


@requires("icmp-errors")
class NatShowsTheServerWhoseErrorItIs(IcmpErrorTest):
    """The server sees the client itself, and so the routers on the way there; the client sees the service alone."""

    local, local_port, delta, flags = "client", 40000, 0, 0

    def runTest(self) -> None:
        for behind in (LEAST, None):
            self.inward_error(self.to_client(seq=9001), behind, changes={"src": CLIENTS_ROUTER})
            self.outward_error(self.to_server(seq=1001), behind, kind=FRAGMENTATION_NEEDED, mtu=1400)


@requires("icmp-errors")
class DirectRoutingPassesErrorsOn(IcmpErrorTest):
    """To the server next door, which has the virtual address, unchanged but for TTL and frame."""

    def new_session(self) -> Session:
        return DirectSession(id=self.harness.session_id())

    def runTest(self) -> None:
        for behind in (LEAST, None):
            came = self.about_client_bound(self.to_client(seq=9001), quote(self.to_client(seq=9001), behind))
            macs = {"eth_dst": self.session.server_mac, "eth_src": PORT_MAC[SERVER_SIDE]}
            self.exchange((CLIENT_SIDE, came), out=[(SERVER_SIDE, came.replace(**macs, ttl=came.ttl - 1))])


@requires("icmp-errors")
@requires("tunnels")
class TunnelPassesErrorsOn(IcmpErrorTest):
    """In an outer header, like the client's packets."""

    def new_session(self) -> Session:
        return TunnelSession(id=self.harness.session_id())

    def runTest(self) -> None:
        assert isinstance(self.session, TunnelSession)
        came = self.about_client_bound(self.to_client(seq=9001))
        macs = {"eth_dst": self.session.server_mac, "eth_src": PORT_MAC[SERVER_SIDE]}
        inner = came.replace(**macs, ttl=came.ttl - 1)
        self.exchange((CLIENT_SIDE, came), out=[(SERVER_SIDE, self.session.through(inner))])
