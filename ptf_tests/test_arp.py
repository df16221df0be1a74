"""ARP: the switch answers for its addresses; what tells of a neighbor goes to the controller."""

import time
from typing import Any

from fullnat.p4constants import PuntReason

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt
from ptf_tests.harness import PATIENCE
from ptf_tests.packets import ARP, Ether, Raw, ipv4
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE

REQUEST, REPLY = 1, 2
BROADCAST = "ff:ff:ff:ff:ff:ff"
OURS = (topology.VIP, topology.LOCAL, *topology.INTERFACE.values())


def arp(target: str, sender: str = topology.CLIENT, op: int = REQUEST, dst: str = BROADCAST, **fields: Any) -> Any:
    """An ARP message of the client, padded as a NIC pads it."""
    message = ARP(op=op, hwsrc=topology.CLIENT_MAC, psrc=sender, hwdst="00:00:00:00:00:00", pdst=target, **fields)
    return Ether(dst=dst, src=topology.CLIENT_MAC) / message / Raw(bytes(18))


def answer(request: Any, port: int) -> Any:
    reply = ARP(
        op=REPLY,
        hwsrc=PORT_MAC[port],
        psrc=request[ARP].pdst,
        hwdst=request[ARP].hwsrc,
        pdst=request[ARP].psrc,
    )
    return Ether(dst=request[Ether].src, src=PORT_MAC[port]) / reply / Raw(request[Raw].load)


class ArpForOurAddressesIsAnswered(FullnatTest):
    """VIPs, local and interface addresses are answered on every port with that port's MAC, by broadcast or unicast."""

    def runTest(self) -> None:
        for port in PORT_MAC:
            for address in OURS:
                for dst in (BROADCAST, PORT_MAC[port]):
                    with self.subTest(port=port, address=address, dst=dst):
                        request = arp(address, dst=dst)
                        self.exchange((port, request), out=[(port, answer(request, port))])


class ArpProbeIsAnswered(FullnatTest):
    """A probe (RFC 5227: sender 0.0.0.0) for an address of ours learns that it is taken."""

    def runTest(self) -> None:
        request = arp(topology.VIP, sender="0.0.0.0")
        self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, answer(request, CLIENT_SIDE))])


class ArpRequestTellsOfItsSender(FullnatTest):
    """Who asks for an address of ours is told to the controller, and answered beside; who asks for others is not."""

    def runTest(self) -> None:
        request = arp(topology.VIP)
        self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, answer(request, CLIENT_SIDE))])
        self.drop(CLIENT_SIDE, arp(topology.SERVER, sender=topology.FAR_HOST), "ARP")
        heard: set[tuple[int, ...]] = set()
        expected = (ipv4(topology.CLIENT), int(topology.CLIENT_MAC.replace(":", ""), 16), CLIENT_SIDE)
        deadline = time.monotonic() + PATIENCE
        while expected not in heard:
            digest = self.client.digest("neighbor_event_t", deadline)
            assert digest is not None, f"not told; told were {heard}"
            heard.add(digest)
        assert {address for address, _, _ in heard} <= {0, ipv4(topology.CLIENT)}


class ArpRequestsAreAnsweredAboveTheRate(FullnatTest):
    """They are told, and counted, up to the rate of their reason; the answer does not wait for that."""

    def runTest(self) -> None:
        request = arp(topology.VIP)
        reply = answer(request, CLIENT_SIDE)
        self.meter_punts("NEIGHBOR", 1)
        before, started = self._heard(), time.monotonic()
        self.exchange(*[(CLIENT_SIDE, request)] * 10, out=[(CLIENT_SIDE, reply)] * 10)
        assert 1 <= self._heard() - before <= 2 + time.monotonic() - started

    def _heard(self) -> int:
        packets, _ = self.client.counters([("punt_ctr", None)])["punt_ctr", PuntReason.NEIGHBOR]
        return packets


class ArpPaddingIsKept(FullnatTest):
    """Without padding, or with any, the answer is as long as the question."""

    def runTest(self) -> None:
        for padding in (b"", b"\xaa" * 18, bytes(100)):
            request = arp(topology.VIP)
            request[Raw].load = padding
            self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, answer(request, CLIENT_SIDE))])


class ArpForOthersIsNotAnswered(FullnatTest):
    """Questions about other hosts, routed or not, are none of ours."""

    def runTest(self) -> None:
        for address in (topology.SERVER, topology.SILENT_HOST, topology.FAR_HOST, "0.0.0.0", "255.255.255.255"):
            self.drop(CLIENT_SIDE, arp(address), "ARP")


class ArpToAnotherStationIsNotForUs(FullnatTest):
    """A unicast question to another MAC, or to multicast."""

    def runTest(self) -> None:
        for dst in ("02:00:00:00:00:02", "01:00:5e:00:00:01"):
            self.drop(CLIENT_SIDE, arp(topology.VIP, dst=dst), "NOT_FOR_US")


class ArpReplyToUsIsPunted(FullnatTest):
    """The answer to a question of the controller's goes to it, with the port."""

    def runTest(self) -> None:
        for port in (CLIENT_SIDE, SERVER_SIDE):
            for address in OURS:
                reply = arp(address, op=REPLY, dst=PORT_MAC[port])
                self.exchange((port, reply), punted=[Punt("ARP", reply, port)])


class ArpReplyToOthersIsDropped(FullnatTest):
    """An answer to somebody else's question teaches us nothing."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, arp(topology.SERVER, op=REPLY, dst=PORT_MAC[1]), "ARP")


class ArpAnnouncementIsPunted(FullnatTest):
    """A host that announces its address (sender = target), as request or reply, is a neighbor that may have moved."""

    def runTest(self) -> None:
        for op in (REQUEST, REPLY):
            packet = arp(topology.CLIENT, sender=topology.CLIENT, op=op)
            self.exchange((CLIENT_SIDE, packet), punted=[Punt("ARP", packet)])


class ArpAnnouncementOfOurAddressIsPunted(FullnatTest):
    """Somebody else claims an address of ours: the controller must know; nobody is answered."""

    def runTest(self) -> None:
        packet = arp(topology.VIP, sender=topology.VIP)
        self.exchange((CLIENT_SIDE, packet), punted=[Punt("ARP", packet)])


class ArpOfOtherKindsIsDropped(FullnatTest):
    """Not Ethernet, not IPv4, wrong lengths, other operations."""

    def runTest(self) -> None:
        variations: list[dict[str, Any]] = [
            {"hwtype": 6},
            {"ptype": 0x86DD},
            {"hwlen": 8},
            {"plen": 16},
            {"op": 0},
            {"op": 3},
            {"op": 8},
            {"op": 0x0100},
        ]
        for fields in variations:
            with self.subTest(**fields):
                self.drop(CLIENT_SIDE, arp(topology.VIP, **fields), "ARP")


class InjectedArpIsLikeAReceivedOne(FullnatTest):
    """The controller may inject an ARP question; the answer leaves by the port named."""

    def runTest(self) -> None:
        request = arp(topology.VIP)
        self.exchange(PacketOut("INJECT", request, port=SERVER_SIDE), out=[(SERVER_SIDE, answer(request, SERVER_SIDE))])
