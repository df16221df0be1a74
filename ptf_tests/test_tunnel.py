"""TUNNEL: the client's packet reaches the server in an outer header (RFC 2003), and is answered past the switch."""

from typing import Any, SupportsBytes, TypeVar

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, also, requires
from ptf_tests.packets import NOP, SACK_PERMITTED, WINDOW_SCALE, Tcp, mss, timestamps, toa
from ptf_tests.sessions import Session, SessionTest, TunnelSession, direct_ends
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

SYN_OPTIONS = mss(1460) + SACK_PERMITTED + timestamps() + NOP + WINDOW_SCALE
_Class = TypeVar("_Class", bound="type[TunnelTest]")


def in_every_outer_header(cls: _Class) -> _Class:
    """Add the same test with either family inside and outside."""
    also(cls, "OverIpv6", "IPv6 in IPv4.", network=topology.IPV6)
    also(cls, "InIpv6", "IPv4 in IPv6.", outer=topology.IPV6)
    also(cls, "OverIpv6InIpv6", "IPv6 in IPv6.", network=topology.IPV6, outer=topology.IPV6)
    also(cls, "ByGue", "With UDP between the headers.", gue=True)
    also(cls, "OverIpv6ByGue", "IPv6, with UDP between the headers.", network=topology.IPV6, gue=True)
    also(cls, "ByGueInIpv6", "IPv4 in IPv6, with UDP between the headers.", outer=topology.IPV6, gue=True)
    both = {"network": topology.IPV6, "outer": topology.IPV6}
    return also(cls, "OverIpv6ByGueInIpv6", "IPv6 in IPv6, with UDP between the headers.", gue=True, **both)


class TunnelTest(SessionTest):
    """A session in TUNNEL is installed."""

    next_door = "server"
    server_mac = topology.SERVER_MAC
    outer = topology.IPV4
    gue = False

    def new_session(self) -> Session:
        ends = direct_ends(self.network, self.next_door)
        ends["next_door"] = getattr(self.outer, self.next_door)
        source = self.outer.interface[SERVER_SIDE]
        return TunnelSession(
            id=self.harness.session_id(), server_mac=self.server_mac, outer_src=source, gue=self.gue, **ends
        )

    def leaves(self, sent: Tcp, **changes: Any) -> tuple[int, SupportsBytes]:
        """``sent`` by the client, as it leaves towards the server."""
        assert isinstance(self.session, TunnelSession)
        return SERVER_SIDE, self.session.through(self.session.to_server(sent, **changes))

    def tunnelled(self, sent: Tcp) -> None:
        self.exchange((CLIENT_SIDE, sent), out=[self.leaves(sent)])


@in_every_outer_header
@requires("tunnels")
class TunnelAddsAnOuterHeader(TunnelTest):
    """From the interface's address to the server's; the packet in it is the client's own, with a lower TTL."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000, options=SYN_OPTIONS)
        self.exchange(PacketOut("INJECT", syn, port=CLIENT_SIDE, new_session=True), out=[self.leaves(syn)])
        self.tunnelled(self.session.from_client(seq=1001, ack=9001))
        self.tunnelled(self.session.from_client(seq=1001, ack=9001, payload=b"odd"))


@in_every_outer_header
@requires("tunnels")
class OuterHeaderHasTosIdDfAndTtlOfTheInner(TunnelTest):
    """ECN marks, the don't-fragment bit and the TTL that is left hold in the tunnel as well."""

    def runTest(self) -> None:
        for fields in ({"tos": 0xBB}, {"ip_flags": 0, "ip_id": 0xFFFF}, {"ttl": 2}, {"ttl": 255, "ip_id": 0}):
            with self.subTest(**fields):
                self.tunnelled(self.session.from_client(seq=1001, ack=9001, payload=b"x", **fields))


