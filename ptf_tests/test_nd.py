"""Neighbor discovery (RFC 4861): the switch answers for its addresses; the controller gets what tells of a neighbor."""

import time
from typing import Any

from fullnat.p4constants import PuntReason
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, requires
from ptf_tests.harness import PATIENCE
from ptf_tests.packets import Ether, IPv6, Raw, address, mac
from ptf_tests.topology import CLIENT_SIDE, IPV6, PORT_MAC, SERVER_SIDE

OURS = (IPV6.vip, IPV6.local, *IPV6.interface.values())
LINK_LOCAL = "fe80::ff:fe00:109"
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
CHECKSUM = slice(56, 58)


def solicited_node(target: str) -> tuple[str, str]:
    """The multicast address of ``target``, and its MAC address."""
    low = address(target) & 0xFFFFFF
    group = f"ff02::1:ff{low >> 16:02x}:{low & 0xFFFF:x}"
    return group, "33:33:ff:" + low.to_bytes(3, "big").hex(":")


def solicitation(
    target: str,
    src: str = IPV6.client,
    options: Any = None,
    dst: str | None = None,
    eth_dst: str | None = None,
    hlim: int = 255,
    **fields: Any,
) -> Any:
    """The client's question, to the solicited-node address unless said otherwise; ``fields`` of the message."""
    group, group_mac = solicited_node(target)
    ip = IPv6(src=src, dst=dst or group, hlim=hlim)
    link = ICMPv6NDOptSrcLLAddr(lladdr=topology.CLIENT_MAC) if options is None else options
    return Ether(dst=eth_dst or group_mac, src=topology.CLIENT_MAC) / ip / ICMPv6ND_NS(tgt=target, **fields) / link


def answer(question: Any, port: int) -> Any:
    """What the switch says to it."""
    ip = IPv6(src=question[ICMPv6ND_NS].tgt, dst=question[IPv6].src, hlim=255)
    message = ICMPv6ND_NA(R=1, S=1, O=1, tgt=question[ICMPv6ND_NS].tgt)
    link = ICMPv6NDOptDstLLAddr(lladdr=PORT_MAC[port])
    return Ether(dst=question[Ether].src, src=PORT_MAC[port]) / ip / message / link


def advertisement(target: str, dst: str, eth_dst: str = PORT_MAC[CLIENT_SIDE], hlim: int = 255, **fields: Any) -> Any:
    ip = IPv6(src=target, dst=dst, hlim=hlim)
    message = ICMPv6ND_NA(**{"R": 0, "S": 0, "O": 1, **fields}, tgt=target)
    return Ether(dst=eth_dst, src=topology.CLIENT_MAC) / ip / message / ICMPv6NDOptDstLLAddr(lladdr=topology.CLIENT_MAC)


@requires("nd-answers")
class SolicitationForOurAddressesIsAnswered(FullnatTest):
    """VIPs, local and interface addresses are answered on every port with that port's MAC, by multicast or unicast,
    from link-local and other sources."""

    def runTest(self) -> None:
        for port in PORT_MAC:
            for target in OURS:
                various: tuple[dict[str, Any], ...] = (
                    {},
                    {"dst": target, "eth_dst": PORT_MAC[port]},
                    {"src": LINK_LOCAL},
                )
                for ways in various:
                    with self.subTest(port=port, target=target, **ways):
                        question = solicitation(target, **ways)
                        self.exchange((port, question), out=[(port, answer(question, port))])
        question = solicitation(IPV6.vip)
        injected = PacketOut("INJECT", question, port=SERVER_SIDE)
        self.exchange(injected, out=[(SERVER_SIDE, answer(question, SERVER_SIDE))])


@requires("nd-answers")
class SolicitationTellsOfItsSender(FullnatTest):
    """Who asks for an address of ours is told to the controller, and answered beside."""

    def runTest(self) -> None:
        question = solicitation(IPV6.vip)
        self.exchange((CLIENT_SIDE, question), out=[(CLIENT_SIDE, answer(question, CLIENT_SIDE))])
        told = self.client.digest("neighbor_event6_t", time.monotonic() + PATIENCE)
        assert told == (address(IPV6.client), mac(topology.CLIENT_MAC), CLIENT_SIDE)


@requires("nd-answers")
class SolicitationsAreAnsweredAboveTheRate(FullnatTest):
    """They are told, and counted, up to the rate of their reason; the answer does not wait for that."""

    def runTest(self) -> None:
        question = solicitation(IPV6.vip)
        self.meter_punts("NEIGHBOR6", 1)
        before, started = self._heard(), time.monotonic()
        self.exchange(*[(CLIENT_SIDE, question)] * 10, out=[(CLIENT_SIDE, answer(question, CLIENT_SIDE))] * 10)
        assert 1 <= self._heard() - before <= 2 + time.monotonic() - started

    def _heard(self) -> int:
        packets, _ = self.client.counters([("punt_ctr", None)])["punt_ctr", PuntReason.NEIGHBOR6]
        return packets


