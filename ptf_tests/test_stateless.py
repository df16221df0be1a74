"""Services without sessions: each flow's hash leads to a bucket, and that to a real server."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from fullnat.core.declared.modes import Mode
from fullnat.p4constants import OF_SERVER

from ptf_tests import topology
from ptf_tests.base import FullnatTest, Punt, over_ipv6_too, requires
from ptf_tests.icmp import ICMP_KINDS, ICMPV6_KINDS, IcmpError, quote
from ptf_tests.p4rt import Entry
from ptf_tests.packets import Tcp, Udp, address
from ptf_tests.sessions import DirectSession, Tunnelled, direct_ends
from ptf_tests.test_fragments import pieces
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE, suffix

GROUP, BUCKETS = 0xFFF0, 16
PROTO_TCP, PROTO_UDP = 6, 17
FLOWS = 40


def flow_hash(protocol: int, src: str, sport: int, dst: str, dport: int) -> int:
    """CRC-32 of what is matched of a flow, as it is on the wire."""
    ends = (address(end).to_bytes(16 if ":" in end else 4, "big") for end in (src, dst))
    ports = (port.to_bytes(2, "big") for port in (sport, dport))
    return zlib.crc32(b"".join((bytes([protocol]), *ends, *ports)))


class StatelessTest(FullnatTest):
    """Half of the buckets lead to one server, half to another one, both next door."""

    required: tuple[str, ...] = ("stateless",)
    protocol = PROTO_TCP

    def setUp(self) -> None:
        super().setUp()
        vip = self.network.vip
        self.servers = {self.network.server: 30001, self.network.narrow_server: 30002}
        self.macs = dict(zip(self.servers, (topology.SERVER_MAC, topology.NARROW_SERVER_MAC), strict=True))
        self.insert(*(self.server_entry(at, number) for at, number in self.servers.items()))
        self.insert(*(self.bucket(number, self.servers[self.owner(number)]) for number in range(BUCKETS)))
        key = {"protocol": self.protocol, "vip": address(vip), "vport": topology.VPORT}
        params = {"flags": 0, "group": GROUP, "mask": BUCKETS - 1}
        self.insert(Entry(f"virtual_service{suffix(vip)}", key, "service_stateless", params))

    def server_entry(self, at: str, number: int) -> Entry:
        to = {"flags": Mode.DR.session_flags(0), "address": address(at)}
        return Entry("server_in", {"server_id": number}, f"to_server_direct{suffix(at)}", to)

    def bucket(self, number: int, server_id: int) -> Entry:
        return Entry("bucket", {"group": GROUP, "bucket": number}, "bucket_server", {"server_id": server_id})

    def owner(self, bucket: int) -> str:
        """The address of the bucket's server."""
        return (self.network.server, self.network.narrow_server)[bucket >> 1 & 1]

    def server_of(self, sent: Tcp | Udp) -> str:
        hashed = flow_hash(self.protocol, sent.src, sent.sport, sent.dst, sent.dport)
        return self.owner(hashed % BUCKETS)

    def from_client(self, port: int) -> dict[str, Any]:
        macs = {"eth_dst": PORT_MAC[CLIENT_SIDE], "eth_src": topology.CLIENT_MAC}
        return {**macs, "src": self.network.client, "dst": self.network.vip, "sport": port, "dport": topology.VPORT}

    def segment(self, port: int, **fields: Any) -> Tcp:
        return Tcp(**self.from_client(port)).replace(**fields)

    def as_it_leaves(self, sent: Any, server: str) -> Any:
        return sent.replace(eth_dst=self.macs[server], eth_src=PORT_MAC[SERVER_SIDE], ttl=sent.ttl - 1)

    def passes(self, sent: Any, server: str | None = None) -> str:
        """It leaves to the server of its hash; returns which."""
        server = server or self.server_of(sent)
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, self.as_it_leaves(sent, server))])
        return server

    def port_to(self, server: str) -> int:
        return next(port for port in range(41000, 42000) if self.server_of(self.segment(port)) == server)


@over_ipv6_too
class FlowsGoWhereTheirHashSays(StatelessTest):
    """All segments of a flow, the first as the last, go to one server unchanged but for the frame, and nobody is asked;
    both servers have flows, and their packets are counted."""

    def runTest(self) -> None:
        before = self.packets()
        went = [
            self.passes(self.segment(port, flags=flags, seq=1, ack=2, payload=b"x" * (flags == "PA")))
            for port in range(40000, 40000 + FLOWS)
            for flags in ("S", "A", "PA", "FA", "R")
        ]
        assert set(went) == set(self.servers)
        told = {server: went.count(server) for server in self.servers}
        assert {server: count - before[server] for server, count in self.packets().items()} == told

    def packets(self) -> dict[str, int]:
        cells = {server: ("server_in_ctr", number) for server, number in self.servers.items()}
        counted = self.client.counters(list(cells.values()))
        return {server: counted[cell][0] for server, cell in cells.items()}


@over_ipv6_too
class DatagramsGoWhereTheirHashSays(StatelessTest):
    """UDP alike."""

    protocol = PROTO_UDP

    def runTest(self) -> None:
        went = {self.passes(Udp(**self.from_client(port), payload=b"question")) for port in range(40000, 40000 + FLOWS)}
        assert went == set(self.servers)


