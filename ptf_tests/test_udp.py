"""UDP: datagrams are translated both ways, open sessions, and keep what was wrong with them."""

from __future__ import annotations

import time
from typing import Any

from fullnat.p4constants import Direction, SessionEvent

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.packets import Tcp, Udp
from ptf_tests.sessions import DirectSession, Session, Tunnelled, TunnelSession, direct_ends, ends
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE, UPLINK

PROTO_UDP = 17
OUTER_BYTES, HEADERS = 20, 28


class UdpTest(FullnatTest):
    """A service and one session of UDP are installed; ``inward`` and ``outward`` exchange one datagram of it."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.new_session()
        self.insert(
            topology.service(self.network.vip, protocol=PROTO_UDP), *self.session.server_entries, *self.session.entries
        )

    def new_session(self) -> Session:
        return Session(id=self.harness.session_id(), protocol=PROTO_UDP, delta=0, **ends(self.network))

    @property
    def sound(self) -> tuple[int | None, ...]:
        """Checksums that are none or right; over IPv6 none is wrong (RFC 8200 8.1)."""
        return (None,) if self.network is topology.IPV6 else (None, 0)

    def from_client(self, **fields: Any) -> Udp:
        return Udp(**self.session.client_sends).replace(**fields)

    def from_server(self, **fields: Any) -> Udp:
        return Udp(**self.session.server_sends).replace(**fields)

    def to_server(self, sent: Udp, **changes: Any) -> Udp:
        return sent.replace(**self.session.server_gets, ttl=sent.ttl - 1).replace(**changes)

    def to_client(self, sent: Udp, **changes: Any) -> Udp:
        return sent.replace(**self.session.client_gets, ttl=sent.ttl - 1).replace(**changes)

    def inward(self, sent: Udp, **changes: Any) -> None:
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, self.to_server(sent, **changes))])

    def outward(self, sent: Udp, **changes: Any) -> None:
        self.exchange((SERVER_SIDE, sent), out=[(CLIENT_SIDE, self.to_client(sent, **changes))])


@over_ipv6_too
class DatagramsAreTranslatedBothWays(UdpTest):
    """Addresses and ports, with every checksum right, whatever the length; there is no TOA in UDP."""

    def runTest(self) -> None:
        for size in (0, 1, 2, 3, 100, 511, self.network.datagram):
            with self.subTest(size=size):
                self.inward(self.from_client(payload=b"q" * size))
                self.outward(self.from_server(payload=b"a" * size))


@over_ipv6_too
class DatagramsByNatKeepTheClient(UdpTest):
    """The server sees the client, and its answers come back this way."""

    def new_session(self) -> Session:
        number = self.harness.session_id()
        addresses = ends(self.network, local="client")
        return Session(id=number, protocol=PROTO_UDP, delta=0, flags=0, local_port=40000, **addresses)

    def runTest(self) -> None:
        for checksum in self.sound:
            self.inward(self.from_client(payload=b"query", checksum=checksum))
            self.outward(self.from_server(payload=b"answer", checksum=checksum))


@over_ipv6_too
class DatagramsByDirectRoutingKeepAllAddresses(UdpTest):
    """The frame alone changes, and the checksum is as it was."""

    def new_session(self) -> Session:
        return DirectSession(id=self.harness.session_id(), protocol=PROTO_UDP, **direct_ends(self.network))

    def runTest(self) -> None:
        for checksum in (*self.sound, 0x1234):
            self.inward(self.from_client(payload=b"query", checksum=checksum))


@requires("tunnels")
class DatagramsTravelInATunnel(UdpTest):
    """As they are but for the TTL, whatever their checksum; what the outer header makes too long is dropped by name, or
    told where it may not be fragmented."""

    def new_session(self) -> Session:
        return TunnelSession(
            id=self.harness.session_id(),
            protocol=PROTO_UDP,
            next_door=topology.NARROW_SERVER,
            server_mac=topology.NARROW_SERVER_MAC,
        )

    def runTest(self) -> None:
        room = topology.NARROW_MTU - OUTER_BYTES - HEADERS
        for size in (0, 1, room):
            for checksum in (None, 0, 0x1234):
                for fields in ({}, {"tos": 0xBB, "ip_flags": 2}, {"ttl": 2, "ip_id": 0}):
                    sent = self.from_client(payload=bytes(size), checksum=checksum, **fields)
                    self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, self.through(self.to_server(sent)))])
        longer = self.from_client(payload=bytes(room + 1))
        self.drop(CLIENT_SIDE, longer, "TUNNEL_MTU")
        whole = longer.replace(ip_flags=2)
        # The MAC addresses are those of the next hop that it does not go to.
        punted = whole.replace(eth_dst=self.session.server_mac, eth_src=topology.PORT_MAC[SERVER_SIDE])
        self.exchange((CLIENT_SIDE, whole), punted=[Punt("TOO_BIG", punted, session_id=self.session.id)])

    def through(self, inner: Udp) -> Tunnelled:
        assert isinstance(self.session, TunnelSession)
        return self.session.through(inner)


class DatagramsNeedNoChecksum(UdpTest):
    """A checksum of 0, which is none, stays 0."""

    def runTest(self) -> None:
        for size in (0, 1, self.network.datagram):
            self.inward(self.from_client(payload=b"q" * size, checksum=0))
            self.outward(self.from_server(payload=b"a" * size, checksum=0))


@over_ipv6_too
class ChecksumThatComesToZeroIsAllOnes(UdpTest):
    """A checksum that is reckoned to be 0 is sent as 0xffff, and one of 0xffff is changed as any other."""

    def runTest(self) -> None:
        sent = self.from_client(payload=bytes(2))
        left = self.to_server(sent)
        none = sent.replace(payload=left.summed.to_bytes(2, "big"))
        assert self.to_server(none).summed == 0xFFFF
        self.inward(none)
        ones = sent.replace(payload=sent.summed.to_bytes(2, "big"))
        assert ones.summed == 0xFFFF
        self.inward(ones)


@over_ipv6_too
class DamagedDatagramsStayDamaged(UdpTest):
    """A wrong checksum is wrong by the same difference when the datagram leaves."""

    def runTest(self) -> None:
        for payload in (b"", b"damaged", bytes(300)):
            sent, answer = self.from_client(payload=payload), self.from_server(payload=payload)
            for error in (1, 0x100, 0x1234):
                with self.subTest(payload=len(payload), error=error):
                    damaged = sent.replace(checksum=_plus(sent.summed, error))
                    self.inward(damaged, checksum=_plus(self.to_server(sent).summed, error))
                    damaged = answer.replace(checksum=_plus(answer.summed, error))
                    self.outward(damaged, checksum=_plus(self.to_client(answer).summed, error))


def _plus(checksum: int, error: int) -> int:
    """In one's complement, where 0 is never used."""
    total = checksum + error
    return total if total <= 0xFFFF else total - 0xFFFF


