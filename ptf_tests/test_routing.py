"""Routing of packets that are not for us: as a router would, by longest prefix, next hop and neighbor."""

from functools import partial
from typing import Any

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, requires
from ptf_tests.packets import ICMP, IP, TCP, UDP, Ether, Raw, fragments
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE, UPLINK


def datagram(dst: str, payload: bytes = b"data", **fields: Any) -> Any:
    """A UDP datagram of the client's; ``fields`` of IP."""
    head = Ether(dst=PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
    return head / IP(**{"src": topology.CLIENT, **fields}, dst=dst) / UDP(sport=1000, dport=2000) / Raw(payload)


def routed(packet: Any, port: int, mac: str) -> Any:
    """The packet as it leaves by ``port`` to ``mac``."""
    result = packet.copy()
    result[Ether].src, result[Ether].dst = PORT_MAC[port], mac
    result[IP].ttl = packet[IP].ttl - 1
    return result


class ConnectedHostIsReachedDirectly(FullnatTest):
    """A destination in a connected subnet: its own MAC, TTL - 1, header checksum right."""

    def runTest(self) -> None:
        packet = datagram(topology.SERVER)
        self.exchange((CLIENT_SIDE, packet), out=[(SERVER_SIDE, routed(packet, SERVER_SIDE, topology.SERVER_MAC))])


class FarHostIsReachedByItsGateway(FullnatTest):
    """A destination behind a gateway: the gateway's MAC, the destination unchanged."""

    def runTest(self) -> None:
        for address in ("198.18.0.0", topology.FAR_HOST, "198.19.255.255"):
            packet = datagram(address)
            self.exchange((CLIENT_SIDE, packet), out=[(UPLINK, routed(packet, UPLINK, topology.GATEWAY_MAC))])


class LongestPrefixWins(FullnatTest):
    """Of all prefixes that match, the longest decides, down to the default route."""

    def runTest(self) -> None:
        self.insert(
            topology.route("0.0.0.0", 0, "route_via", topology.GATEWAY),
            topology.route("198.18.5.0", 24, "route_via", topology.SERVER),
            topology.route("198.18.5.128", 25, "route_drop"),
            topology.route("198.18.5.200", 32, "route_via", topology.CLIENT),
        )
        ways = {
            "198.18.4.255": (UPLINK, topology.GATEWAY_MAC),
            "198.18.5.1": (SERVER_SIDE, topology.SERVER_MAC),
            "198.18.5.127": (SERVER_SIDE, topology.SERVER_MAC),
            "198.18.5.200": (CLIENT_SIDE, topology.CLIENT_MAC),
            "198.18.6.0": (UPLINK, topology.GATEWAY_MAC),
            topology.UNROUTED_HOST: (UPLINK, topology.GATEWAY_MAC),
        }
        for address, (port, mac) in ways.items():
            with self.subTest(address=address):
                packet = datagram(address)
                self.exchange((CLIENT_SIDE, packet), out=[(port, routed(packet, port, mac))])
        for address in ("198.18.5.128", "198.18.5.199", "198.18.5.201"):
            self.drop(CLIENT_SIDE, datagram(address), "ROUTE")


class RoutedPacketsAreNotRead(FullnatTest):
    """Foreign TCP, other protocols, fragments and IP options pass; only TTL and header checksum change."""

    def runTest(self) -> None:
        self.insert(topology.service())
        head = Ether(dst=PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
        to_far = IP(src=topology.CLIENT, dst=topology.FAR_HOST)
        whole = to_far / UDP(sport=1, dport=2) / Raw(bytes(200))
        packets = [
            head / to_far / TCP(flags="S", options=[("Timestamp", (1, 2)), ("MSS", 1460)]) / Raw(b"x"),
            head / to_far / TCP(flags="SF", chksum=1),
            head / to_far.copy() / TCP(flags="A", dataofs=6) / Raw(b"\x02\x00\x01\x01"),
            head / IP(src=topology.CLIENT, dst=topology.FAR_HOST, proto=132) / Raw(bytes(3)),
            head / IP(src=topology.CLIENT, dst=topology.FAR_HOST, options=b"\x94\x04\x00\x00") / UDP() / Raw(b"x"),
            *(head / part for part in fragments(whole, 96)),
        ]
        for packet in packets:
            with self.subTest(packet=packet.summary()):
                self.exchange((CLIENT_SIDE, packet), out=[(UPLINK, routed(packet, UPLINK, topology.GATEWAY_MAC))])


class TtlOfOneEndsHere(FullnatTest):
    """A packet with TTL 0 or 1 goes no further, and its sender is told; with 2 it leaves with 1."""

    def runTest(self) -> None:
        for ttl in (0, 1):
            self.ends(CLIENT_SIDE, datagram(topology.SERVER, ttl=ttl), "TTL", (SERVER_SIDE, topology.SERVER_MAC))
        for ttl in (2, 255):
            packet = datagram(topology.SERVER, ttl=ttl)
            self.exchange((CLIENT_SIDE, packet), out=[(SERVER_SIDE, routed(packet, SERVER_SIDE, topology.SERVER_MAC))])


class TtlOfSessionsCountsToo(SessionTest):
    """A translated segment is routed as well: TTL 1 ends here."""

    def runTest(self) -> None:
        session = self.session
        self.ends(CLIENT_SIDE, session.from_client(seq=1, ttl=1), "TTL", session.to_its_server, session.id)
        self.ends(SERVER_SIDE, session.from_server(seq=1, ttl=1), "TTL", session.to_its_client, session.id)
        self.inward(self.session.from_client(seq=1, ttl=2), ttl=1)


class HeaderChecksumAtEveryTtl(FullnatTest):
    """The header checksum is right after every decrement, wherever its carry falls."""

    def runTest(self) -> None:
        for ip_id in (0, 0x5A5A, 0xFFFF):
            for ttl in range(2, 256, 11):
                packet = datagram(topology.SERVER, ttl=ttl, id=ip_id)
                expected = routed(packet, SERVER_SIDE, topology.SERVER_MAC)
                self.exchange((CLIENT_SIDE, packet), out=[(SERVER_SIDE, expected)])


class HeaderChecksumEdges(FullnatTest):
    """A header whose checksum comes to 0x0000 or 0x0100 is right afterwards."""

    def runTest(self) -> None:
        for wanted in (0x0000, 0x00FF, 0x0100, 0xFEFF, 0xFFFE):
            with self.subTest(checksum=f"{wanted:#06x}"):
                base = int.from_bytes(bytes(datagram(topology.SERVER, id=0))[24:26], "big")
                packet = datagram(topology.SERVER, id=(base - wanted) % 0xFFFF)
                assert int.from_bytes(bytes(packet)[24:26], "big") == wanted
                expected = routed(packet, SERVER_SIDE, topology.SERVER_MAC)
                self.exchange((CLIENT_SIDE, packet), out=[(SERVER_SIDE, expected)])


class NoRouteIsDropped(FullnatTest):
    """No prefix matches."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, datagram(topology.UNROUTED_HOST), "NO_ROUTE")


class DropRouteIsDropped(FullnatTest):
    """A route that says drop."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, datagram(topology.DROPPED_HOST), "ROUTE")


class PacketsOverTheMtuEndHere(FullnatTest):
    """An IP packet longer than the outgoing link takes: with DF its sender is told, without it is dropped, for nothing
    is fragmented here. The padding of the frame does not count."""

    def runTest(self) -> None:
        for dst, mtu, mac in (
            (topology.SERVER, topology.MTU, topology.SERVER_MAC),
            (topology.NARROW_SERVER, topology.NARROW_MTU, topology.NARROW_SERVER_MAC),
        ):
            fits = datagram(dst, bytes(mtu - 28))
            self.exchange((CLIENT_SIDE, fits), out=[(SERVER_SIDE, routed(fits, SERVER_SIDE, mac))])
            self.drop(CLIENT_SIDE, datagram(dst, bytes(mtu - 27)), "MTU")
            self.ends(CLIENT_SIDE, datagram(dst, bytes(mtu - 27), flags="DF"), "MTU", (SERVER_SIDE, mac))


class WhatTellsNobodyEndsInSilence(FullnatTest):
    """A fragment but the first, and ICMP that is no echo, end by TTL or MTU and are counted (RFC 1812 4.3.2.7)."""

    def runTest(self) -> None:
        way = SERVER_SIDE, topology.SERVER_MAC
        first, *others = fragments(datagram(topology.SERVER, bytes(1000), ttl=1), 400)
        self.ends(CLIENT_SIDE, first, "TTL", way)
        for fragment in others:
            self.drop(CLIENT_SIDE, fragment, "TTL")
        head = Ether(dst=PORT_MAC[CLIENT_SIDE], src=topology.CLIENT_MAC)
        ip = IP(src=topology.CLIENT, dst=topology.SERVER, flags="DF")
        for kind in (3, 4, 5, 9, 11, 12, 13, 255):
            self.drop(CLIENT_SIDE, head / IP(src=ip.src, dst=ip.dst, ttl=1) / ICMP(type=kind) / Raw(bytes(40)), "TTL")
            self.drop(CLIENT_SIDE, head / ip / ICMP(type=kind) / Raw(bytes(1500)), "MTU")
        for kind in (0, 8):
            self.ends(CLIENT_SIDE, head / ip.copy() / ICMP(type=kind) / Raw(bytes(1500)), "MTU", way)


@requires("tells-senders")
class WhatIsToldToSendersHasARate(FullnatTest):
    """What is above it is dropped, and counted as such."""

    def runTest(self) -> None:
        macs = PORT_MAC[SERVER_SIDE], topology.SERVER_MAC
        for told, fields in (("TTL_EXPIRED", {"ttl": 1}), ("TOO_BIG", {"flags": "DF", "payload": bytes(1473)})):
            packet = datagram(topology.SERVER, **fields)
            punted = packet.copy()
            punted[Ether].src, punted[Ether].dst = macs
            self.within_a_second(partial(self.too_often, told, packet, punted))

    def too_often(self, told: str, packet: Any, punted: Any) -> None:
        self.meter_punts(told, 1)
        self.exchange(*[(CLIENT_SIDE, packet)] * 3, punted=[Punt(told, punted)], drops={"PUNT_METER": 2})


class NoNeighborIsPunted(FullnatTest):
    """Without a link-layer address for the next hop the packet goes to the controller as it would have left, but for
    MAC addresses and TTL: the controller asks, fills them in and forwards it."""

    def runTest(self) -> None:
        self.insert(
            topology.route("198.51.100.128", 26, "route_via", "192.0.2.98"),
            topology.route("198.51.100.192", 26, "route_via", "192.0.2.99"),
            topology.next_hop_unresolved("192.0.2.99"),
        )
        for dst in (topology.SILENT_HOST, "198.51.100.130", "198.51.100.200"):
            packet = datagram(dst)
            self.exchange((CLIENT_SIDE, packet), punted=[Punt("NO_NEIGHBOR", packet)])


class OneNextHopIsOfAllThatLeadThere(FullnatTest):
    """A host and the routes by it have one next hop: where that moves, all of their packets move at once."""

    def runTest(self) -> None:
        self.insert(topology.route("198.51.100.128", 25, "route_via", topology.GATEWAY))
        addresses = (topology.GATEWAY, topology.FAR_HOST, "198.51.100.200")
        for moved in ((SERVER_SIDE, "02:00:00:00:99:01"), (UPLINK, topology.GATEWAY_MAC)):
            self.client.modify(topology.next_hop(topology.GATEWAY, *moved))
            for address in addresses:
                with self.subTest(address=address, moved=moved):
                    packet = datagram(address)
                    self.exchange((CLIENT_SIDE, packet), out=[(moved[0], routed(packet, *moved))])


class NoNeighborHasARate(FullnatTest):
    """A scan of empty addresses does not flood the controller."""

    def runTest(self) -> None:
        self.drop_over_rate(CLIENT_SIDE, Punt("NO_NEIGHBOR", datagram(topology.SILENT_HOST)), count=3, burst=1)


class NoNeighborOfASessionIsPuntedTranslated(SessionTest):
    """A session's segment whose server has no link-layer address yet is punted translated, with TOA where due."""

    server = "silent_server"

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        untouched = {"eth_src": syn.eth_src, "eth_dst": syn.eth_dst, "ttl": syn.ttl}
        expected = self.session.to_server(syn, options=self.session.toa, **untouched)
        self.exchange(
            PacketOut("INJECT", syn, port=CLIENT_SIDE),
            punted=[Punt("NO_NEIGHBOR", expected, session_id=self.session.id)],
        )
        segment = self.session.from_client(seq=1001, ack=5, payload=bytes(1460))
        expected = self.session.to_server(segment, **untouched)
        self.exchange((CLIENT_SIDE, segment), punted=[Punt("NO_NEIGHBOR", expected, session_id=self.session.id)])


class MartiansAreDropped(FullnatTest):
    """Addresses that no router forwards (RFC 1812 5.3.7): 0/8, 127/8, multicast, class E, as source or destination."""

    def runTest(self) -> None:
        self.insert(topology.route("0.0.0.0", 0, "route_via", topology.GATEWAY))
        martians = ("0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "224.0.0.1")
        for address in (*martians, "239.255.255.255", "240.0.0.1", "255.255.255.255"):
            with self.subTest(address=address):
                self.drop(CLIENT_SIDE, datagram(topology.SERVER, src=address), "IPV4_ADDRESS")
                self.drop(CLIENT_SIDE, datagram(address), "IPV4_ADDRESS")
        for address in ("1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"):
            with self.subTest(address=address):
                packet = datagram(address)
                expected = routed(packet, UPLINK, topology.GATEWAY_MAC)
                self.exchange((CLIENT_SIDE, packet), out=[(UPLINK, expected)])


class MartianSynsAreNotPunted(FullnatTest):
    """A SYN that claims to come from such an address never reaches the controller."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for address in ("127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"):
            self.drop(CLIENT_SIDE, Session(id=0).from_client(flags="S", src=address), "IPV4_ADDRESS")


class RoutedPacketKeepsItsPadding(FullnatTest):
    """Bytes behind the IP packet go along."""

    def runTest(self) -> None:
        packet = datagram(topology.SERVER, b"x")
        expected = routed(packet, SERVER_SIDE, topology.SERVER_MAC)
        self.exchange((CLIENT_SIDE, bytes(packet) + bytes(17)), out=[(SERVER_SIDE, bytes(expected) + bytes(17))])


class RoutedBackWhereItCameFrom(FullnatTest):
    """A packet whose way leads out of the port it came in by goes there."""

    def runTest(self) -> None:
        self.insert(*topology.neighbor("203.0.113.10", CLIENT_SIDE, "02:00:00:00:01:0a"))
        packet = datagram("203.0.113.10")
        self.exchange((CLIENT_SIDE, packet), out=[(CLIENT_SIDE, routed(packet, CLIENT_SIDE, "02:00:00:00:01:0a"))])
