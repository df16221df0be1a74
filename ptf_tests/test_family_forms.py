"""Forms of packets of sessions between families that are dropped, one a row, each counted by its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.utils import checksum

from ptf_tests import topology
from ptf_tests.base import requires
from ptf_tests.families import CrossSession, ends
from ptf_tests.icmp import IcmpError, quote
from ptf_tests.packets import NOP, Ether, IPv6, Packet, Raw, Tcp, Udp
from ptf_tests.test_families import CrossTest
from ptf_tests.test_forms import PROTO_UDP, Form, cut
from ptf_tests.topology import CLIENT_SIDE, IPV4, IPV6

NAT46 = CrossSession(id=0, delta=0, flags=0, **ends(is_nat64=False))
NAT64 = CrossSession(id=0, delta=0, flags=0, **ends(is_nat64=True))


def segment(session: CrossSession, **fields: Any) -> Tcp:
    return session.from_client(seq=1, ack=500, payload=bytes(120)).replace(**fields)


def datagram(session: CrossSession, **fields: Any) -> Udp:
    return Udp(**session.client_sends).replace(payload=bytes(20)).replace(**fields)


def header(flags_and_offset: int = 0, protocol: int = 6) -> bytes:
    """A segment of NAT46 with these in its IPv4 header, whose checksum is right."""
    frame = bytearray(bytes(segment(NAT46, ip_flags=0)))
    frame[20:22], frame[23], frame[24:26] = flags_and_offset.to_bytes(2, "big"), protocol, b"\0\0"
    frame[24:26] = checksum(bytes(frame[14:34])).to_bytes(2, "big")
    return bytes(frame)


def behind(extension: Packet, session: CrossSession = NAT64) -> Packet:
    head = Ether(dst=topology.PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
    extension.nh = 6
    return head / IPv6(src=session.client, dst=session.vip) / extension / Raw(bytes(segment(session))[54:])


def error(session: CrossSession, about: Any = None, quoted: bytes | None = None, **fields: Any) -> IcmpError:
    """An error about a packet that the switch has sent to the client."""
    sent = Tcp(**session.client_gets).replace(seq=1, ack=2) if about is None else about
    router = IPV6.silent_host if ":" in session.client else IPV4.silent_host
    ends = {
        "eth_dst": topology.PORT_MAC[CLIENT_SIDE],
        "eth_src": topology.CLIENT_MAC,
        "src": router,
        "dst": session.vip,
    }
    return IcmpError(**{**ends, "quote": quote(sent) if quoted is None else quoted, **fields})


OF_IPV4 = (
    Form("one option", "IPV4_OPTIONS", segment(NAT46, ip_options=NOP * 4)),
    Form("a loose source route", "IPV4_OPTIONS", segment(NAT46, ip_options=b"\x83\x07\x04\x01\x02\x03\x04\x01")),
    Form("a strict source route", "IPV4_OPTIONS", segment(NAT46, ip_options=b"\x89\x07\x04\x01\x02\x03\x04\x01")),
    Form("40 bytes of options", "IPV4_OPTIONS", segment(NAT46, ip_options=NOP * 40)),
    Form("a router alert", "IPV4_OPTIONS", segment(NAT46, ip_options=b"\x94\x04\x00\x00")),
    Form("a first fragment", "FRAGMENT", header(0x2000)),
    Form("a fragment in the middle", "FRAGMENT", header(0x2001)),
    Form("a last fragment", "FRAGMENT", header(0x0001)),
    Form("the last fragment there can be", "FRAGMENT", header(0x1FFF)),
    Form("a header cut short", "PARSER", cut(segment(NAT46), 19)),
    Form("a wrong header checksum", "IPV4_CHECKSUM", segment(NAT46, ip_checksum=1)),
    Form("a header of 4 words", "IPV4_HEADER", segment(NAT46, ihl=4)),
    Form("longer than the frame", "IPV4_HEADER", segment(NAT46, total_len=1000), "frame-length"),
    Form("SYN and FIN", "TCP_FLAGS", segment(NAT46, flags="SF")),
    Form("SYN and RST", "TCP_FLAGS", segment(NAT46, flags="SR")),
    Form("a data offset of 4", "TCP_HEADER", segment(NAT46, data_offset=4)),
    Form("an option of no length", "TCP_OPTIONS", segment(NAT46, options=b"\x02\x00\x01\x01")),
    Form("an error with options", "IPV4_OPTIONS", error(NAT46, ip_options=NOP * 4)),
    Form("a source quench", "ICMP_ERROR", error(NAT46, kind=(4, 0))),
    Form("a missing option", "ICMP_ERROR", error(NAT46, kind=(12, 1))),
    Form("a pointer at the identification", "ICMP_ERROR", error(NAT46, kind=(12, 0), unused=4 << 8)),
    Form("a pointer behind the header", "ICMP_ERROR", error(NAT46, kind=(12, 0), unused=20 << 8)),
    Form("an unknown unreachable", "ICMP_ERROR", error(NAT46, kind=(3, 16))),
    Form("a precedence violation", "ICMP_ERROR", error(NAT46, kind=(3, 14))),
    Form("an unknown time exceeded", "ICMP_ERROR", error(NAT46, kind=(11, 2))),
    Form("a quote of 7 bytes", "ICMP_ERROR", error(NAT46, quoted=quote(Tcp(**NAT46.client_gets), 7))),
    Form("a quote with options", "ICMP_ERROR", error(NAT46, Tcp(**NAT46.client_gets).replace(ip_options=NOP * 4))),
    Form("a quote of another sender", "ICMP_ERROR", error(NAT46, Tcp(**NAT46.client_gets).replace(src="192.0.2.9"))),
)
DATAGRAMS_OF_IPV4 = (
    Form("no checksum", "UDP_CHECKSUM", datagram(NAT46, checksum=0)),
    Form("a length of 7", "UDP_HEADER", datagram(NAT46, length=7)),
    Form("a length beyond the packet", "UDP_HEADER", datagram(NAT46, length=1000)),
)
OF_IPV6 = (
    Form("options for every hop", "IPV6_EXTENSION", behind(IPv6ExtHdrHopByHop())),
    Form("a routing header", "IPV6_EXTENSION", behind(IPv6ExtHdrRouting())),
    Form("options for the destination", "IPV6_EXTENSION", behind(IPv6ExtHdrDestOpt())),
    Form("a first fragment", "IPV6_FRAGMENT", behind(IPv6ExtHdrFragment(m=1))),
    Form("a last fragment", "IPV6_FRAGMENT", behind(IPv6ExtHdrFragment(offset=9))),
    Form("an atomic fragment", "IPV6_FRAGMENT", behind(IPv6ExtHdrFragment())),
    Form("a header cut short", "PARSER", cut(segment(NAT64), 39)),
    Form("longer than the frame", "IPV6_HEADER", segment(NAT64, total_len=1000), "frame-length"),
    Form("SYN and FIN", "TCP_FLAGS", segment(NAT64, flags="SF")),
    Form("a data offset of 4", "TCP_HEADER", segment(NAT64, data_offset=4)),
    Form("an unrecognised option", "ICMP_ERROR", error(NAT64, kind=(4, 2))),
    Form("a pointer at the flow label", "ICMP_ERROR", error(NAT64, kind=(4, 0), mtu=2)),
    Form("a pointer behind the header", "ICMP_ERROR", error(NAT64, kind=(4, 0), mtu=40)),
    Form("a pointer beyond all headers", "ICMP_ERROR", error(NAT64, kind=(4, 0), unused=1, mtu=6)),
    Form("a source address that failed a policy", "ICMP_ERROR", error(NAT64, kind=(1, 5))),
    Form("a route that rejects", "ICMP_ERROR", error(NAT64, kind=(1, 6))),
    Form("an unknown time exceeded", "ICMP_ERROR", error(NAT64, kind=(3, 2))),
    Form("a quote of 7 bytes", "ICMP_ERROR", error(NAT64, quoted=quote(Tcp(**NAT64.client_gets), 7))),
)
DATAGRAMS_OF_IPV6 = (
    Form("no checksum", "UDP_CHECKSUM", datagram(NAT64, checksum=0)),
    Form("a length of 7", "UDP_HEADER", datagram(NAT64, length=7)),
)


@requires("families")
class FormsThatNat46DropsAreNamed(CrossTest):
    """Of segments and of errors."""

    network = IPV4
    forms: tuple[Form, ...] = OF_IPV4
    protocol = 6

    def new_session(self) -> CrossSession:
        return replace(super().new_session(), protocol=self.protocol, delta=0, flags=0)

    def runTest(self) -> None:
        for form in self.forms:
            with self.subTest(form=form.name):
                if not form.needs or self.can(form.needs):
                    self.drop(CLIENT_SIDE, form.packet, form.reason)


@requires("families")
class DatagramsThatNat46DropsAreNamed(FormsThatNat46DropsAreNamed):
    """Of a session of UDP."""

    protocol = PROTO_UDP
    forms = DATAGRAMS_OF_IPV4


@requires("families")
class FormsThatNat64DropsAreNamed(FormsThatNat46DropsAreNamed):
    """Of segments and of errors."""

    network = IPV6
    forms = OF_IPV6


@requires("families")
class DatagramsThatNat64DropsAreNamed(FormsThatNat46DropsAreNamed):
    """Of a session of UDP."""

    network = IPV6
    protocol = PROTO_UDP
    forms = DATAGRAMS_OF_IPV6
