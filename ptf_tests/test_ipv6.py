"""IPv6 headers: what is routed, what is refused, and as what it is counted."""

import dataclasses
from typing import Any

from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, requires
from ptf_tests.packets import NOP, UDP, Ether, IPv6, Raw
from ptf_tests.sessions import Session, SessionTest, ends
from ptf_tests.topology import CLIENT_SIDE, IPV6, PORT_MAC, SERVER_SIDE, UPLINK

ETHERNET, HEADER, TCP = 14, 40, 20
EXTENSIONS = (IPv6ExtHdrHopByHop(), IPv6ExtHdrRouting(), IPv6ExtHdrDestOpt())


def frame(*layers: Any, dst: str = IPV6.far_host, **fields: Any) -> Any:
    """A packet of the client's; ``fields`` of IPv6."""
    packet = Ether(dst=PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
    packet /= IPv6(**{"src": IPV6.client, "hlim": 64, **fields}, dst=dst)
    for layer in layers:
        packet /= layer
    return packet


def routed(packet: Any, port: int = UPLINK, mac: str = topology.GATEWAY_MAC) -> Any:
    """As it leaves by ``port``."""
    result = packet.copy()
    result[Ether].src, result[Ether].dst = PORT_MAC[port], mac
    result[IPv6].hlim = packet[IPv6].hlim - 1
    return result


@requires("ipv6")
class Ipv6PacketsAreRouted(FullnatTest):
    """By host, longest prefix and next hop, whatever is in them: extension headers, fragments, other protocols, and UDP
    without checksum pass unread."""

    def runTest(self) -> None:
        packets = [
            frame(UDP(sport=1, dport=2), Raw(b"data"), tc=0xBB, fl=0xFFFFF),
            frame(UDP(sport=1, dport=2, chksum=0), Raw(b"data")),
            frame(IPv6ExtHdrFragment(nh=17, offset=7, m=1), Raw(bytes(64))),
            *(frame(header, UDP(sport=1, dport=2), Raw(b"x")) for header in EXTENSIONS),
            frame(ICMPv6DestUnreach(), Raw(bytes(60))),
            frame(Raw(bytes(9)), nh=59),
            frame(Raw(bytes(9)), nh=132),
        ]
        for packet in packets:
            with self.subTest(packet=packet.summary()):
                self.exchange((CLIENT_SIDE, packet), out=[(UPLINK, routed(packet))])
        near = frame(UDP(sport=1, dport=2), dst=IPV6.server)
        self.exchange((CLIENT_SIDE, near), out=[(SERVER_SIDE, routed(near, SERVER_SIDE, topology.SERVER_MAC))])
        self.drop(CLIENT_SIDE, frame(UDP(), dst=IPV6.dropped_host), "ROUTE")
        self.drop(CLIENT_SIDE, frame(UDP(), dst=IPV6.unrouted_host), "NO_ROUTE")
        silent = frame(UDP(sport=1, dport=2), dst=IPV6.silent_host)
        waiting = silent.copy()
        self.exchange((CLIENT_SIDE, silent), punted=[Punt("NO_NEIGHBOR", waiting)])


@requires("ipv6")
class LongestIpv6PrefixWins(FullnatTest):
    """At every kind of length, down to the default route and up to a single address."""

    def runTest(self) -> None:
        self.insert(
            topology.route("::", 0, "route_via", IPV6.gateway),
            topology.route("2a00:1::", 32, "route_drop"),
            topology.route("2a00:1:8000::", 33, "route_via", IPV6.server),
            topology.route("2a00:1:8000::", 65, "route_drop"),
            topology.route("2a00:1:8000:0:8000::", 65, "route_via", IPV6.client),
            topology.route("2a00:1:8000::1", 128, "route_drop"),
        )
        ways = {
            "2a00::1": (UPLINK, topology.GATEWAY_MAC),
            "2a00:1:8000:1::": (SERVER_SIDE, topology.SERVER_MAC),
            "2a00:1:8000:0:8000::": (CLIENT_SIDE, topology.CLIENT_MAC),
            IPV6.unrouted_host: (UPLINK, topology.GATEWAY_MAC),
        }
        for address, (port, mac) in ways.items():
            with self.subTest(address=address):
                packet = frame(UDP(sport=1, dport=2), dst=address)
                self.exchange((CLIENT_SIDE, packet), out=[(port, routed(packet, port, mac))])
        for address in ("2a00:1::", "2a00:1:7fff:ffff::", "2a00:1:8000::", "2a00:1:8000::1", "2a00:1:8000:0:7fff::"):
            with self.subTest(address=address):
                self.drop(CLIENT_SIDE, frame(UDP(), dst=address), "ROUTE")


@requires("ipv6")
class HopLimitOfOneEndsHere(SessionTest):
    """A packet with hop limit 0 or 1 goes no further, and its sender is told, but that of an error; with 2 it leaves
    with 1. Sessions are routed as well."""

    network = IPV6

    def runTest(self) -> None:
        for limit in (0, 1):
            self.ends(CLIENT_SIDE, frame(UDP(), hlim=limit), "HOP_LIMIT", (UPLINK, topology.GATEWAY_MAC))
            self.drop(CLIENT_SIDE, frame(ICMPv6DestUnreach(), Raw(bytes(60)), hlim=limit), "HOP_LIMIT")
            sent = self.session.from_client(seq=1, ttl=limit)
            self.ends(CLIENT_SIDE, sent, "HOP_LIMIT", self.session.to_its_server, self.session.id)
        for limit in (2, 255):
            packet = frame(UDP(), hlim=limit)
            self.exchange((CLIENT_SIDE, packet), out=[(UPLINK, routed(packet))])
            self.inward(self.session.from_client(seq=1, ttl=limit))


@requires("ipv6")
class Ipv6OverTheMtuEndsHere(FullnatTest):
    """By one byte; its sender is told, but of what may hold an error."""

    def runTest(self) -> None:
        fits, longer = (frame(UDP(), Raw(bytes(size)), dst=IPV6.narrow_server) for size in (1232, 1233))
        self.exchange((CLIENT_SIDE, fits), out=[(SERVER_SIDE, routed(fits, SERVER_SIDE, topology.NARROW_SERVER_MAC))])
        self.ends(CLIENT_SIDE, longer, "MTU", (SERVER_SIDE, topology.NARROW_SERVER_MAC))
        for other in (ICMPv6DestUnreach(), IPv6ExtHdrDestOpt(nh=58)):
            self.drop(CLIENT_SIDE, frame(other, Raw(bytes(1240)), dst=IPV6.narrow_server), "MTU")


@requires("ipv6")
class Ipv6AddressesThatAreNotRoutedAreDropped(FullnatTest):
    """Multicast, loopback, mapped, link-local and unspecified addresses, as source and as destination (RFC 4291)."""

    def runTest(self) -> None:
        self.insert(topology.route("::", 0, "route_via", IPV6.gateway))
        for address in ("::", "::1", "ff02::1", "ff0e::1", "::ffff:203.0.113.9", "fe80::1", "febf:ffff::1"):
            with self.subTest(address=address):
                self.drop(CLIENT_SIDE, frame(UDP(), src=address), "IPV6_ADDRESS")
                self.drop(CLIENT_SIDE, frame(UDP(), dst=address), "IPV6_ADDRESS")
        self.drop(CLIENT_SIDE, frame(ICMPv6EchoRequest(), src="fe80::1", dst=IPV6.vip), "IPV6_ADDRESS")
        self.drop(CLIENT_SIDE, frame(ICMPv6MLReport(), src="fe80::1", dst="ff02::16"), "IPV6_ADDRESS")
        for address in ("::2", "1::", "fe7f::1", "fec0::1", "fdff::1", "::fffe:1:1"):
            with self.subTest(address=address):
                packet = frame(UDP(), dst=address)
                self.exchange((CLIENT_SIDE, packet), out=[(UPLINK, routed(packet))])


@requires("ipv6")
class ExtensionHeadersToUsAreRefused(SessionTest):
    """In front of anything that is for an address of ours; of a session, too. A fragment has a reason of its own, and
    so do protocols that nobody serves."""

    network = IPV6

    def runTest(self) -> None:
        segment = bytes(self.session.from_client(seq=1, payload=b"x"))[ETHERNET + HEADER :]
        for address in (IPV6.vip, IPV6.local, IPV6.interface[1]):
            for header in EXTENSIONS:
                head = header.copy()
                head.nh = 6
                with self.subTest(address=address, header=head.name):
                    self.drop(CLIENT_SIDE, frame(head, Raw(segment), dst=address), "IPV6_EXTENSION")
            for offset, more in ((0, 1), (7, 1), (7, 0), (0, 0)):
                piece = IPv6ExtHdrFragment(nh=6, offset=offset, m=more)
                self.drop(CLIENT_SIDE, frame(piece, Raw(segment), dst=address), "IPV6_FRAGMENT")
            for protocol in (1, 2, 47, 50, 51, 59, 132, 135, 255):
                self.drop(CLIENT_SIDE, frame(Raw(bytes(40)), dst=address, nh=protocol), "PROTOCOL")
            for kind in (5, 129, 130, 133, 134, 137):
                message = Raw(bytes([kind]) + bytes(31))
                self.drop(CLIENT_SIDE, frame(message, dst=address, nh=58), "PROTOCOL")


@requires("ipv6")
@requires("frame-length")
class Ipv6FramesCutAnywhereAreDropped(SessionTest):
    """Inside a header with PARSER; behind them, but before the packet ends, with IPV6_HEADER; so are injected ones."""

    network = IPV6

    def runTest(self) -> None:
        whole = bytes(self.session.from_client(seq=1, ack=500, options=NOP * 8, payload=bytes(60)))
        headers = ETHERNET + HEADER + TCP + 8
        for cut in range(ETHERNET + 1, len(whole)):
            with self.subTest(cut=cut):
                reason = "PARSER" if cut < headers else "IPV6_HEADER"
                self.drop(CLIENT_SIDE, whole[:cut], reason)
                if cut % 5 == 0:
                    self.exchange(PacketOut("INJECT", whole[:cut], port=CLIENT_SIDE), drops={reason: 1})
        echo = bytes(frame(ICMPv6EchoRequest(data=b"data"), dst=IPV6.vip))
        # Where echoes are translated, the identifier is a header.
        parsed = ETHERNET + HEADER + (8 if self.can("icmp-errors") else 4)
        for cut in range(ETHERNET + HEADER, len(echo)):
            self.drop(CLIENT_SIDE, echo[:cut], "PARSER" if cut < parsed else "IPV6_HEADER")


@requires("ipv6")
class WrongIpv6HeadersAreDropped(SessionTest):
    """A version other than 6, and a payload length that ends inside the header of TCP, UDP or ICMPv6."""

    network = IPV6

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500, options=NOP * 8, payload=bytes(60))
        for version in (0, 5, 7, 15):
            self.drop(CLIENT_SIDE, segment.replace(version=version), "IPV6_HEADER")
        for length in range(28):
            self.drop(CLIENT_SIDE, segment.replace(total_len=HEADER + length), "TCP_HEADER")
        for length in range(8):
            self.drop(CLIENT_SIDE, frame(UDP(len=8), Raw(bytes(9)), dst=IPV6.vip, plen=length), "UDP_HEADER")
            self.drop(CLIENT_SIDE, frame(ICMPv6EchoRequest(), Raw(bytes(9)), dst=IPV6.vip, plen=length), "IPV6_HEADER")
        if self.can("frame-length"):
            for length in (len(bytes(segment)) - ETHERNET - HEADER + 1, 0xFFFF):
                self.drop(CLIENT_SIDE, segment.replace(total_len=HEADER + length), "IPV6_HEADER")


