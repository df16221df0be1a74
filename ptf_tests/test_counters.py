"""Counters: of sessions and servers, packets and bytes, and what does not count."""

import dataclasses

from fullnat.p4constants import DropReason

from ptf_tests import topology
from ptf_tests.base import PacketOut, over_ipv6_too, requires
from ptf_tests.p4rt import Entry
from ptf_tests.packets import Tcp
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


class _CountedSession(SessionTest):
    def require_hits(self, entry: Entry, *segments: Tcp) -> None:
        """Just these hit ``entry``; a target that counts no bytes of sessions tells 0."""
        octets = sum(len(bytes(segment)) for segment in segments) if self.can("session-bytes") else 0
        assert self.client.direct_counter(entry) == (len(segments), octets)


@over_ipv6_too
class SessionsCountEachDirection(_CountedSession):
    """Each entry of a session counts the packets that hit it and their bytes as received, Ethernet header included."""

    def runTest(self) -> None:
        inbound, outbound = self.session.inbound, self.session.outbound
        self.require_hits(inbound)
        self.require_hits(outbound)
        sent = [self.session.from_client(seq=1, ack=5, payload=bytes(n)) for n in (0, 1, 1000)]
        for segment in sent:
            self.inward(segment)
        answer = self.session.from_server(seq=5, ack=1, payload=bytes(self.network.segment))
        self.outward(answer)
        self.require_hits(inbound, *sent)
        self.require_hits(outbound, answer)


@over_ipv6_too
class SessionCountsWhatIsDroppedLater(_CountedSession):
    """A hit is a hit, even if the TTL ends here."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1, ttl=1)
        self.ends(CLIENT_SIDE, segment, self.network.expired, self.session.to_its_server, self.session.id)
        self.require_hits(self.session.inbound, segment)


@over_ipv6_too
@requires("validated-hits")
class MalformedSegmentsAreNoHits(_CountedSession):
    """What is dropped as malformed is not looked up."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1)
        self.drop(CLIENT_SIDE, segment.replace(data_offset=4), "TCP_HEADER")
        if self.network is topology.IPV4:
            self.drop(CLIENT_SIDE, segment.replace(ip_checksum=1), "IPV4_CHECKSUM")
        self.require_hits(self.session.inbound)


@over_ipv6_too
class InjectedPacketCounts(SessionTest):
    """An injected SYN counts as one packet of the session."""

    def runTest(self) -> None:
        self.inject(self.session.from_client(flags="S", seq=1), toa="OK", options=self.session.toa)
        packets, _ = self.client.direct_counter(self.session.inbound)
        assert packets == 1


@over_ipv6_too
class ServersCountWhatIsForwarded(SessionTest):
    """Per real server: packets and bytes as received, of what left towards it and came from it; drops do not count."""

    def runTest(self) -> None:
        before = self._read()
        request = self.session.from_client(seq=1, ack=5, payload=b"request")
        response = self.session.from_server(seq=5, ack=8, payload=bytes(1000))
        self.inward(request)
        for _ in range(2):
            self.outward(response)
        self.ends(
            CLIENT_SIDE, request.replace(ttl=1), self.network.expired, self.session.to_its_server, self.session.id
        )
        longer = response.replace(payload=bytes(self.network.segment + 1))
        self.ends(SERVER_SIDE, longer, "MTU", self.session.to_its_client, self.session.id)
        self.exchange(PacketOut("RESET", self.session.from_client(flags="R")), drops={"RESET_UNKNOWN": 1})
        self._require(before, "server_in_ctr", request)
        self._require(before, "server_out_ctr", response, response)

    def _read(self) -> dict[tuple[str, int], tuple[int, int]]:
        servers = (self.session.server_id, self.session.server_id + 1)
        return self.client.counters((name, i) for name in ("server_in_ctr", "server_out_ctr") for i in servers)

    def _require(self, before: dict[tuple[str, int], tuple[int, int]], counter: str, *counted: Tcp) -> None:
        after, server = self._read(), self.session.server_id
        packets, octets = before[counter, server]
        expected = (packets + len(counted), octets + sum(len(bytes(segment)) for segment in counted))
        assert after[counter, server] == expected
        assert after[counter, server + 1] == before[counter, server + 1]


@over_ipv6_too
class ServersCanBeginAtZero(SessionTest):
    """The controller clears the counters of an id that it gives to another server; those of its neighbors stay."""

    def runTest(self) -> None:
        server = self.session.server_id
        self.inward(self.session.from_client(seq=1, ack=5, payload=b"request"))
        self.outward(self.session.from_server(seq=5, ack=8))
        inward, outward = ("server_in_ctr", server), ("server_out_ctr", server)
        counted = self.client.counters([inward, outward])
        assert all(packets and octets for packets, octets in counted.values())
        self.client.clear_counter(*inward)
        assert self.client.counters([inward, outward]) == {inward: (0, 0), outward: counted[outward]}
        segment = self.session.from_client(seq=8, ack=5)
        self.inward(segment)
        assert self.client.counters([inward]) == {inward: (1, len(bytes(segment)))}


class HighestIdsWork(SessionTest):
    """The highest session id has registers, and the highest server id a counter and entries."""

    def setUp(self) -> None:
        super().setUp()
        self.delete(*self.session.entries)
        schema = self.client.schema
        ids, server_ids = schema.tables["session_in"].size, schema.tables["server_in"].size
        self.session = dataclasses.replace(self.session, id=ids - 1, server_id=server_ids - 1)
        self.insert(*self.session.server_entries, *self.session.entries)

    def runTest(self) -> None:
        self.handshake()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"))
        reset = self.session.from_client(flags="R")
        expected = self.session.to_server(reset, seq=1033, ttl=reset.ttl)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[(SERVER_SIDE, expected)])
        cell = ("server_in_ctr", self.session.server_id)
        before = self.client.counters([cell])[cell]
        segment = self.session.from_client(seq=1)
        self.inward(segment)
        assert self.client.counters([cell])[cell] == (before[0] + 1, before[1] + len(bytes(segment)))


@over_ipv6_too
class DropsCountBytes(SessionTest):
    """A drop counts its bytes as received; an injected packet's with the packet-out header."""

    def runTest(self) -> None:
        cell = ("drop_ctr", DropReason.TCP_FLAGS)
        before = self.client.counters([cell])[cell]
        segment = self.session.from_client(flags="FSA", seq=1, payload=bytes(77))
        self.drop(CLIENT_SIDE, segment, "TCP_FLAGS")
        assert self.client.counters([cell])[cell] == (before[0] + 1, before[1] + len(bytes(segment)))
        self.exchange(PacketOut("INJECT", segment, port=CLIENT_SIDE), drops={"TCP_FLAGS": 1})
        header = self.client.schema.packet_metadata["packet_out"].values()
        length = 2 * len(bytes(segment)) + sum(field.bitwidth for field in header) // 8
        assert self.client.counters([cell])[cell] == (before[0] + 2, before[1] + length)


@over_ipv6_too
class ReplacedEntryTakesEffectAtOnce(SessionTest):
    """MODIFY of a session's entry changes the rewrite of the next packet and keeps the count."""

    def runTest(self) -> None:
        segment = self.session.from_client(seq=1)
        self.inward(segment)
        self.session = dataclasses.replace(self.session, delta=0x12345678, local_port=6000)
        self.client.modify(self.session.inbound)
        self.inward(segment)
        packets, _ = self.client.direct_counter(self.session.inbound)
        assert packets == 2
