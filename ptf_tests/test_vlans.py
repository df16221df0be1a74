"""VLANs (IEEE 802.1Q): a port has interfaces by VLAN. The tag is taken off on entry and put on at exit, and the frame
keeps its priority, also on its way through the controller."""

import time
from dataclasses import replace
from typing import Any, SupportsBytes

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.harness import PATIENCE
from ptf_tests.p4rt import Entry
from ptf_tests.packets import ICMP, IP, Ether, Raw, ipv4, mac
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.test_arp import answer, arp
from ptf_tests.test_vlan import DOT1AD, PRIORITIES, tagged
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE

CLIENTS, SERVERS, NOBODYS = 12, 4094, 13
"""VLANs of port 1."""
CLIENT_VLAN, SERVER_VLAN = CLIENTS << 16 | CLIENT_SIDE, SERVERS << 16 | CLIENT_SIDE
"""The interfaces, as the tables name them."""


def interface(number: int, port: int) -> Entry:
    """With the address of the port whose hosts are there in other tests."""
    return Entry("port", {"port": number}, "port_set", {"mac": mac(PORT_MAC[port])})


class _Stick(SessionTest):
    """A router on a stick: clients and servers are in two VLANs of port 1."""

    required: tuple[str, ...] = ("vlans",)

    def setUp(self) -> None:
        super().setUp()
        self.insert(interface(CLIENT_VLAN, CLIENT_SIDE), interface(SERVER_VLAN, SERVER_SIDE))
        self.move(self.network.client, CLIENT_VLAN)
        self.move(self.network.server, SERVER_VLAN)

    def move(self, address: str, number: int) -> None:
        """The client or the server is behind this interface for the test."""
        is_client = address == self.network.client
        port, link = (CLIENT_SIDE, topology.CLIENT_MAC) if is_client else (SERVER_SIDE, topology.SERVER_MAC)
        before = topology.next_hop(address, port, link)
        self.client.modify(replace(before, params={**before.params, "port": number}))
        self.addCleanup(self.client.modify, before)


@over_ipv6_too
class RouterOnAStick(_Stick):
    """A session between two VLANs of one port, with every priority and 1500 bytes behind the tag."""

    def runTest(self) -> None:
        for control in PRIORITIES:
            with self.subTest(control=f"{control:#06x}"):
                sent = self.session.from_client(seq=1001, ack=9500, payload=bytes(self.network.segment))
                expected = tagged(self.session.to_server(sent), control | SERVERS)
                self.exchange((CLIENT_SIDE, tagged(sent, control | CLIENTS)), out=[(CLIENT_SIDE, expected)])
                back = self.session.from_server(seq=9001, ack=1033, payload=bytes(self.network.segment))
                answered = tagged(self.session.to_client(back), control | CLIENTS)
                self.exchange((CLIENT_SIDE, tagged(back, control | SERVERS)), out=[(CLIENT_SIDE, answered)])


@requires("vlans")
class BetweenAVlanAndAPort(_Stick):
    """The tag goes where a packet leaves untagged, and comes where it came without, with the priority that it told."""

    def runTest(self) -> None:
        self.move(self.network.server, SERVER_SIDE)
        sent = self.session.from_client(seq=1001, ack=9500, payload=b"data")
        self.exchange((CLIENT_SIDE, tagged(sent, 0x6000 | CLIENTS)), out=[(SERVER_SIDE, self.session.to_server(sent))])
        back = self.session.from_server(seq=9001, ack=1033, payload=b"data")
        for frame, control in ((bytes(back), 0), (tagged(back, 0x7000), 0x7000)):
            out = tagged(self.session.to_client(back), control | CLIENTS)
            self.exchange((SERVER_SIDE, frame), out=[(CLIENT_SIDE, out)])


class TagsOfNoInterfaceAreDropped(_Stick):
    """Another VLAN, that of another port, a provider's tag and two tags; untagged, the port still is what it was."""

    def runTest(self) -> None:
        sent = self.session.from_client(seq=1, ack=500, payload=b"x")
        self.drop(CLIENT_SIDE, tagged(sent, NOBODYS), "VLAN")
        self.drop(SERVER_SIDE, tagged(sent, CLIENTS), "VLAN")
        self.drop(CLIENT_SIDE, tagged(sent, CLIENTS, DOT1AD), "VLAN")
        self.drop(CLIENT_SIDE, tagged(tagged(sent, CLIENTS), CLIENTS), "VLAN")
        self.drop(CLIENT_SIDE, tagged(tagged(sent, CLIENTS), CLIENTS, DOT1AD), "VLAN")
        self.drop(CLIENT_SIDE, tagged(sent.replace(eth_dst="02:00:00:00:77:77"), CLIENTS), "NOT_FOR_US")
        out = tagged(self.session.to_server(sent), SERVERS)
        self.exchange((CLIENT_SIDE, sent), out=[(CLIENT_SIDE, out)])


