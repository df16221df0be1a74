"""Malformed forms of the headers, one a row: what is wrong, and the reason that it is dropped and counted for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import SupportsBytes

from ptf_tests import topology
from ptf_tests.base import PacketOut
from ptf_tests.packets import ARP, ICMP, IP, NOP, TCP, Ether, Packet, Raw, Tcp, Udp
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

HEAD = Ether(dst=topology.PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
TO_VIP = HEAD / IP(src=topology.CLIENT, dst=topology.VIP)
LINK = 14
PROTO_UDP, PROTO_IPIP, PROTO_IPV6, PROTO_GRE, PROTO_SCTP = 17, 4, 41, 47, 132


@dataclass(frozen=True)
class Form:
    """One way to be wrong, in a packet to the virtual address."""

    name: str
    reason: str
    """The DropReason's."""
    packet: SupportsBytes
    needs: str = ""
    """The capability without which a target cannot see it."""


def _session(protocol: int) -> Session:
    return Session(id=0, protocol=protocol, delta=0)


def tcp(**fields: object) -> Tcp:
    return Tcp(**_session(6).client_sends).replace(seq=1, ack=500, payload=bytes(20)).replace(**fields)


def udp(**fields: object) -> Udp:
    return Udp(**_session(PROTO_UDP).client_sends).replace(payload=bytes(20)).replace(**fields)


def with_options(options: bytes) -> Tcp:
    return tcp(options=options + NOP * (-len(options) % 4))


def cut(packet: SupportsBytes, size: int) -> bytes:
    """The first ``size`` bytes behind the link-layer header."""
    return bytes(packet)[: LINK + size]


def from_to(src: str = topology.CLIENT, dst: str = topology.VIP) -> Packet:
    return HEAD / IP(src=src, dst=dst) / TCP(sport=40000, dport=topology.VPORT)


OF_NOBODY = 0xF0F0
"""The identification of a datagram whose first fragment no other test has sent."""


def piece(offset: int, more: bool, size: int = 16, *, protocol: int = PROTO_UDP, whole: bool = False) -> Packet:
    """A fragment to the virtual address; ``offset`` in units of 8 bytes. ``whole``: it may not be fragmented."""
    flags = (1 if more else 0) | (2 if whole else 0)
    ip = IP(src=topology.CLIENT, dst=topology.VIP, proto=protocol, id=OF_NOBODY, frag=offset, flags=flags)
    return HEAD / ip / Raw(bytes(size))


def arp(**fields: object) -> Packet:
    question = ARP(psrc=topology.CLIENT, pdst=topology.VIP, hwsrc=topology.CLIENT_MAC)
    for name, value in fields.items():
        setattr(question, name, value)
    return Ether(dst="ff:ff:ff:ff:ff:ff", src=topology.CLIENT_MAC) / question


def of_protocol(number: int, inside: bytes = bytes(20)) -> Packet:
    return HEAD / IP(src=topology.CLIENT, dst=topology.VIP, proto=number) / Raw(inside)