@requires("nd-answers")
class SolicitationWithAWrongChecksumIsDropped(FullnatTest):
    """Its sender is not known (RFC 4861 7.1.1): nobody is answered or told."""

    def runTest(self) -> None:
        for error in (1, 0x0100, 0x8000):
            frame = bytearray(bytes(solicitation(IPV6.vip)))
            wrong = (int.from_bytes(frame[CHECKSUM], "big") + error) & 0xFFFF
            frame[CHECKSUM] = wrong.to_bytes(2, "big")
            self.drop(CLIENT_SIDE, bytes(frame), "ND")


@requires("ipv6")
class OtherSolicitationsForOurAddressesArePunted(FullnatTest):
    """Duplicate address detection, and questions without the sender's link-layer address, with two options, or with one
    that is no link-layer address of Ethernet: the controller answers as each needs."""

    def runTest(self) -> None:
        two = ICMPv6NDOptSrcLLAddr(lladdr=topology.CLIENT_MAC) / ICMPv6NDOptSrcLLAddr(lladdr=topology.CLIENT_MAC)
        questions = (
            solicitation(IPV6.vip, src="::", options=Raw(b"")),
            solicitation(IPV6.vip, options=Raw(b"")),
            solicitation(IPV6.vip, options=two),
            solicitation(IPV6.vip, options=Raw(b"\x0e\x01" + bytes(6))),
            solicitation(IPV6.vip, options=Raw(b"\x01\x02" + bytes(6))),
        )
        for question in questions:
            self.exchange((CLIENT_SIDE, question), punted=[Punt("ND", question)])
        self.drop_over_rate(CLIENT_SIDE, Punt("ND", questions[1]), count=4, burst=2)


@requires("ipv6")
class SolicitationForOthersIsDropped(FullnatTest):
    """Questions about other hosts are none of ours, although their multicast frames come in."""

    def runTest(self) -> None:
        for target in (IPV6.server, IPV6.silent_host, LINK_LOCAL):
            self.drop(CLIENT_SIDE, solicitation(target), "ND")


@requires("ipv6")
class AdvertisementsToUsArePunted(FullnatTest):
    """The answer to a question of the controller's, and what a host announces to all nodes."""

    def runTest(self) -> None:
        for own in OURS:
            said = advertisement(IPV6.client, own, S=1)
            self.exchange((CLIENT_SIDE, said), punted=[Punt("ND", said)])
        announced = advertisement(IPV6.client, ALL_NODES, ALL_NODES_MAC)
        self.exchange((CLIENT_SIDE, announced), punted=[Punt("ND", announced)])
        self.drop(CLIENT_SIDE, advertisement(IPV6.client, IPV6.server), "ND")


@requires("ipv6")
class InvalidNeighborDiscoveryIsDropped(FullnatTest):
    """What RFC 4861 7.1 has a node discard: it came over a router, has a code, a multicast target, is cut short, or
    claims to be of nobody and yet asks for no group."""

    def runTest(self) -> None:
        for said in (
            solicitation(IPV6.vip, hlim=254),
            solicitation(IPV6.vip, hlim=0),
            solicitation(IPV6.vip, code=1),
            solicitation("ff02::1:ff00:10", dst=IPV6.vip, eth_dst=PORT_MAC[1]),
            solicitation(IPV6.vip, src="::", dst=IPV6.vip, eth_dst=PORT_MAC[1]),
            solicitation(IPV6.vip, src="::", dst=ALL_NODES, eth_dst=ALL_NODES_MAC),
            advertisement(IPV6.client, IPV6.vip, hlim=64),
            advertisement(IPV6.client, IPV6.vip, code=7),
            advertisement("ff02::1", IPV6.vip),
        ):
            if said[IPv6].src == "ff02::1":
                said[IPv6].src = IPV6.client
            with self.subTest(said=said.summary()):
                self.drop(CLIENT_SIDE, said, "ND")
        for length in (8, 20, 23):
            short = solicitation(IPV6.vip)
            short[IPv6].plen = length
            self.drop(CLIENT_SIDE, short, "ND")


@requires("ipv6")
class SolicitationToAnotherStationIsNotForUs(FullnatTest):
    """A unicast frame to another MAC, and one by broadcast."""

    def runTest(self) -> None:
        for eth_dst in ("02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"):
            self.drop(CLIENT_SIDE, solicitation(IPV6.vip, eth_dst=eth_dst), "NOT_FOR_US")
