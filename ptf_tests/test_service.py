"""Packets to addresses of ours that belong to no session: punted, answered, or dropped for the reason that fits."""

from typing import Any

from fullnat.p4constants import ServiceFlag

from ptf_tests import topology
from ptf_tests.base import FullnatTest, Punt
from ptf_tests.packets import ICMP, IP, TCP, UDP, Ether, Raw, Tcp, fragments
from ptf_tests.sessions import Session
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

RESET_ON_MISS = ServiceFlag.RESET_ON_MISS


def segment(**fields: Any) -> Tcp:
    """A client's segment to the VIP."""
    return Session(id=0).from_client(**fields)


class SegmentWithoutSessionIsDropped(FullnatTest):
    """To a service, anything but a SYN that has no session is dropped (LVS: defence_tcp_drop)."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for flags in ("A", "PA", "SA", "FA", "R", "RA", "", "FPU", "P"):
            with self.subTest(flags=flags):
                self.drop(CLIENT_SIDE, segment(flags=flags, seq=5, payload=b"x"), "NO_SESSION")


class SegmentWithoutSessionIsPuntedOnRequest(FullnatTest):
    """A service flagged RESET_ON_MISS sends them to the controller, which answers RST; a RST is never answered."""

    def runTest(self) -> None:
        self.insert(topology.service(flags=RESET_ON_MISS))
        for flags in ("A", "PA", "SA", "FA", "", "FPU"):
            with self.subTest(flags=flags):
                packet = segment(flags=flags, seq=5, payload=b"x")
                self.exchange((CLIENT_SIDE, packet), punted=[Punt("NO_SESSION", packet, service_flags=RESET_ON_MISS)])
        for flags in ("R", "RA"):
            self.drop(CLIENT_SIDE, segment(flags=flags, seq=5), "NO_SESSION")


class SegmentWithoutSessionHasAPuntRate(FullnatTest):
    """Segments to be answered with RST are metered too."""

    def runTest(self) -> None:
        self.insert(topology.service(flags=RESET_ON_MISS))
        punt = Punt("NO_SESSION", segment(seq=5), service_flags=RESET_ON_MISS)
        self.drop_over_rate(CLIENT_SIDE, punt, count=4, burst=1)


class VipWithoutServiceIsDropped(FullnatTest):
    """TCP to a VIP on a port that is not served, SYN or not; the service of another VIP or port does not count."""

    def runTest(self) -> None:
        self.insert(topology.service(vport=81), topology.service(vip="198.51.100.11"))
        for flags in ("S", "A", "R", "SF"):
            self.drop(CLIENT_SIDE, segment(flags=flags), "NO_SERVICE")


class SegmentToALocalAddressWithoutSessionIsPunted(FullnatTest):
    """What a real server still sends to a local address when the session is gone goes to the controller, which knows
    whether to answer RST. A RST is never answered, and a SYN is not late."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for flags in ("SA", "A", "PA", "FA", "", "FPU"):
            with self.subTest(flags=flags):
                packet = Session(id=0).from_server(flags=flags, payload=b"x")
                self.exchange(
                    (SERVER_SIDE, packet),
                    punted=[Punt("LATE_ANSWER", packet, port=SERVER_SIDE)],
                )
        for flags in ("S", "SF", "R", "RA"):
            with self.subTest(flags=flags):
                self.drop(SERVER_SIDE, Session(id=0).from_server(flags=flags, payload=b"x"), "NO_SESSION")


class SegmentToALocalAddressHasAPuntRate(FullnatTest):
    """They are metered as those to a service are."""

    def runTest(self) -> None:
        packet = Session(id=0).from_server(flags="A")
        punt = Punt("LATE_ANSWER", packet, port=SERVER_SIDE)
        self.drop_over_rate(SERVER_SIDE, punt, count=4, burst=1)


class SegmentToAnInterfaceIsDropped(FullnatTest):
    """The switch itself serves no TCP."""

    def runTest(self) -> None:
        for flags in ("S", "A"):
            self.drop(CLIENT_SIDE, segment(flags=flags, dst=topology.INTERFACE[1]), "NO_SESSION")


class OtherProtocolsToUsAreDropped(FullnatTest):
    """GRE, SCTP and unknown protocols to any address of ours, and ICMP that is neither an echo request nor an error."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for address in (topology.VIP, topology.LOCAL, topology.INTERFACE[1]):
            head = Ether(dst=topology.PORT_MAC[1], src=topology.CLIENT_MAC) / IP(src=topology.CLIENT, dst=address)
            with self.subTest(address=address):
                for protocol in (0, 2, 47, 132, 255):
                    packet = head.copy()
                    packet[IP].proto = protocol
                    self.drop(CLIENT_SIDE, packet / Raw(bytes(40)), "PROTOCOL")
                for kind in (0, 5, 13):
                    self.drop(CLIENT_SIDE, head / ICMP(type=kind) / Raw(bytes(40)), "PROTOCOL")


OF_FIRST = {topology.VIP: "NO_SERVICE", topology.LOCAL: "NO_SESSION", topology.INTERFACE[1]: "PROTOCOL"}


class FragmentsToUsAreDropped(FullnatTest):
    """First, middle and last fragments to any address of ours, of any protocol, if they are of no session; the first
    one of a datagram as the datagram would be, where the target looks at it."""

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id())
        self.insert(topology.service(), *session.server_entries, *session.entries)
        for protocol in (TCP(sport=40000, dport=80, flags="A"), UDP(sport=40000, dport=80), ICMP()):
            for address in (topology.VIP, topology.LOCAL, topology.INTERFACE[1]):
                whole = IP(src=topology.CLIENT, dst=address) / protocol / Raw(bytes(120))
                for number, part in enumerate(fragments(whole, 64)):
                    with self.subTest(protocol=protocol.name, address=address, fragment=number):
                        frame = Ether(dst=topology.PORT_MAC[1], src=topology.CLIENT_MAC) / part
                        looks = number == 0 and protocol.name == "UDP" and self.can("fragments")
                        self.drop(CLIENT_SIDE, frame, OF_FIRST[address] if looks else "FRAGMENT")


class FramesForOthersAreDropped(FullnatTest):
    """A frame to another station's MAC, to broadcast or multicast, is not for us, whatever is in it."""

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id())
        self.insert(topology.service(), *session.server_entries, *session.entries)
        for address in ("02:00:00:00:00:02", "02:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"):
            with self.subTest(address=address):
                self.drop(CLIENT_SIDE, session.from_client(eth_dst=address, seq=1), "NOT_FOR_US")
                self.drop(CLIENT_SIDE, segment(eth_dst=address, sport=1, flags="S"), "NOT_FOR_US")