@over_ipv6_too
class OneBucketMovesAlone(StatelessTest):
    """A bucket that gets another server takes its flows there with the next packet, and no others."""

    def runTest(self) -> None:
        ports = range(40000, 40000 + FLOWS)
        before = {port: self.passes(self.segment(port)) for port in ports}
        moved = flow_hash(PROTO_TCP, self.network.client, ports[0], self.network.vip, topology.VPORT) % BUCKETS
        other = next(server for server in self.servers if server != before[ports[0]])
        self.client.modify(self.bucket(moved, self.servers[other]))
        for port in ports:
            hashed = flow_hash(PROTO_TCP, self.network.client, port, self.network.vip, topology.VPORT) % BUCKETS
            self.passes(self.segment(port), other if hashed == moved else before[port])


@over_ipv6_too
class BucketsWithoutServerDrop(StatelessTest):
    """A service that has no server takes nothing, and the controller is not asked."""

    def runTest(self) -> None:
        port = self.port_to(self.network.server)
        number = flow_hash(PROTO_TCP, self.network.client, port, self.network.vip, topology.VPORT) % BUCKETS
        self.delete(self.bucket(number, self.servers[self.network.server]))
        self.drop(CLIENT_SIDE, self.segment(port, flags="S"), "NO_BUCKET")


@over_ipv6_too
class FaultySegmentsOfNoSessionAreDropped(StatelessTest):
    """What no session would take, no server gets."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, self.segment(40000, flags="SF"), "TCP_FLAGS")
        elsewhere = self.segment(40000).replace(eth_dst="02:00:00:00:99:99")
        self.drop(CLIENT_SIDE, elsewhere, "NOT_FOR_US")


@over_ipv6_too
class SessionsOfBeforeGoOn(StatelessTest):
    """Of a service that had sessions once: they come first."""

    def runTest(self) -> None:
        port = self.port_to(self.network.narrow_server)
        session = DirectSession(id=self.harness.session_id(), **direct_ends(self.network))
        session = replace(session, client_port=port, local_port=port)
        self.insert(*session.server_entries, *session.entries)
        self.passes(self.segment(port, seq=5, ack=6), self.network.server)


@over_ipv6_too
class ErrorsFollowTheirFlow(StatelessTest):
    """A router's error about what a server has sent to a client reaches that server."""

    required = ("stateless", "icmp-errors")

    def runTest(self) -> None:
        six = self.network is topology.IPV6
        router = "2001:db8:1::50" if six else "203.0.113.50"
        kinds = ICMPV6_KINDS if six else ICMP_KINDS
        for port in range(40000, 40000 + FLOWS // 4):
            server = self.server_of(self.segment(port))
            ends: dict[str, Any] = {
                "src": self.network.vip,
                "dst": self.network.client,
                "sport": topology.VPORT,
                "dport": port,
            }
            answer = Tcp(eth_dst=PORT_MAC[1], eth_src=PORT_MAC[1], **ends, seq=7, ack=8, payload=bytes(100))
            macs: dict[str, Any] = {"eth_dst": PORT_MAC[CLIENT_SIDE], "eth_src": topology.CLIENT_MAC}
            for kind in (kinds.too_big, kinds.time_exceeded):
                error = IcmpError(**macs, src=router, dst=self.network.vip, kind=kind, mtu=1400, quote=quote(answer))
                self.passes(error, server)


class FragmentsFollowTheirFlow(StatelessTest):
    """Those behind the first go where it went."""

    required = ("stateless", "fragments")
    protocol = PROTO_UDP

    def runTest(self) -> None:
        for port in range(40000, 40000 + FLOWS // 4):
            sent = Udp(**self.from_client(port), payload=bytes(1200), ip_id=port)
            leaves = self.as_it_leaves(sent, self.server_of(sent))
            for part, expected in zip(pieces(sent, 400), pieces(leaves, 400), strict=True):
                self.exchange((CLIENT_SIDE, part), out=[(SERVER_SIDE, expected)])


class FlowsGoThroughTunnels(StatelessTest):
    """To servers that are anywhere."""

    required = ("stateless", "tunnels")

    def server_entry(self, at: str, number: int) -> Entry:
        ends = {"address": address(at), "source": address(topology.INTERFACE[SERVER_SIDE])}
        return Entry("server_in", {"server_id": number}, "to_server_tunnel", {"flags": 0, **ends})

    def runTest(self) -> None:
        for port in range(40000, 40000 + FLOWS // 4):
            sent = self.segment(port, flags="S")
            server = self.server_of(sent)
            out = Tunnelled(self.as_it_leaves(sent, server), topology.INTERFACE[SERVER_SIDE], server)
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, out)])


@requires("tells-senders")
class TheControllerLearnsWhichServer(StatelessTest):
    """What does not fit the way to the server goes up with the server's id, for its sender to be told."""

    def runTest(self) -> None:
        server = self.network.narrow_server
        sent = self.segment(self.port_to(server), payload=bytes(700), ip_flags=2)
        punted = sent.replace(eth_dst=self.macs[server], eth_src=PORT_MAC[SERVER_SIDE])
        number = OF_SERVER | self.servers[server]
        self.exchange((CLIENT_SIDE, sent), punted=[Punt("TOO_BIG", punted, session_id=number)])


@over_ipv6_too
class UnknownNeighborsAreAskedFor(StatelessTest):
    """A packet for a server whose link-layer address is not known goes up with the server's id."""

    def runTest(self) -> None:
        port = self.port_to(self.network.server)
        number = self.servers[self.network.server]
        self.client.modify(self.server_entry(self.network.silent_server, number))
        self.addCleanup(self.client.modify, self.server_entry(self.network.server, number))
        sent = self.segment(port, flags="S")
        self.exchange((CLIENT_SIDE, sent), punted=[Punt("NO_NEIGHBOR", sent, session_id=OF_SERVER | number)])