@in_every_outer_header
@requires("tunnels")
class TunnelRemovesForgedToa(TunnelTest):
    """As in every mode."""

    def runTest(self) -> None:
        forged = self.session.from_client(flags="S", seq=1000, options=toa("192.0.2.66", 666) + mss(1460))
        self.exchange(
            PacketOut("INJECT", forged, port=CLIENT_SIDE, new_session=True),
            out=[self.leaves(forged, options=NOP * 8 + mss(1460))],
        )


@in_every_outer_header
@requires("tunnels")
class WhatTheTunnelHasNoRoomForIsNotSent(TunnelTest):
    """The outer header counts: 20 or 40 bytes less than the link's MTU pass, one more does not. The controller is to
    tell the client; a segment that might be fragmented is dropped, and counted by name, and so is what comes too often.
    """

    next_door = "narrow_server"
    server_mac = topology.NARROW_SERVER_MAC

    def runTest(self) -> None:
        room = self.outer.narrow_mtu - self.outer.header_bytes - (8 if self.gue else 0) - self.network.headers
        self.tunnelled(self.session.from_client(seq=1001, ack=9001, payload=bytes(room)))
        longer = self.session.from_client(seq=1001, ack=9001, payload=bytes(room + 1))
        if self.network is topology.IPV4:
            self.drop(CLIENT_SIDE, longer.replace(ip_flags=0), "TUNNEL_MTU")
        # The MAC addresses are those of the next hop that it does not go to.
        punted = longer.replace(eth_dst=self.server_mac, eth_src=topology.PORT_MAC[SERVER_SIDE])
        punt = Punt("TOO_BIG", punted, session_id=self.session.id)
        self.exchange((CLIENT_SIDE, longer), punted=[punt])

        def too_often() -> None:
            self.meter_punts("TOO_BIG", 1)
            self.exchange(*[(CLIENT_SIDE, longer)] * 2, punted=[punt], drops={"PUNT_METER": 1})

        self.within_a_second(too_often)


@in_every_outer_header
@requires("tunnels")
class DamagedSegmentsStayDamagedInATunnel(TunnelTest):
    """The outer header is new, and nothing else is summed afresh."""

    def runTest(self) -> None:
        self.tunnelled(self.session.from_client(seq=1001, ack=9001, payload=b"x", checksum=0x1234))


@in_every_outer_header
@requires("tunnels")
class TunnelledToAServerWithoutNeighborIsPunted(TunnelTest):
    """The controller gets the packet with its outer header, so that it has only to send it on."""

    next_door = "silent_server"

    def runTest(self) -> None:
        sent = self.session.from_client(seq=1001, ack=9001, payload=b"x")
        assert isinstance(self.session, TunnelSession)
        punt = Punt("NO_NEIGHBOR", self.session.through(sent), session_id=self.session.id)
        self.exchange((CLIENT_SIDE, sent), punted=[punt])


@in_every_outer_header
@requires("tunnels")
@requires("judged-segments")
class ResetsOfATunnelledSession(TunnelTest):
    """The server's takes the tunnel, the client's does not."""

    def runTest(self) -> None:
        sent = self.session.from_client(seq=1001, ack=9001)
        self.tunnelled(sent)
        self.expect_events(self.session.id, ("IN", "SYN_ACK|ESTABLISHED"))
        reset = self.session.from_client(flags="R", ack=0)
        to_server = self.leaves(reset, seq=1001, ttl=reset.ttl)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[to_server])
        reset = self.session.from_server(flags="R", ack=0)
        to_client = CLIENT_SIDE, self.session.to_client(reset, seq=9001, ttl=reset.ttl)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[to_client])


@in_every_outer_header
class TunnelThatTheTargetHasNotIsDropped(TunnelTest):
    """By name, where there is no room for an outer header."""

    def runTest(self) -> None:
        if self.can("tunnels"):
            self.skipTest("the target has tunnels")
        self.drop(CLIENT_SIDE, self.session.from_client(seq=1001, ack=9001), "TUNNEL")
