"""Ping over IPv6 (RFC 4443): VIPs and interfaces answer, local addresses do not."""

from typing import Any

from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, requires
from ptf_tests.packets import Ether, IPv6, Raw
from ptf_tests.topology import CLIENT_SIDE, IPV6, UPLINK

CHECKSUM = slice(56, 58)


def echo_request(dst: str, payload: bytes = b"", **fields: Any) -> Any:
    """An echo request of the client's; ``fields`` of IPv6."""
    head = Ether(dst=topology.PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
    ip = IPv6(**{"src": IPV6.client, "fl": 0xABCDE, **fields}, dst=dst)
    return head / ip / ICMPv6EchoRequest(id=0x77, seq=3) / Raw(payload)


def echo_reply(request: Any, port: int = CLIENT_SIDE, mac: str = topology.CLIENT_MAC) -> Any:
    """The answer as it leaves by ``port`` to ``mac``."""
    asked = request[IPv6]
    ip = IPv6(tc=asked.tc, fl=asked.fl, src=asked.dst, dst=asked.src, hlim=64)
    answer = ICMPv6EchoReply(id=0x77, seq=3, code=asked[ICMPv6EchoRequest].code)
    return Ether(dst=mac, src=topology.PORT_MAC[port]) / ip / answer / asked[ICMPv6EchoRequest].payload.copy()


def checksum(packet: Any) -> int:
    return int.from_bytes(bytes(packet)[CHECKSUM], "big")


def with_checksum(packet: Any, value: int) -> bytes:
    frame = bytearray(bytes(packet))
    frame[CHECKSUM] = value.to_bytes(2, "big")
    return bytes(frame)


@requires("ipv6")
class EchoOverIpv6IsAnswered(FullnatTest):
    """A VIP and every interface answer with the request's id, seq, traffic class, flow label and data."""

    def runTest(self) -> None:
        for address in (IPV6.vip, *IPV6.interface.values()):
            for payload in (b"", b"x", b"abcdefgh" * 7, bytes(range(255)), bytes(1452)):
                with self.subTest(address=address, payload=len(payload)):
                    request = echo_request(address, payload, tc=0xBB)
                    self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


@requires("echo-rate")
@requires("ipv6")
class EchoIsAnsweredUpToARate6(FullnatTest):
    """A flood of echo requests takes no more than that."""

    def runTest(self) -> None:
        request = echo_request(IPV6.vip, b"data")

        def attempt() -> None:
            self.meter(0, 1)
            replies = [(CLIENT_SIDE, echo_reply(request))]
            self.exchange(*[(CLIENT_SIDE, request)] * 3, out=replies, drops={"PUNT_METER": 2})

        self.within_a_second(attempt)


@requires("ipv6")
class EchoHopLimitStartsAnew(FullnatTest):
    """The answer is the switch's own packet: hop limit 64, whatever came."""

    def runTest(self) -> None:
        for limit in (1, 2, 64, 255):
            request = echo_request(IPV6.vip, b"data", hlim=limit)
            self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


@requires("ipv6")
class EchoToALocalAddressOverIpv6IsNotAnswered(FullnatTest):
    """Local addresses are for real servers, and silent."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, echo_request(IPV6.local, b"data"), "PROTOCOL")


@requires("ipv6")
class EchoOverIpv6IsAnsweredByRoute(FullnatTest):
    """The answer goes where the route to the requester leads, not back where the request came from."""

    def runTest(self) -> None:
        request = echo_request(IPV6.vip, b"data", src=IPV6.far_host)
        self.exchange((CLIENT_SIDE, request), out=[(UPLINK, echo_reply(request, UPLINK, topology.GATEWAY_MAC))])
        self.drop(CLIENT_SIDE, echo_request(IPV6.vip, src=IPV6.unrouted_host), "NO_ROUTE")
        self.drop(CLIENT_SIDE, echo_request(IPV6.vip, src=IPV6.dropped_host), "ROUTE")
        request = echo_request(IPV6.vip, b"data", src=IPV6.silent_host, hlim=2)
        reply = echo_reply(request)
        reply[Ether].src, reply[Ether].dst = request[Ether].src, request[Ether].dst
        self.exchange((CLIENT_SIDE, request), punted=[Punt("NO_NEIGHBOR", reply)])


@requires("ipv6")
class EchoChecksumBorrows(FullnatTest):
    """The checksum changes by the type alone, with end-around borrow, and what was wrong with it stays."""

    def runTest(self) -> None:
        for value in (0x0000, 0x0001, 0x00FE, 0x00FF, 0x0100, 0x0101, 0xFFFE):
            with self.subTest(checksum=f"{value:#06x}"):
                rest = checksum(echo_request(IPV6.vip, bytes(2)))
                request = echo_request(IPV6.vip, ((rest - value) % 0xFFFF).to_bytes(2, "big"))
                assert checksum(request) == value
                self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])
        request = echo_request(IPV6.vip, b"damaged")
        reply = echo_reply(request)
        for error in (1, 0x0100):
            damaged = with_checksum(request, checksum(request) + error)
            expected = with_checksum(reply, checksum(reply) + error)
            self.exchange((CLIENT_SIDE, damaged), out=[(CLIENT_SIDE, expected)])


@requires("ipv6")
class EchoOverTheMtuOverIpv6IsDropped(FullnatTest):
    """A reply that does not fit the link back is dropped."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, echo_request(IPV6.vip, bytes(1453)), "MTU")


@requires("ipv6")
class EchoToOthersOverIpv6IsRouted(FullnatTest):
    """A ping to a host behind the switch passes, and so does an injected one to us."""

    def runTest(self) -> None:
        request = echo_request(IPV6.far_host, b"data")
        routed = request.copy()
        routed[IPv6].hlim -= 1
        routed[Ether].src, routed[Ether].dst = topology.PORT_MAC[UPLINK], topology.GATEWAY_MAC
        self.exchange((CLIENT_SIDE, request), out=[(UPLINK, routed)])
        own = echo_request(IPV6.vip, b"data")
        self.exchange(PacketOut("INJECT", own, port=CLIENT_SIDE), out=[(CLIENT_SIDE, echo_reply(own))])
