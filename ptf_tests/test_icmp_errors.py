"""ICMP errors about packets of a session reach the sender of the packet, as if it had spoken to whom it thinks."""

from __future__ import annotations

from typing import Any

from fullnat.p4constants import TOA_V4_BYTES, TOA_V6_BYTES

from ptf_tests import topology
from ptf_tests.base import over_ipv6_too, requires
from ptf_tests.errors import LEAST, IcmpErrorTest
from ptf_tests.icmp import IcmpError, quote
from ptf_tests.packets import NOP, Udp, timestamps
from ptf_tests.sessions import Session, ends
from ptf_tests.test_udp import PROTO_UDP
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

LEAST_MTU = 1280
"""Of IPv6 (RFC 8200 5)."""


@over_ipv6_too
class ErrorsAboutSegmentsAreTranslatedBothWays(IcmpErrorTest):
    """Those of every type that tells the sender of a segment something; whose router it was, neither side learns."""

    def runTest(self) -> None:
        for kind in self.kinds.translated:
            with self.subTest(kind=kind):
                self.outward_error(self.to_server(seq=1001, ack=9001, payload=b"request"), kind=kind)
                self.inward_error(self.to_client(seq=9001, ack=1001, payload=b"answer"), kind=kind)


@over_ipv6_too
class EightBytesOfAQuotedSegmentSuffice(IcmpErrorTest):
    """However much is quoted, what of it the translation changed is changed back, with every checksum that is there."""

    def runTest(self) -> None:
        for behind in (8, 9, 11, 12, 15, 16, 18, 19, 20, 21, 28, 31, 32, 33, 528, None):
            with self.subTest(behind=behind):
                fields = {"options": timestamps() + NOP * 2, "payload": bytes(range(256)) * 3}
                self.outward_error(self.to_server(seq=1001, ack=9001, **fields), behind)
                self.inward_error(self.to_client(seq=9001, ack=1001, **fields), behind)


@over_ipv6_too
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


@over_ipv6_too
class QuotedMtuLeavesRoomForToa(IcmpErrorTest):
    """What the client may send is less by what the switch adds; the server is told as it is. 0 tells of no MTU."""

    def runTest(self) -> None:
        for mtu in (0, 4, TOA_V4_BYTES, 9, 68, 576, 1279, 1280, 1281, 1300, 1400, 0xFFFF):
            with self.subTest(mtu=mtu):
                fields: dict[str, Any] = {"kind": self.kinds.too_big, "mtu": mtu}
                lowered = {"mtu": self.lowered(mtu)}
                self.outward_error(self.to_server(payload=bytes(1000)), LEAST, changes=lowered, **fields)
                self.inward_error(self.to_client(payload=bytes(1000)), LEAST, **fields)
        # In other errors the field is another one.
        self.outward_error(self.to_server(), LEAST, kind=self.kinds.time_exceeded, mtu=1400)

    def lowered(self, mtu: int) -> int:
        """No link of IPv6 has less than 1280 bytes, and no host believes less."""
        if self.network is topology.IPV6:
            return max(mtu - TOA_V6_BYTES, LEAST_MTU) if mtu > LEAST_MTU else mtu
        return max(mtu - TOA_V4_BYTES, 0)


@over_ipv6_too
class QuotedMtuStaysWithoutToa(IcmpErrorTest):
    """Where the switch adds nothing the client is told as it is, too."""

    flags = 0

    def runTest(self) -> None:
        self.outward_error(self.to_server(payload=bytes(1000)), LEAST, kind=self.kinds.too_big, mtu=1400)


@over_ipv6_too
class ErrorsAboutDatagramsAreTranslatedBothWays(IcmpErrorTest):
    """Of which 8 bytes are the whole header: a checksum of 0, which is none, stays 0, and none comes to 0."""

    def new_session(self) -> Session:
        return Session(id=self.harness.session_id(), protocol=PROTO_UDP, delta=0, **ends(self.network))

    def to_server(self, **fields: Any) -> Any:
        return Udp(**self.session.server_gets).replace(**fields)

    def to_client(self, **fields: Any) -> Any:
        return Udp(**self.session.client_gets).replace(**fields)

    def runTest(self) -> None:
        for kind in (self.kinds.port_unreachable, self.kinds.time_exceeded):
            for behind in (LEAST, 9, None):
                for said in (None, 0):
                    fields = {"payload": b"query", "checksum": said}
                    self.outward_error(self.to_server(**fields), behind, kind=kind)
                    self.inward_error(self.to_client(**fields), behind, kind=kind)
        sent = self.to_server(payload=bytes(2))
        none = sent.replace(payload=self.as_client_sent(sent).summed.to_bytes(2, "big"))
        assert self.as_client_sent(none).summed == 0xFFFF
        self.outward_error(none)


@over_ipv6_too
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
                # The checksums of what is quoted, with a right one around it.
                of_segment = self.network.header_bytes + 16
                for at in (of_segment,) if self.network is topology.IPV6 else (10, of_segment):
                    quotes = [_damaged(message.quote, at, wrong) for message in (came, left)]
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


@requires("ipv6")
@requires("icmp-errors")
class QuotedIpv6HeaderIsOfNoConcern(IcmpErrorTest):
    """But for addresses and protocol: traffic class, flow label, length and hop limit are as they were quoted."""

    network = topology.IPV6

    def runTest(self) -> None:
        for fields in ({"tc": 0xFF, "hlim": 0}, {"fl": 0xABCDE}, {"plen": 0}, {"plen": 0xFFFF}):
            self.outward_error(self.to_server(seq=1001), LEAST, ip=fields)
            self.inward_error(self.to_client(seq=9001), LEAST, ip=fields)


@over_ipv6_too
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
