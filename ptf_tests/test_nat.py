"""NAT (masquerading): the destination alone changes towards the server, and the client's numbers and options stay."""

from fullnat.core.declared.modes import Mode

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, over_ipv6_too
from ptf_tests.packets import NOP, SACK_PERMITTED, WINDOW_SCALE, mss, sack, timestamps, toa
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

FLAGS = Mode.NAT.session_flags(0)
SYN_OPTIONS = mss(1460) + SACK_PERMITTED + timestamps() + NOP + WINDOW_SCALE


class NatTest(SessionTest):
    """A session in NAT is installed: its local endpoint is the client's."""

    local = "client"
    local_port = 40000
    delta = 0
    flags = FLAGS


@over_ipv6_too
class NatReplacesTheDestinationAlone(NatTest):
    """The client's address, port, numbers and options reach the server as they are; answers come from the VIP."""

    def runTest(self) -> None:
        self.handshake(client_isn=0xFFFFFFF0, server_isn=9000)
        data = self.session.from_client(seq=0xFFFFFFF1, ack=9001, options=NOP * 2 + timestamps(5, 6), payload=b"GET")
        self.inward(data)
        answer = self.session.from_server(
            seq=9001,
            ack=0xFFFFFFF4,
            options=NOP * 2 + timestamps(7, 5) + NOP * 2 + sack((0xFFFFFFF4, 3)),
            payload=b"200",
        )
        self.outward(answer)


@over_ipv6_too
class NatSynKeepsItsOptions(NatTest):
    """Neither timestamps nor the MSS are touched, in either direction, and there is no TOA, counted or sent."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000, options=SYN_OPTIONS)
        self.inject(syn, new_session=True)
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1001, options=SYN_OPTIONS))


@over_ipv6_too
class NatRemovesForgedToa(NatTest):
    """A server of several modes believes TOA; what a client claims there is removed in this one as well."""

    def runTest(self) -> None:
        forged = self.session.from_client(flags="S", seq=1000, options=toa("192.0.2.66", 666) + mss(1460))
        self.inject(forged, new_session=True, options=NOP * 8 + mss(1460))


@over_ipv6_too
class NatSegmentOfFullSizePasses(NatTest):
    """Nothing is added, so that segments of the path's MTU fit."""

    def runTest(self) -> None:
        self.handshake()
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=bytes(self.network.segment)))


@over_ipv6_too
class NatKeepsPaceWithBothEnds(NatTest):
    """The switch tells of a session in NAT what it tells of any other."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.inward(self.session.from_client(seq=1001, ack=9001))
        self.outward(self.session.from_server(flags="FA", seq=9001, ack=1001))
        self.inward(self.session.from_client(flags="FA", seq=1001, ack=9002))
        self.outward(self.session.from_server(seq=9002, ack=1002))
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"), *self.both_fins("OUT", "IN"))


@over_ipv6_too
class NatResetHasTheNumbersThatEachSideExpects(NatTest):
    """The controller's RST is numbered by what its receiver acknowledged last, and translated like any packet."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"GET"))
        self.outward(self.session.from_server(seq=9001, ack=1004, payload=b"200"))
        self.inward(self.session.from_client(seq=1004, ack=9004))
        for sent, port, expected in (
            (self.session.from_client(flags="R", ack=0), SERVER_SIDE, self.session.to_server),
            (self.session.from_server(flags="R", ack=0), CLIENT_SIDE, self.session.to_client),
        ):
            seq = 1004 if port == SERVER_SIDE else 9004
            reset = PacketOut("RESET", sent, session_id=self.session.id)
            self.exchange(reset, out=[(port, expected(sent, seq=seq, ttl=sent.ttl))])


class NatAndFullnatServersOfOneService(FullnatTest):
    """Two sessions of one service, one in each mode, side by side."""

    def runTest(self) -> None:
        fullnat = Session(id=self.harness.session_id(), client_port=40001)
        nat = Session(
            id=self.harness.session_id(),
            server_id=fullnat.server_id + 1,
            server=topology.NARROW_SERVER,
            server_mac=topology.NARROW_SERVER_MAC,
            local=topology.CLIENT,
            local_port=40000,
            delta=0,
            flags=FLAGS,
        )
        self.insert(topology.service())
        for session in (fullnat, nat):
            self.insert(*session.server_entries, *session.entries)
        for session in (fullnat, nat, fullnat):
            sent = session.from_client(seq=1, ack=5, payload=b"in")
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, session.to_server(sent))])
            answer = session.from_server(seq=5, ack=3, payload=b"out")
            self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, session.to_client(answer))])


@over_ipv6_too
class WhatANatServerSendsOutsideOfSessionsIsRouted(NatTest):
    """From another port it is no answer: it goes to the client as it is."""

    def runTest(self) -> None:
        other = self.session.from_server(sport=8081)
        routed = other.replace(eth_dst=topology.CLIENT_MAC, eth_src=topology.PORT_MAC[CLIENT_SIDE], ttl=other.ttl - 1)
        self.exchange((SERVER_SIDE, other), out=[(CLIENT_SIDE, routed)])


@over_ipv6_too
class NatSynOnASessionIsPunted(NatTest):
    """Whether it is a retransmission the controller alone knows, in every mode."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id)])
