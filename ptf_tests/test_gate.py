"""The gate: without entries of ``port`` a switch does nothing with what reaches it, whatever else its tables hold. So a
switch that stands by holds all but these."""

import time
from collections.abc import Iterator
from typing import SupportsBytes

from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.core.interface import Forward
from fullnat.p4constants import PacketOutAction
from fullnat.p4rt import program
from fullnat.p4rt.packetio import RETURNED
from fullnat.p4rt.schema import Schema
from ptf.testutils import send_packet

from ptf_tests import topology
from ptf_tests.base import FullnatTest, over_ipv6_too
from ptf_tests.harness import PATIENCE
from ptf_tests.p4rt import Entry
from ptf_tests.packets import mac
from ptf_tests.sessions import SessionTest
from ptf_tests.test_arp import arp
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE


@over_ipv6_too
class WithoutInterfacesASwitchIsSilent(SessionTest):
    """Segments of a session, SYNs to a service, ARP for our addresses and frames that are routed: whoever the frame
    is to, nothing leaves, the controller gets nothing, and no session has news."""

    def runTest(self) -> None:
        gate = [Entry("port", {"port": port}, "port_set", {"mac": mac(PORT_MAC[port])}) for port in PORT_MAC]
        self.delete(*gate)
        sent = list(self._frames())
        for port, frame in sent:
            send_packet(self, port, bytes(frame))
        deadline = time.monotonic() + PATIENCE
        while self._dropped() < len(sent):
            assert time.monotonic() < deadline, f"{self._dropped()} of {len(sent)} are dropped"
        self.insert(*gate)
        self.exchange(drops={"NOT_FOR_US": len(sent)})
        # What is left are other tests' sessions.
        while (news := self.client.digest("session_event_t", time.monotonic())) is not None:
            assert news[0] != self.session.id
        # It has been there all the time.
        self.inward(self.session.from_client(payload=b"x"))

    def _dropped(self) -> int:
        drops = "drop_ctr", "NOT_FOR_US"
        return self._read_counters()[drops] - self._counted[drops]

    def _frames(self) -> Iterator[tuple[int, SupportsBytes]]:
        for flags in ("S", "A", "PA", "FA", "R"):
            yield CLIENT_SIDE, self.session.from_client(flags=flags, payload=b"" if flags == "S" else b"x")
        for flags in ("SA", "A", "FA", "R"):
            yield SERVER_SIDE, self.session.from_server(flags=flags)
        yield CLIENT_SIDE, self.session.from_client(flags="S", sport=50000)
        for address in (topology.VIP, topology.LOCAL, topology.INTERFACE[CLIENT_SIDE]):
            yield CLIENT_SIDE, arp(address)
            yield CLIENT_SIDE, arp(address, dst=PORT_MAC[CLIENT_SIDE])


class ASwitchProvesThatItLives(FullnatTest):
    """What the controller sends to its own port comes back as it was, with its gate open or shut; nothing counts
    it, and no meter has a word in it."""

    def runTest(self) -> None:
        compiled = program.load()
        proof = Schema(compiled.p4info, compiled.sizes).packets.returning(CPU_PORTS[V1MODEL])
        assert proof is not None
        gate = [Entry("port", {"port": port}, "port_set", {"mac": mac(PORT_MAC[port])}) for port in PORT_MAC]
        self._comes_back(proof)
        self.delete(*gate)
        self._comes_back(proof)
        self.insert(*gate)
        self.exchange()

    def _comes_back(self, proof: Forward) -> None:
        metadata = {"request": PacketOutAction.FORWARD, "flags": 0, "port": proof.port, "session_id": 0}
        self.client.packet_out(metadata, proof.frame)
        came = self.client.packet_in(time.monotonic() + PATIENCE)
        assert came is not None, "nothing comes back"
        header = sum(description.bitwidth for description in self.client.schema.packet_metadata["packet_in"].values())
        self._equal(dict.fromkeys(came.metadata, RETURNED), dict(came.metadata), "metadata of the packet-in")
        self._equal(proof.frame[header // 8 :], came.payload, "what came back")