LINKS = (
    Form("an ethertype of nobody", "ETHERTYPE", Ether(bytes(HEAD)[:12] + b"\x88\xcc") / Raw(bytes(46))),
    Form("a length in the place of a type", "ETHERTYPE", Ether(bytes(HEAD)[:12] + b"\x00\x2e") / Raw(bytes(46))),
    Form("a tag of a VLAN", "VLAN", bytes(HEAD)[:12] + b"\x81\x00\x00\x05" + bytes(from_to())[12:]),
    Form("a provider's tag", "VLAN", bytes(HEAD)[:12] + b"\x88\xa8\x00\x00" + bytes(from_to())[12:]),
    Form("two tags", "VLAN", bytes(HEAD)[:12] + b"\x81\x00\x00\x00" * 2 + bytes(from_to())[12:]),
    Form("ARP of no Ethernet", "ARP", arp(hwtype=6)),
    Form("ARP for no IPv4", "ARP", arp(ptype=0x86DD)),
    Form("ARP with a link-layer address of 8 bytes", "ARP", arp(hwlen=8, hwsrc=topology.CLIENT_MAC)),
    Form("ARP that neither asks nor answers", "ARP", arp(op=3)),
    Form("ARP that ends early", "PARSER", cut(arp(), 27)),
)
IPV4 = (
    Form("a version of 0", "IPV4_HEADER", tcp(version=0)),
    Form("a version of 6", "IPV4_HEADER", tcp(version=6)),
    Form("a header of nothing", "IPV4_HEADER", tcp(ihl=0)),
    Form("a header of 16 bytes", "IPV4_HEADER", tcp(ihl=4)),
    Form("a header longer than its packet", "IPV4_HEADER", tcp(ihl=15, total_len=59, payload=bytes(60)), "ip-options"),
    Form("a header cut short", "PARSER", cut(tcp(), 19)),
    Form("a total length of 0", "IPV4_HEADER", tcp(total_len=0)),
    Form("a total length below the header's", "IPV4_HEADER", tcp(total_len=19)),
    Form("a total length beyond the frame", "IPV4_HEADER", tcp(total_len=61), "frame-length"),
    Form("a checksum that is wrong", "IPV4_CHECKSUM", tcp(ip_checksum=0x1234)),
    Form("a checksum of 0", "IPV4_CHECKSUM", tcp(ip_checksum=0)),
    Form("from a group", "IPV4_ADDRESS", from_to(src="224.0.0.1")),
    Form("from everybody", "IPV4_ADDRESS", from_to(src="255.255.255.255")),
    Form("from itself", "IPV4_ADDRESS", from_to(src="127.0.0.1")),
    Form("from nobody", "IPV4_ADDRESS", from_to(src="0.0.0.0")),
    Form("to a group", "IPV4_ADDRESS", from_to(dst="239.1.2.3")),
    Form("to itself", "IPV4_ADDRESS", from_to(dst="127.0.0.1")),
    Form("to this network", "IPV4_ADDRESS", from_to(dst="0.1.2.3")),
)
FRAGMENTS = (
    Form("a fragment without its first", "FRAGMENT", piece(1, more=False)),
    Form("a fragment of nothing", "FRAGMENT", piece(1, more=True, size=0)),
    Form("a fragment that ends beyond the longest packet", "FRAGMENT", piece(8191, more=False, size=64)),
    Form("a first fragment without a port", "FRAGMENT", piece(0, more=True, size=0)),
    Form("a fragment over a TCP header", "FRAGMENT", piece(1, more=False, size=20, protocol=6)),
    Form("a fragment that may not be one", "FRAGMENT", piece(2, more=True, whole=True)),
    Form("a fragment of an ICMP message", "FRAGMENT", piece(0, more=True, protocol=1)),
)
TRANSPORT = (
    Form("TCP without header", "TCP_HEADER", tcp(total_len=20)),
    Form("TCP with a header of nothing", "TCP_HEADER", tcp(data_offset=0)),
    Form("TCP with a header of 16 bytes", "TCP_HEADER", tcp(data_offset=4)),
    Form("TCP with a header longer than the segment", "TCP_HEADER", tcp(data_offset=11, padding=bytes(8))),
    Form("TCP cut short", "PARSER", cut(tcp(), 39)),
    Form("TCP with SYN and FIN", "TCP_FLAGS", tcp(flags="SF")),
    Form("TCP with SYN and RST", "TCP_FLAGS", tcp(flags="SR")),
    Form("TCP with all flags", "TCP_FLAGS", tcp(flags="FSRPAUEC")),
    Form("a TCP option of length 0", "TCP_OPTIONS", with_options(b"\x03\x00\x00\x00")),
    Form("a TCP option of length 1", "TCP_OPTIONS", with_options(b"\x03\x01\x00\x00")),
    Form("a TCP option beyond the header", "TCP_OPTIONS", with_options(b"\x03\x05\x00\x00")),
    Form("UDP without header", "UDP_HEADER", udp(total_len=20)),
    Form("UDP with half a header", "UDP_HEADER", udp(total_len=24)),
    Form("UDP with a length of 0", "UDP_HEADER", udp(length=0)),
    Form("UDP with a length below the header's", "UDP_HEADER", udp(length=7)),
    Form("UDP with a length beyond the packet", "UDP_HEADER", udp(length=29)),
    Form("UDP cut short", "PARSER", cut(udp(), 27)),
)
OTHERS = (
    Form("ICMP cut short", "PARSER", cut(TO_VIP / ICMP(), 23)),
    Form("ICMP with half a header", "IPV4_HEADER", HEAD / IP(dst=topology.VIP, len=24) / ICMP() / Raw(bytes(8))),
    Form("an ICMP answer to nobody's question", "PROTOCOL", TO_VIP / ICMP(type=0)),
    Form("an ICMP type of nobody", "PROTOCOL", TO_VIP / ICMP(type=255)),
    Form("IPv4 in IPv4", "PROTOCOL", of_protocol(PROTO_IPIP, bytes(from_to())[LINK:])),
    Form("IPv6 in IPv4", "PROTOCOL", of_protocol(PROTO_IPV6, b"\x60" + bytes(39))),
    Form("ESP without IKE", "PROTOCOL", of_protocol(50)),
    Form("AH without IKE", "PROTOCOL", of_protocol(51)),
    Form("ESP of nothing", "PROTOCOL", of_protocol(50, b"")),
    Form("AH of half a header", "PROTOCOL", of_protocol(51, bytes(6))),
    Form("GRE", "PROTOCOL", of_protocol(PROTO_GRE)),
    Form("SCTP", "PROTOCOL", of_protocol(PROTO_SCTP)),
    Form("a protocol of nobody", "PROTOCOL", of_protocol(253)),
)
FORMS = LINKS + IPV4 + FRAGMENTS + TRANSPORT + OTHERS


