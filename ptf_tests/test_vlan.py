"""Tags of IEEE 802.1Q that are of no interface: one that only tells a priority is as none; a VLAN is not ours."""

from typing import SupportsBytes

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.packets import ARP, ICMP, IP, NOP, Ether, Raw
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE

DOT1Q, DOT1AD = 0x8100, 0x88A8
PRIORITIES = (0x0000, 0x2000, 0x1000, 0xF000)
"""Of VID 0: none, background, drop eligible, and all bits."""


def tagged(frame: SupportsBytes, control: int, type_: int = DOT1Q) -> bytes:
    """The frame with a tag behind its addresses."""
    whole = bytes(frame)
    return whole[:12] + type_.to_bytes(2, "big") + control.to_bytes(2, "big") + whole[12:]


@over_ipv6_too
class PriorityTagsArePassedOver(SessionTest):
    """Segments of sessions leave without the tag, with any priority, in both directions."""

    def runTest(self) -> None:
        self.handshake()
        for control in PRIORITIES:
            with self.subTest(control=f"{control:#06x}"):
                sent = self.session.from_client(seq=1001, ack=9500, payload=b"data", options=NOP * 4)
                expected = self.session.to_server(sent)
                self.exchange((CLIENT_SIDE, tagged(sent, control)), out=[(SERVER_SIDE, expected)])
                back = self.session.from_server(seq=9001, ack=1033, payload=bytes(1400), ip_options=self.ip_options())
                answer = self.session.to_client(back)
                self.exchange((SERVER_SIDE, tagged(back, control)), out=[(CLIENT_SIDE, answer)])

    def ip_options(self) -> bytes:
        return b"\x94\x04\x00\x00" if self.can("ip-options") else b""


@over_ipv6_too
class PriorityTaggedFrameMayEndWithItsPacket(SessionTest):
    """The tag is no part of the packet: what is missing at its end is missing."""

    required = ("frame-length",)

    def runTest(self) -> None:
        segment = bytes(self.session.from_client(seq=1, ack=500, payload=bytes(60)))
        for missing in (1, 4):
            self.drop(CLIENT_SIDE, tagged(segment[:-missing], 0), self.network.header_fault)


class PriorityTaggedRequestsAreAnswered(FullnatTest):
    """ARP and echo requests; the answer has no tag."""

    def runTest(self) -> None:
        ask = ARP(op=1, hwsrc=topology.CLIENT_MAC, psrc=topology.CLIENT, hwdst="00:00:00:00:00:00", pdst=topology.VIP)
        request = Ether(dst="ff:ff:ff:ff:ff:ff", src=topology.CLIENT_MAC) / ask / Raw(bytes(18))
        said = ARP(op=2, hwsrc=PORT_MAC[1], psrc=topology.VIP, hwdst=topology.CLIENT_MAC, pdst=topology.CLIENT)
        reply = Ether(dst=topology.CLIENT_MAC, src=PORT_MAC[1]) / said / Raw(bytes(18))
        self.exchange((CLIENT_SIDE, tagged(request, 0xA000)), out=[(CLIENT_SIDE, reply)])
        injected = PacketOut("INJECT", tagged(request, 0), port=CLIENT_SIDE)
        self.exchange(injected, out=[(CLIENT_SIDE, reply)])
        head = Ether(dst=PORT_MAC[1], src=topology.CLIENT_MAC)
        echo = head / IP(src=topology.CLIENT, dst=topology.VIP, ttl=9) / ICMP(type=8, id=7, seq=1) / Raw(b"echo")
        back = Ether(dst=topology.CLIENT_MAC, src=PORT_MAC[1])
        echoed = back / IP(src=topology.VIP, dst=topology.CLIENT, ttl=64) / ICMP(type=0, id=7, seq=1) / Raw(b"echo")
        self.exchange((CLIENT_SIDE, tagged(echo, 0)), out=[(CLIENT_SIDE, echoed)])


class PriorityTaggedSynIsPuntedUntagged(FullnatTest):
    """The controller sees no tags, but priorities with the port."""

    def runTest(self) -> None:
        self.insert(topology.service())
        syn = Session(id=0).from_client(flags="S")
        port = 0x6000 << 16 | CLIENT_SIDE if self.can("vlans") else CLIENT_SIDE
        self.exchange((CLIENT_SIDE, tagged(syn, 0x6000)), punted=[Punt("SERVICE_SYN", syn, port)])


@over_ipv6_too
class VlansAreDropped(SessionTest):
    """A VID, whatever the priority; a provider's tag (802.1ad), also of VID 0; and two tags."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ack=500, payload=b"x")
        for control in (1, 2, 0x0FFF, 0x2001, 0xFFFF, 0x0800):
            with self.subTest(control=f"{control:#06x}"):
                self.drop(CLIENT_SIDE, tagged(segment, control), "VLAN")
        for control in (0, 5):
            self.drop(CLIENT_SIDE, tagged(segment, control, DOT1AD), "VLAN")
            self.drop(CLIENT_SIDE, tagged(tagged(segment, control), 0), "VLAN")
            self.drop(CLIENT_SIDE, tagged(tagged(segment, control), 0, DOT1AD), "VLAN")
            self.drop(CLIENT_SIDE, tagged(tagged(segment, control, DOT1AD), 0), "VLAN")


class PriorityTagsBeforeOtherTypesAreDropped(FullnatTest):
    """As they would be without the tag."""

    def runTest(self) -> None:
        for ethertype in (0x88CC, 0x0000, 0x05DC):
            frame = Ether(dst=PORT_MAC[1], src=topology.CLIENT_MAC, type=ethertype) / Raw(bytes(46))
            self.drop(CLIENT_SIDE, tagged(frame, 0), "ETHERTYPE")


@requires("runt-frames")
class TagCutShortIsDropped(FullnatTest):
    """A kernel that takes tags out of frames on their way does so before the switch sees it."""

    def runTest(self) -> None:
        whole = tagged(Session(id=0).from_client(), 0)
        for cut in range(15, 18):
            self.drop(CLIENT_SIDE, whole[:cut], "PARSER")