class VlanFrameMayEndWithItsPacket(_Stick):
    """The tag is no part of the packet: what is missing at its end is missing; what is behind it stays."""

    required = ("vlans", "frame-length")

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500, payload=bytes(60))
        for missing in (1, 4):
            self.drop(CLIENT_SIDE, tagged(bytes(segment)[:-missing], CLIENTS), self.network.header_fault)


class TheMtuIsThatBehindTheTag(_Stick):
    """1500 bytes pass with the tag on top, and one more ends here."""

    required = ("vlans", "tells-senders")

    def runTest(self) -> None:
        too_long = self.session.from_client(seq=1, ack=500, payload=bytes(self.network.segment + 1), ip_flags=2)
        on_its_way = too_long.replace(eth_dst=topology.SERVER_MAC, eth_src=PORT_MAC[SERVER_SIDE])
        punted = Punt("TOO_BIG", on_its_way, port=0xA000 << 16 | CLIENT_VLAN, session_id=self.session.id)
        self.exchange((CLIENT_SIDE, tagged(too_long, 0xA000 | CLIENTS)), punted=[punted])


class TaggedRequestsAreAnswered(_Stick):
    """ARP and echo requests, in their VLAN and with their priority; who asks is told with the VLAN."""

    def runTest(self) -> None:
        request = arp(topology.VIP)
        reply = tagged(answer(request, CLIENT_SIDE), 0xA000 | CLIENTS)
        self.exchange((CLIENT_SIDE, tagged(request, 0xA000 | CLIENTS)), out=[(CLIENT_SIDE, reply)])
        self.exchange(PacketOut("INJECT", request, port=0xA000 << 16 | CLIENT_VLAN), out=[(CLIENT_SIDE, reply)])
        expected = (ipv4(topology.CLIENT), mac(topology.CLIENT_MAC), CLIENT_VLAN)
        heard: set[tuple[int, ...]] = set()
        deadline = time.monotonic() + PATIENCE
        while expected not in heard:
            digest = self.client.digest("neighbor_event_t", deadline)
            assert digest is not None, f"not told; told were {heard}"
            heard.add(digest)
        back = Ether(dst=topology.CLIENT_MAC, src=PORT_MAC[1])
        self.exchange(
            (CLIENT_SIDE, tagged(echo(topology.CLIENT, topology.VIP, 8), 0x2000 | CLIENTS)),
            out=[(CLIENT_SIDE, tagged(echo(topology.VIP, topology.CLIENT, 0, head=back, ttl=64), 0x2000 | CLIENTS))],
        )


def echo(src: str, dst: str, kind: int, head: Any = None, ttl: int = 9) -> Any:
    head = head or Ether(dst=PORT_MAC[1], src=topology.CLIENT_MAC)
    return head / IP(src=src, dst=dst, ttl=ttl) / ICMP(type=kind, id=7, seq=1) / Raw(b"echo")


class TheControllerSeesVlansWithThePort(_Stick):
    """A SYN and an ARP reply go up untagged, with VLAN and priority beside the port; the SYN comes back with them."""

    def runTest(self) -> None:
        number = 0x6000 << 16 | CLIENT_VLAN
        syn = Session(id=0, client_port=777).from_client(flags="S")
        self.exchange((CLIENT_SIDE, tagged(syn, 0x6000 | CLIENTS)), punted=[Punt("SERVICE_SYN", syn, number)])
        opened = self.session.from_client(flags="S", seq=1000)
        out = tagged(self.session.to_server(opened, options=self.session.toa), 0x6000 | SERVERS)
        inject = PacketOut("INJECT", opened, number, self.session.id, new_session=True)
        self.exchange(inject, out=[(CLIENT_SIDE, out)], toa={"OK": 1})
        reply = arp(topology.VIP, op=2, dst=PORT_MAC[1])
        self.exchange((CLIENT_SIDE, tagged(reply, 0x6000 | CLIENTS)), punted=[Punt("ARP", reply, number)])


class WhatTheControllerForwardsIsTagged(FullnatTest):
    """A packet-out to a VLAN of a port, with a priority and without."""

    required: tuple[str, ...] = ("vlans",)

    def runTest(self) -> None:
        frame: SupportsBytes = arp(topology.CLIENT)
        for control in PRIORITIES:
            out = PacketOut("FORWARD", frame, port=(control | CLIENTS) << 16 | CLIENT_SIDE)
            self.exchange(out, out=[(CLIENT_SIDE, tagged(frame, control | CLIENTS))])
            out = PacketOut("FORWARD", frame, port=control << 16 | CLIENT_SIDE)
            self.exchange(out, out=[(CLIENT_SIDE, frame)])
