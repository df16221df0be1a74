"""Services of all ports of an address and by match: what they punt, and sessions that keep the port."""

from __future__ import annotations

from dataclasses import replace

from ptf_tests import topology
from ptf_tests.base import FullnatTest, Punt, over_ipv6_too, requires
from ptf_tests.packets import Tcp, Udp
from ptf_tests.sessions import AnyPortSession, Session, ends
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE, match


@requires("service-match")
class MatchTest(FullnatTest):
    """Whatever the entries of a test say of a client's SYN."""

    def syn(self, vport: int = 80, **fields: object) -> Tcp:
        return Session(id=0, vport=vport, **ends(self.network)).from_client(flags="S", **fields)

    def punted(self, packet: Tcp | Udp, flags: int, reason: str = "SERVICE_SYN", port: int = CLIENT_SIDE) -> None:
        self.exchange((port, packet), punted=[Punt(reason, packet, port=port, service_flags=flags)])


@over_ipv6_too
class AllPortsOfAnAddressAreServed(MatchTest):
    """TCP alone; a service of one port comes first."""

    def runTest(self) -> None:
        vip = self.network.vip
        self.insert(topology.service(vip, flags=16), match(vip, flags=32))
        for vport in (1, 79, 81, 65535):
            self.punted(self.syn(vport), 32)
        self.punted(self.syn(80), 16)
        self.drop(CLIENT_SIDE, self.syn(81).replace(flags="A"), "NO_SESSION")
        self.drop(CLIENT_SIDE, Udp(**Session(id=0, **ends(self.network)).client_sends), "NO_SERVICE")


@over_ipv6_too
class DatagramsAreServedLikewise(MatchTest):
    """By a rule of UDP."""

    def runTest(self) -> None:
        self.insert(match(self.network.vip, ports=(5060, 5061), protocol=17, flags=8))
        for vport in (5060, 5061):
            packet = Udp(**Session(id=0, vport=vport, **ends(self.network)).client_sends)
            self.punted(packet, 8, "SERVICE_DATAGRAM")
        self.drop(CLIENT_SIDE, Udp(**Session(id=0, vport=5062, **ends(self.network)).client_sends), "NO_SERVICE")


@over_ipv6_too
class RangesOfPortsHaveBothEnds(MatchTest):
    """Of the destination and of the source."""

    def runTest(self) -> None:
        vip = self.network.vip
        self.insert(match(vip, ports=(100, 200), flags=32), match(vip, source_ports=(7, 9), flags=8))
        for vport, flags in ((100, 32), (150, 32), (200, 32)):
            self.punted(self.syn(vport), flags)
        for sport in (7, 9):
            self.punted(self.syn(80, sport=sport), 8)
        for packet in (self.syn(99), self.syn(201), self.syn(80, sport=6), self.syn(80, sport=10)):
            self.drop(CLIENT_SIDE, packet, "NO_SERVICE")


@over_ipv6_too
class TheClientsPrefixAndInterfaceCount(MatchTest):
    """A client of another prefix is of another service, or of none."""

    def runTest(self) -> None:
        client, vip = self.network.client, self.network.vip
        bits = 128 if ":" in client else 32
        self.insert(match(vip, source=(client, bits), port=SERVER_SIDE, flags=32))
        self.drop(CLIENT_SIDE, self.syn(), "NO_SERVICE")
        self.insert(match(vip, source=(client, bits - 4), priority=2, flags=8))
        self.punted(self.syn(), 8)
        self.drop(CLIENT_SIDE, self.syn(src=self.network.silent_host), "NO_SERVICE")
        from_there = self.syn(eth_dst=topology.PORT_MAC[SERVER_SIDE])
        self.punted(from_there, 8, port=SERVER_SIDE)


@over_ipv6_too
class TheHighestPriorityCounts(MatchTest):
    """Whatever order entries came in; when it is gone the next one counts."""

    def runTest(self) -> None:
        vip = self.network.vip
        bits = 120 if ":" in vip else 24
        wide, best, least = (
            match(vip, bits=bits, priority=2, flags=16),
            match(vip, ports=(80, 90), priority=3, flags=32),
            match(vip, priority=1, flags=8),
        )
        self.insert(least, best, wide)
        self.punted(self.syn(85), 32)
        self.punted(self.syn(91), 16)
        self.delete(best)
        self.punted(self.syn(85), 16)
        self.delete(wide)
        self.punted(self.syn(85), 8)


@over_ipv6_too
class OnlyVirtualAddressesAreServed(MatchTest):
    """A prefix that has our other addresses, and others', serves none of these."""

    def runTest(self) -> None:
        self.insert(match(self.network.vip, bits=0, flags=32))
        self.drop(CLIENT_SIDE, self.syn(dst=self.network.local), "NO_SESSION")
        self.punted(self.syn(), 32)


@over_ipv6_too
class SessionsOfOneServerKeepTheirPorts(MatchTest):
    """Two sessions of one server id, to two ports: the server gets either port, and its answers come from there."""

    def runTest(self) -> None:
        for number, vport in enumerate((21, 50000)):
            session = AnyPortSession(
                id=self.harness.session_id(),
                vport=vport,
                server_port=vport,
                local_port=5000 + number,
                client_port=40000 + number,
                flags=0,
                **ends(self.network),
            )
            self.insert(*(session.server_entries if not number else ()), *session.entries)
            sent = session.from_client(flags="PA", seq=7, ack=9, payload=b"PASV")
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, session.to_server(sent))])
            answer = session.from_server(flags="PA", seq=9, ack=11, payload=b"227")
            self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, session.to_client(answer))])
            other = replace(session, vport=vport + 1).from_client(seq=7)
            self.drop(CLIENT_SIDE, other, "NO_SERVICE")