@requires("ipv6")
class SegmentsAreCheckedOverIpv6AsOverIpv4(SessionTest):
    """Header length, flags and options of TCP."""

    network = IPV6

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500)
        for offset in (0, 4, 6, 15):
            self.drop(CLIENT_SIDE, segment.replace(data_offset=offset), "TCP_HEADER" if offset < 5 else "PARSER")
        for flags in ("SF", "SR", "SFA"):
            self.drop(CLIENT_SIDE, segment.replace(flags=flags), "TCP_FLAGS")
        if self.can("any-options"):
            self.drop(CLIENT_SIDE, segment.replace(options=b"\x02\x00\x01\x01"), "TCP_OPTIONS")
        self.drop(CLIENT_SIDE, segment.replace(sport=1), "NO_SESSION")
        self.drop(CLIENT_SIDE, segment.replace(dport=81), "NO_SERVICE")


@requires("ipv6")
class UdpWithoutChecksumToUsIsRefused(FullnatTest):
    """Over IPv6 it must have one (RFC 8200 8.1): of a session, to a service, and to a port of nobody."""

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id(), protocol=17, delta=0, **ends(IPV6))
        self.insert(topology.service(IPV6.vip, protocol=17), *session.server_entries, *session.entries)
        for sport, dport in ((40000, 80), (1, 80), (1, 1)):
            datagram = UDP(sport=sport, dport=dport, chksum=0)
            self.drop(CLIENT_SIDE, frame(datagram, Raw(b"x"), dst=IPV6.vip), "UDP_CHECKSUM")


@requires("ipv6")
class SessionBetweenFamiliesIsDropped(SessionTest):
    """A real server of another family than the session's packets: they would have to be translated. Both ways."""

    network = IPV6

    def runTest(self) -> None:
        old = dataclasses.replace(self.session, server=topology.SERVER, vip=topology.VIP)
        self.client.modify(*old.server_entries)
        self.drop(CLIENT_SIDE, self.session.from_client(seq=1), "FAMILY")
        self.drop(SERVER_SIDE, self.session.from_server(seq=1), "FAMILY")


@requires("ipv6")
class FamiliesShareSessionIdsAndServers(SessionTest):
    """One service may have both, and a server's entries are of its own family."""

    def runTest(self) -> None:
        other = Session(id=self.harness.session_id(), server_id=self.session.server_id + 1, **ends(IPV6))
        self.insert(topology.service(IPV6.vip), *other.server_entries, *other.entries)
        for session in (self.session, other, self.session):
            sent = session.from_client(seq=1, ack=5, payload=b"in")
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, session.to_server(sent))])
            back = session.from_server(seq=5, ack=1 + session.delta, payload=b"out")
            self.exchange((SERVER_SIDE, back), out=[(CLIENT_SIDE, session.to_client(back))])