@over_ipv6_too
class WhatFollowsADatagramIsCarriedAlong(UdpTest):
    """Bytes behind its length belong to nobody, within the IP packet or behind it, and no checksum covers them."""

    def runTest(self) -> None:
        sent = self.from_client(payload=b"data")
        self.inward(sent.replace(padding=b"\xee" * 9))
        longer = sent.replace(payload=b"data" + b"\xee" * 9, length=12, checksum=sent.summed)
        self.inward(longer, checksum=self.to_server(sent).summed)


@over_ipv6_too
class DatagramsOfWrongLengthAreDropped(UdpTest):
    """A length below that of the header, or beyond the IP packet, and a header that the IP packet has no room for: to a
    service, of a session, and on the way to others."""

    def runTest(self) -> None:
        sent, answer = self.from_client(payload=bytes(20)), self.from_server(payload=bytes(20))
        transit = sent.replace(dst=self.network.far_host)
        for length in (*range(8), 29, 30, 1000, 0xFFFF):
            with self.subTest(length=length):
                for port, datagram in ((CLIENT_SIDE, sent), (SERVER_SIDE, answer), (CLIENT_SIDE, transit)):
                    self.drop(port, datagram.replace(length=length), "UDP_HEADER")
        for missing in (28, 27, 21, 20, 1):
            total_len = self.network.header_bytes + 28 - missing
            with self.subTest(total_len=total_len):
                self.drop(CLIENT_SIDE, sent.replace(total_len=total_len), "UDP_HEADER")


@over_ipv6_too
class DatagramToAServiceIsPunted(UdpTest):
    """Without a session it asks the controller for one, as it came; the flags of the service matter to TCP only."""

    def runTest(self) -> None:
        for payload in (b"", b"query", bytes(self.network.datagram)):
            other = self.from_client(sport=40001, payload=payload)
            self.exchange((CLIENT_SIDE, other), punted=[Punt("SERVICE_DATAGRAM", other)])