class MalformedFormsAreDroppedByName(SessionTest):
    """Each, beside a session of TCP and one of UDP with its addresses: nothing leaves, and one drop is counted."""

    def setUp(self) -> None:
        super().setUp()
        of_udp = dataclasses.replace(self.session, id=self.harness.session_id(), protocol=PROTO_UDP, local_port=5001)
        self.insert(topology.service(protocol=PROTO_UDP), *of_udp.entries)

    def runTest(self) -> None:
        assert len(FORMS) == len({form.name for form in FORMS}) >= 40
        for form in FORMS:
            if form.needs and not self.can(form.needs):
                continue
            with self.subTest(form=form.name):
                self.drop(CLIENT_SIDE, form.packet, form.reason)


class MalformedFormsAreDroppedInjected(MalformedFormsAreDroppedByName):
    """The same of what the controller injects: it got it from a client. Of TCP and UDP, which alone it injects."""

    def runTest(self) -> None:
        for form in TRANSPORT:
            with self.subTest(form=form.name):
                self.exchange(PacketOut("INJECT", form.packet, port=CLIENT_SIDE), drops={form.reason: 1})


def answered(packet: Tcp | Udp) -> Tcp | Udp:
    """The same wrong form, of what the server sends."""
    return packet.replace(**_session(6).server_sends)


class MalformedAnswersAreDroppedByName(MalformedFormsAreDroppedByName):
    """The same of what real servers send."""

    def runTest(self) -> None:
        turned: list[tuple[Form, Tcp | Udp]] = [
            (form, answered(form.packet)) for form in (*IPV4, *TRANSPORT) if isinstance(form.packet, Tcp | Udp)
        ]
        assert len(turned) > 20
        for form, packet in turned:
            if form.needs and not self.can(form.needs):
                continue
            if isinstance(packet, Udp):
                packet = packet.replace(dport=5001)
            with self.subTest(form=form.name):
                self.drop(SERVER_SIDE, packet, form.reason)
