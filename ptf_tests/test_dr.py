"""DR (direct routing): the frame alone changes, and the server, which has the VIP itself, answers past the switch."""

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.packets import NOP, SACK_PERMITTED, WINDOW_SCALE, Tcp, mss, timestamps, toa
from ptf_tests.sessions import DirectSession, Session, SessionTest, direct_ends
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

SYN_OPTIONS = mss(1460) + SACK_PERMITTED + timestamps() + NOP + WINDOW_SCALE


class DrTest(SessionTest):
    """A session in DR is installed, and its SYN has been let in."""

    begun = True

    def new_session(self) -> Session:
        return DirectSession(id=self.harness.session_id(), **direct_ends(self.network))

    def setUp(self) -> None:
        super().setUp()
        if self.begun:
            self.inject(self.session.from_client(flags="S", seq=1000), new_session=True)

    def reset_both(self, to_server: int, to_client: int) -> None:
        """The controller's RSTs reach both ends with these numbers."""
        for sent, port, leaves, seq in (
            (self.session.from_client(flags="R", ack=0), SERVER_SIDE, self.session.to_server, to_server),
            (self.session.from_server(flags="R", ack=0), CLIENT_SIDE, self.session.to_client, to_client),
        ):
            reset = PacketOut("RESET", sent, session_id=self.session.id)
            self.exchange(reset, out=[(port, leaves(sent, seq=seq, ttl=sent.ttl))])


@over_ipv6_too
class DrChangesTheFrameAlone(DrTest):
    """Addresses, ports, numbers and options reach the server as the client sent them, from SYN to data."""

    begun = False

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000, options=SYN_OPTIONS)
        self.inject(syn, new_session=True)
        data = self.session.from_client(
            seq=1001, ack=9001, options=NOP * 2 + timestamps(5, 6), payload=bytes(self.network.segment - 12)
        )
        leaves = data.replace(eth_dst=topology.SERVER_MAC, eth_src=topology.PORT_MAC[SERVER_SIDE], ttl=data.ttl - 1)
        self.exchange((CLIENT_SIDE, data), out=[(SERVER_SIDE, leaves)])


@over_ipv6_too
class DrRemovesForgedToa(DrTest):
    """As in every mode: a server that reads TOA would believe it."""

    begun = False

    def runTest(self) -> None:
        forged = self.session.from_client(flags="S", seq=1000, options=toa("192.0.2.66", 666) + mss(1460))
        self.inject(forged, new_session=True, options=NOP * 8 + mss(1460))


@over_ipv6_too
class DrSynOnASessionIsPunted(DrTest):
    """Whether it is a retransmission the controller alone knows, in every mode."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        seq = 1001 if self.can("judged-segments") else 0
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id, seq=seq)])


@over_ipv6_too
class DrAnswersThatComeByAreForwarded(DrTest):
    """Where the server's route to the client leads by the switch all the same, its answers pass as they are."""

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1001, options=SYN_OPTIONS))
        self.outward(self.session.from_server(seq=9001, ack=1001, payload=b"x"))


@over_ipv6_too
@requires("judged-segments")
class DrClientsAckTellsOfTheServers(DrTest):
    """The client acknowledges what it has got: that makes the session, its FIN half closes it, each told once."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1001, ack=9001))
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"GET"))
        self.inward(self.session.from_client(seq=1004, ack=9500))
        self.inward(self.session.from_client(flags="FA", seq=1004, ack=9500))
        self.inward(self.session.from_client(seq=1005, ack=9501))
        self.expect_events(self.session.id, ("IN", "SYN_ACK|ESTABLISHED"), ("IN", "FIN_IN"), seq=1005)


@over_ipv6_too
@requires("judged-segments")
class DrRstThatTheServerTakesEndsTheSession(DrTest):
    """At the client's number it is told; elsewhere the server does not take it, and it is no news."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"GET"))
        self.inward(self.session.from_client(flags="R", seq=77001004))
        self.inward(self.session.from_client(flags="R", seq=1004))
        self.expect_events(self.session.id, ("IN", "SYN_ACK|ESTABLISHED"), ("IN", "RST_IN"))


@over_ipv6_too
@requires("judged-segments")
class DrTrafficTakesAnEndBack(DrTest):
    """A RST or FIN that was damaged on its way has not been accepted when its client goes on."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1001, ack=9001))
        self.inward(self.session.from_client(flags="R", seq=1001))
        self.inward(self.session.from_client(seq=1001, ack=9001))
        self.inward(self.session.from_client(flags="FA", seq=1001, ack=9001))
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"on and on"))
        self.expect_events(
            self.session.id,
            ("IN", "SYN_ACK|ESTABLISHED"),
            ("IN", "RST_IN"),
            ("IN", "RST_IN|RESUMED"),
            ("IN", "FIN_IN"),
            ("IN", "FIN_IN|RESUMED"),
        )


@over_ipv6_too
@requires("judged-segments")
class DrResetsHaveTheNumbersThatTheClientTells(DrTest):
    """To the server what the client would send next, to the client what it acknowledged; a retransmission, a keep-alive
    and what lies far off move neither."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"GET"))
        self.inward(self.session.from_client(seq=1004, ack=9500))
        self.reset_both(to_server=1004, to_client=9500)
        for other in (
            self.session.from_client(seq=1001, ack=9001, payload=b"GET"),
            self.session.from_client(seq=1003, ack=9500),
            self.session.from_client(seq=0x40000000, ack=0x50000000),
        ):
            self.inward(other)
            self.reset_both(to_server=1004, to_client=9500)


@over_ipv6_too
@requires("judged-segments")
class DrNumbersComeRightBehindADamagedOne(DrTest):
    """A segment without data begins where the client is, so what a damaged one claimed is soon put right."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1001, ack=9001))
        self.inward(self.session.from_client(seq=0x5001001, ack=9001, payload=b"x"))
        self.reset_both(to_server=0x5001002, to_client=9001)
        self.inward(self.session.from_client(seq=1001, ack=9001))
        self.reset_both(to_server=1001, to_client=9001)


@over_ipv6_too
class DrResetBeforeTheClientAnsweredIsDropped(DrTest):
    """Nobody has told a number yet."""

    def runTest(self) -> None:
        reset: Tcp = self.session.from_client(flags="R", ack=0)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), drops={"RESET_UNKNOWN": 1})


@over_ipv6_too
class DrServerWithoutItsMacIsAskedFor(DrTest):
    """The packet goes to the controller as it will leave, until the neighbor is known."""

    begun = False

    def new_session(self) -> Session:
        return DirectSession(id=self.harness.session_id(), **direct_ends(self.network, "silent_server"))

    def runTest(self) -> None:
        sent = self.session.from_client(seq=1001, ack=9001, payload=b"x")
        self.exchange((CLIENT_SIDE, sent), punted=[Punt("NO_NEIGHBOR", sent, session_id=self.session.id)])
