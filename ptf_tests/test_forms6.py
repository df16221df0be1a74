"""Malformed forms of the headers of IPv6, one a row, as test_forms.py has those of IPv4."""

from __future__ import annotations

import dataclasses
from typing import Any

from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr

from ptf_tests import topology
from ptf_tests.base import PacketOut, requires
from ptf_tests.packets import TCP, Ether, IPv6, Packet, Raw, Tcp, Udp
from ptf_tests.sessions import Session, SessionTest, ends
from ptf_tests.test_forms import PROTO_UDP, Form, cut
from ptf_tests.topology import CLIENT_SIDE, IPV6, SERVER_SIDE

HEAD = Ether(dst=topology.PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
HEADER = 40
ICMPV6, NO_NEXT_HEADER, ESP, MOBILITY, HIP, SHIM6 = 58, 59, 50, 135, 139, 140


def tcp(**fields: object) -> Tcp:
    session = Session(id=0, protocol=6, delta=0, **ends(IPV6))
    return Tcp(**session.client_sends).replace(seq=1, ack=500, payload=bytes(20)).replace(**fields)


def udp(**fields: object) -> Udp:
    session = Session(id=0, protocol=PROTO_UDP, delta=0, **ends(IPV6))
    return Udp(**session.client_sends).replace(payload=bytes(20)).replace(**fields)


def from_to(src: str = IPV6.client, dst: str = IPV6.vip) -> Packet:
    return HEAD / IPv6(src=src, dst=dst) / TCP(sport=40000, dport=topology.VPORT)


def behind(next_header: int, content: bytes = bytes(40)) -> Packet:
    """What is neither TCP, UDP nor ICMPv6, to the virtual address."""
    return HEAD / IPv6(src=IPV6.client, dst=IPV6.vip, nh=next_header) / Raw(content)


def extension(number: int) -> Packet:
    """An extension header of 8 bytes in front of a segment of the session."""
    return behind(number, b"\x06\x00" + bytes(6) + bytes(tcp())[14 + HEADER :])


def icmp(kind: int, content: bytes = bytes(20), **fields: Any) -> Packet:
    return HEAD / IPv6(src=IPV6.client, dst=IPV6.vip, nh=ICMPV6, **fields) / Raw(bytes([kind, 0, 0, 0]) + content)


def question(src: str = IPV6.client, dst: str = IPV6.vip, hlim: int = 255, **fields: Any) -> Packet:
    """A solicitation; ``fields`` of the message."""
    message = ICMPv6ND_NS(**{"tgt": IPV6.vip, **fields}) / ICMPv6NDOptSrcLLAddr(lladdr=topology.CLIENT_MAC)
    return HEAD / IPv6(src=src, dst=dst, hlim=hlim) / message


def answer(hlim: int = 255, **fields: Any) -> Packet:
    message = ICMPv6ND_NA(**{"tgt": IPV6.client, **fields})
    return HEAD / IPv6(src=IPV6.client, dst=IPV6.vip, hlim=hlim) / message


NETWORK = (
    Form("a version of 0", "IPV6_HEADER", tcp(version=0)),
    Form("a version of 5", "IPV6_HEADER", tcp(version=5)),
    Form("a version of 15", "IPV6_HEADER", tcp(version=15)),
    Form("no header at all", "PARSER", cut(tcp(), 1)),
    Form("a header cut short", "PARSER", cut(tcp(), HEADER - 1)),
    Form("a payload beyond the frame", "IPV6_HEADER", tcp(total_len=HEADER + 41), "frame-length"),
    Form("the longest payload", "IPV6_HEADER", tcp(total_len=HEADER + 65535), "frame-length"),
    Form("from a group", "IPV6_ADDRESS", from_to(src="ff02::1")),
    Form("from itself", "IPV6_ADDRESS", from_to(src="::1")),
    Form("from nobody", "IPV6_ADDRESS", from_to(src="::")),
    Form("from IPv4", "IPV6_ADDRESS", from_to(src="::ffff:203.0.113.9")),
    Form("from the link alone", "IPV6_ADDRESS", from_to(src="fe80::9")),
    Form("to a group", "IPV6_ADDRESS", from_to(dst="ff0e::1")),
    Form("to itself", "IPV6_ADDRESS", from_to(dst="::1")),
    Form("to nobody", "IPV6_ADDRESS", from_to(dst="::")),
    Form("to IPv4", "IPV6_ADDRESS", from_to(dst="::ffff:198.51.100.10")),
    Form("to the link alone", "IPV6_ADDRESS", from_to(dst="fe80::1")),
)
EXTENSIONS = (
    Form("hop-by-hop options", "IPV6_EXTENSION", extension(0)),
    Form("a routing header", "IPV6_EXTENSION", extension(43)),
    Form("destination options", "IPV6_EXTENSION", extension(60)),
    Form("an extension header of nothing", "IPV6_EXTENSION", behind(60, b"")),
    Form("a jumbogram", "IPV6_EXTENSION", HEAD / IPv6(src=IPV6.client, dst=IPV6.vip, nh=0, plen=0)),
    Form("a fragment header", "IPV6_FRAGMENT", extension(44)),
    Form("a fragment header of nothing", "IPV6_FRAGMENT", behind(44, b"")),
    Form("nothing behind the header", "PROTOCOL", behind(NO_NEXT_HEADER, b"")),
    Form("ESP", "PROTOCOL", behind(ESP)),
    Form("a mobility header", "PROTOCOL", behind(MOBILITY)),
    Form("HIP", "PROTOCOL", behind(HIP)),
    Form("shim6", "PROTOCOL", behind(SHIM6)),
    Form("IPv4 in IPv6", "PROTOCOL", behind(4)),
    Form("IPv6 in IPv6", "PROTOCOL", behind(41)),
    Form("ICMP of IPv4", "PROTOCOL", behind(1)),
)
TRANSPORT = (
    Form("TCP without header", "TCP_HEADER", tcp(total_len=HEADER)),
    Form("TCP with half a header", "TCP_HEADER", tcp(total_len=HEADER + 10)),
    Form("TCP cut short", "PARSER", cut(tcp(), HEADER + 19)),
    Form("TCP with a header of nothing", "TCP_HEADER", tcp(data_offset=0)),
    Form("TCP with a header longer than the segment", "TCP_HEADER", tcp(data_offset=11, padding=bytes(8))),
    Form("TCP with SYN and FIN", "TCP_FLAGS", tcp(flags="SF")),
    Form("TCP with SYN and RST", "TCP_FLAGS", tcp(flags="SR")),
    Form("UDP without header", "UDP_HEADER", udp(total_len=HEADER)),
    Form("UDP with half a header", "UDP_HEADER", udp(total_len=HEADER + 4)),
    Form("UDP with a length of 0", "UDP_HEADER", udp(length=0)),
    Form("UDP with a length below the header's", "UDP_HEADER", udp(length=7)),
    Form("UDP with a length beyond the packet", "UDP_HEADER", udp(length=29)),
    Form("UDP without checksum", "UDP_CHECKSUM", udp(checksum=0)),
    Form("UDP cut short", "PARSER", cut(udp(), HEADER + 7)),
)
ICMPV6_FORMS = (
    Form("ICMPv6 of nothing", "PARSER", cut(icmp(128), HEADER)),
    Form("ICMPv6 with half a header", "IPV6_HEADER", icmp(128, plen=4)),
    Form("an answer to nobody's question", "PROTOCOL", icmp(129)),
    Form("a router's solicitation", "PROTOCOL", icmp(133)),
    Form("a router's advertisement", "PROTOCOL", icmp(134)),
    Form("a redirect", "PROTOCOL", icmp(137)),
    Form("an ICMPv6 type of nobody", "PROTOCOL", icmp(200)),
    Form("an echo request to a local address", "PROTOCOL", HEAD / IPv6(dst=IPV6.local) / ICMPv6EchoRequest()),
    Form("a solicitation that was routed", "ND", question(hlim=254)),
    Form("a solicitation with a code", "ND", question(code=1)),
    Form("a solicitation for a group", "ND", question(tgt="ff02::1")),
    Form("a solicitation for another host", "ND", question(tgt=IPV6.server)),
    Form("a solicitation of nobody to one address", "ND", question(src="::")),
    Form("a solicitation with a wrong checksum", "ND", question(cksum=1), "nd-answers"),
    Form("a solicitation cut short", "PARSER", cut(question(), HEADER + 23)),
    Form("a solicitation without its option", "PARSER", cut(question(), HEADER + 31)),
    Form("an advertisement that was routed", "ND", answer(hlim=64)),
    Form("an advertisement with a code", "ND", answer(code=1)),
    Form("an advertisement for a group", "ND", answer(tgt="ff02::2")),
)
FORMS = NETWORK + EXTENSIONS + TRANSPORT + ICMPV6_FORMS


@requires("ipv6")
class MalformedFormsOfIpv6AreDroppedByName(SessionTest):
    """Each, beside a session of TCP and one of UDP with its addresses: nothing leaves, and one drop is counted."""

    network = IPV6

    def setUp(self) -> None:
        super().setUp()
        of_udp = dataclasses.replace(self.session, id=self.harness.session_id(), protocol=PROTO_UDP, local_port=5001)
        self.insert(topology.service(IPV6.vip, protocol=PROTO_UDP), *of_udp.entries)

    def runTest(self) -> None:
        assert len(FORMS) == len({form.name for form in FORMS}) >= 60
        for form in FORMS:
            if form.needs and not self.can(form.needs):
                continue
            with self.subTest(form=form.name):
                self.drop(CLIENT_SIDE, form.packet, form.reason)


@requires("ipv6")
class MalformedFormsOfIpv6AreDroppedBothOtherWays(MalformedFormsOfIpv6AreDroppedByName):
    """The same of what the controller injects, and of what real servers send: of TCP and UDP."""

    def runTest(self) -> None:
        for form in TRANSPORT:
            with self.subTest(form=form.name):
                self.exchange(PacketOut("INJECT", form.packet, port=CLIENT_SIDE), drops={form.reason: 1})
                if isinstance(form.packet, Tcp | Udp):
                    back = form.packet.replace(**self.session.server_sends)
                    if isinstance(back, Udp):
                        back = back.replace(dport=5001)
                    self.drop(SERVER_SIDE, back, form.reason)