@over_ipv6_too
class DatagramOfNoServiceIsDropped(UdpTest):
    """To a port of a VIP that no service of UDP has, to a local address without session, and to an interface."""

    def runTest(self) -> None:
        self.insert(topology.service(self.network.vip, 81))
        for vport in (81, 82):
            self.drop(CLIENT_SIDE, self.from_client(dport=vport), "NO_SERVICE")
        self.drop(SERVER_SIDE, self.from_server(sport=8081), "NO_SESSION")
        self.drop(CLIENT_SIDE, self.from_client(dst=self.network.interface[CLIENT_SIDE]), "PROTOCOL")


@over_ipv6_too
class InjectedDatagramTakesItsSession(UdpTest):
    """What the controller injects leaves as if it had just come; without its session it is dropped, and not punted."""

    def runTest(self) -> None:
        for new_session in (True, False):
            sent = self.from_client(payload=b"first")
            self.exchange(
                PacketOut("INJECT", sent, port=CLIENT_SIDE, new_session=new_session),
                out=[(SERVER_SIDE, self.to_server(sent))],
            )
        other = self.from_client(sport=40001)
        self.exchange(PacketOut("INJECT", other, port=CLIENT_SIDE), drops={"INJECT_MISS": 1})


@over_ipv6_too
class FirstAnswerIsTold(UdpTest):
    """The server's first datagram is an event, once in a session's life; the client's are none."""

    def runTest(self) -> None:
        self.live()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"))
        # A digest that is not yet acknowledged may be held back when it comes again: then it takes another life.
        for _ in range(5):
            self.live()
            told = self.client.digest("session_event_t", time.monotonic() + 1)
            if told is not None:
                break
        assert told is not None, "the session_id's next user is told anew"
        assert told[:3] == (self.session.id, Direction.OUT, SessionEvent.SYN_ACK)

    def live(self) -> None:
        first = self.from_client(payload=b"query")
        self.exchange(
            PacketOut("INJECT", first, port=CLIENT_SIDE, new_session=True),
            out=[(SERVER_SIDE, self.to_server(first))],
        )
        for _ in range(3):
            self.inward(self.from_client(payload=b"query"))
            self.outward(self.from_server(payload=b"answer"))


@over_ipv6_too
class UdpAndTcpOfTheSameAddressesAreApart(UdpTest):
    """Services and sessions are of a protocol: all else being the same, neither takes the other's packets."""

    def runTest(self) -> None:
        segment = Tcp(
            eth_dst=topology.PORT_MAC[CLIENT_SIDE],
            eth_src=topology.CLIENT_MAC,
            src=self.session.client,
            dst=self.session.vip,
            sport=self.session.client_port,
            dport=self.session.vport,
            flags="S",
        )
        self.drop(CLIENT_SIDE, segment, "NO_SERVICE")
        self.insert(topology.service(self.network.vip))
        self.exchange((CLIENT_SIDE, segment), punted=[Punt("SERVICE_SYN", segment)])
        self.inward(self.from_client(payload=b"query"))


@over_ipv6_too
class DatagramsOfASessionEndByTtlAndMtu(UdpTest):
    """As any other packet that is routed."""

    def runTest(self) -> None:
        session = self.session
        self.ends(CLIENT_SIDE, self.from_client(ttl=1), self.network.expired, session.to_its_server, session.id)
        longer = self.from_client(payload=bytes(self.network.datagram + 1))
        if self.network is topology.IPV4:
            self.drop(CLIENT_SIDE, longer, "MTU")
        else:
            self.ends(CLIENT_SIDE, longer, "MTU", session.to_its_server, session.id)


@over_ipv6_too
class DatagramsOfOthersAreRouted(UdpTest):
    """What is for nobody here passes unchanged, ports and checksum, but for the TTL."""

    def runTest(self) -> None:
        for checksum in (None, 0, 0x1234):
            sent = self.from_client(dst=self.network.far_host, payload=b"transit", checksum=checksum)
            macs = {"eth_src": topology.PORT_MAC[UPLINK], "eth_dst": topology.GATEWAY_MAC}
            self.exchange((CLIENT_SIDE, sent), out=[(UPLINK, sent.replace(ttl=63, **macs))])
