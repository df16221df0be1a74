"""Packet-out: FORWARD, and requests that make no sense. INJECT and RESET are with the features that they serve."""

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut
from ptf_tests.packets import NOP, Ether, Raw
from ptf_tests.sessions import Session
from ptf_tests.topology import SERVER_SIDE


class ForwardLeavesUnchanged(FullnatTest):
    """FORWARD sends the bytes as they are to the port named: no session, no route, no TTL, no checksum is touched."""

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id())
        self.insert(*session.server_entries, *session.entries)
        segment = session.from_client(flags="S", ttl=1, options=NOP * 8, payload=b"payload")
        for packet in (
            segment,
            segment.replace(ip_checksum=1, checksum=2),
            segment.replace(version=6),
            segment.replace(ip_options=b"\x94\x04\x00\x00"),
            segment.replace(options=b"\x02\x00\x01\x01"),
            session.from_server(),
            Ether(dst="ff:ff:ff:ff:ff:ff", type=0x88CC) / Raw(bytes(100)),
        ):
            for port in topology.PORT_MAC:
                self.exchange(PacketOut("FORWARD", packet, port=port), out=[(port, packet)])


class ForwardOfBrokenFramesLeavesUnchanged(FullnatTest):
    """FORWARD does not mind what the parser thinks of the packet, wherever it is cut."""

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id())
        frame = bytes(session.from_client(ip_options=NOP * 4, options=NOP * 8, payload=b"payload"))
        for cut in range(15, len(frame), 2):
            with self.subTest(cut=cut):
                self.exchange(PacketOut("FORWARD", frame[:cut], port=SERVER_SIDE), out=[(SERVER_SIDE, frame[:cut])])


class ForwardOfALargeFrame(FullnatTest):
    """FORWARD knows no MTU."""

    def runTest(self) -> None:
        frame = Ether(dst="02:00:00:00:00:77", type=0x0800) / Raw(b"\x45" + bytes(8000))
        self.exchange(PacketOut("FORWARD", frame, port=SERVER_SIDE), out=[(SERVER_SIDE, frame)])


class UnknownRequestIsDropped(FullnatTest):
    """A packet-out with a request that the program does not know."""

    def runTest(self) -> None:
        segment = Session(id=0).from_client()
        self.exchange(PacketOut("UNKNOWN", segment, port=SERVER_SIDE), drops={"PACKET_OUT": 1})


class InjectChecksThePortsMac(FullnatTest):
    """An injected frame must be addressed to the port that it is said to have come in by."""

    def runTest(self) -> None:
        segment = Session(id=0).from_client()
        self.exchange(PacketOut("INJECT", segment, port=SERVER_SIDE), drops={"NOT_FOR_US": 1})


class InjectOnUnknownPortIsDropped(FullnatTest):
    """A port that has no entry has no address: nothing is for us there, not even a frame to 00:00:00:00:00:00."""

    def runTest(self) -> None:
        segment = Session(id=0, vip=topology.FAR_HOST).from_client()
        for address in (segment.eth_dst, "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"):
            with self.subTest(address=address):
                packet = segment.replace(eth_dst=address)
                self.exchange(PacketOut("INJECT", packet, port=77), drops={"NOT_FOR_US": 1})
