"""What is news of a session: RST, FIN and ACK that their receiver can accept, as far as the registers tell."""

from ptf_tests.base import Punt, requires
from ptf_tests.conversation import Conversation
from ptf_tests.topology import CLIENT_SIDE

OPEN = (("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"))
OFF = (1, -1, 2, 500, -500, 1 << 16, 1 << 26, 1 << 30, 2**31 - 1, 2**31, -(2**31) + 1)
"""By how much a forger misses."""


@requires("judged-segments")
class RstThatMissesIsNoNews(Conversation):
    """A RST whose seq is not what its receiver expects passes, and ends nothing (RFC 5961 3.2); the right one does."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(100)
        self.server_sends(200)
        self.client_sends()
        for flags in ("R", "RA"):
            for off in OFF:
                with self.subTest(flags=flags, off=off):
                    self.client_sends(flags=flags, seq=self.sent + off)
                    self.server_sends(flags=flags, seq=self.answered + off)
        self.server_sends(flags="R")
        self.client_sends(flags="R")
        self.expect_events(self.session.id, *OPEN, ("OUT", "RST_OUT"), ("IN", "RST_IN"))


@requires("judged-segments")
class RstBehindDataOnItsWay(Conversation):
    """A side that resets has sent more than was acknowledged: its RST stands at the end of that, or at what its
    receiver has acknowledged, if it answers to that."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(100)
        self.client_sends(flags="RA")
        self.server_sends(200, ack=1033)
        self.server_sends(flags="R", seq=9001)
        self.expect_events(self.session.id, *OPEN, ("IN", "RST_IN"), ("OUT", "RST_OUT"))


@requires("judged-segments")
class FinThatMissesIsNoNews(Conversation):
    """A client's FIN that leaves a gap, is old, or acknowledges what was never sent passes, and closes nothing; the
    right one does."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(600)
        self.server_sends(600)
        self.client_sends()
        for off in OFF:
            with self.subTest(off=off):
                self.client_sends(flags="FA", seq=self.sent + off)
                self.client_sends(flags="FA", seq=self.sent, ack=self.answered + abs(off))
                self.client_sends()
                self.server_sends()
        self.client_sends(flags="FA")
        self.server_sends(flags="FA")
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, *self.both_fins("IN", "OUT"))


@requires("judged-segments")
class FinOfTheServerThatMissesIsNoNews(Conversation):
    """The same the other way round."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(600)
        self.server_sends(600)
        self.client_sends()
        for off in OFF:
            with self.subTest(off=off):
                self.server_sends(flags="FA", seq=self.answered + off)
                self.server_sends(flags="FA", seq=self.answered, ack=self.sent + self.delta + abs(off))
                self.server_sends()
                self.client_sends()
        self.server_sends(flags="FA")
        self.client_sends(flags="FA")
        self.server_sends()
        self.expect_events(self.session.id, *OPEN, *self.both_fins("OUT", "IN"))


@requires("judged-segments")
class TheSecondFinIsToldWhenBothAreAcknowledged(Conversation):
    """Until then one end may have to send all that is before its FIN again. These FINs cross each other."""

    def runTest(self) -> None:
        self.open()
        start, first = self.sent, self.answered
        self.client_sends(1000)
        self.client_sends(flags="FA")
        self.server_sends(500, ack=start + self.delta)
        self.server_sends(flags="FA", ack=start + self.delta)
        self.client_sends(ack=first)
        self.client_sends()
        self.client_sends(1000, seq=start)
        self.server_sends(ack=start + self.delta + 1000)
        self.expect_events(self.session.id, *OPEN, ("IN", "FIN_IN"))
        self.client_sends(seq=self.sent - 1, flags="FA")
        self.server_sends()
        self.expect_events(self.session.id, ("OUT", "FIN_OUT"))


@requires("judged-segments")
class AnAckBeforeTheFirstFinComesLate(Conversation):
    """Behind the FIN, and behind what the other side has answered before it: its sender has not gone on."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(100)
        self.server_sends(200)
        before = self.sent
        self.client_sends(flags="FA")
        self.server_sends(ack=before + self.delta)
        self.client_sends(seq=before)
        self.client_sends()
        self.server_sends()
        self.server_sends(flags="FA")
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, *self.both_fins("IN", "OUT"))


@requires("judged-segments")
class AnAckBeforeTheSecondFinComesLate(Conversation):
    """Behind the FIN, and behind what the other side has sent meanwhile: the FIN is told all the same."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(100)
        self.server_sends(200)
        before = self.answered
        self.client_sends(flags="FA")
        self.server_sends(flags="FA")
        self.client_sends(ack=before)
        self.server_sends(seq=before)
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, ("IN", "FIN_IN"), ("IN", "FIN_OUT"))


@requires("judged-segments")
class FinAheadOfLostData(Conversation):
    """A FIN that comes before data is news when its receiver acknowledges it, of either side."""

    def runTest(self) -> None:
        self.open()
        start = self.sent
        self.client_sends(100, lost=True)
        self.client_sends(50, flags="FA")
        self.server_sends(ack=start + self.delta)
        self.client_sends(100, seq=start)
        self.server_sends()
        self.expect_events(self.session.id, *OPEN, ("OUT", "FIN_IN"))
        start = self.answered
        self.server_sends(100, lost=True)
        self.server_sends(flags="FA")
        self.client_sends(ack=start)
        self.server_sends(100, seq=start)
        self.client_sends()
        self.expect_events(self.session.id, ("IN", "FIN_OUT"))


@requires("judged-segments")
class AnAckThatTheFinOvertook(Conversation):
    """A pure ACK that was sent before the FIN and comes behind it says nothing of the FIN, nor does one behind data."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(100)
        self.server_sends(200)
        before = self.sent
        self.client_sends(50)
        self.client_sends(seq=before)
        self.client_sends(flags="FA")
        self.client_sends(seq=before + 50)
        self.server_sends(flags="FA")
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, *self.both_fins("IN", "OUT"))
        self.resets(to_server=self.sent + self.delta, to_client=self.answered)


@requires("judged-segments")
class FinsOfWhatIsFollowedAnew(Conversation):
    """Where registers are wrong, a FIN that was no news is told with the two sides' agreement that puts them right."""

    def runTest(self) -> None:
        self.open()
        self.answered += 1 << 29
        self.sent += 1 << 29
        self.server_sends(flags="FA")
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, ("IN", "FIN_OUT"))
        self.client_sends(flags="FA")
        self.server_sends()
        self.expect_events(self.session.id, ("OUT", "FIN_IN"))


@requires("judged-segments")
class ForgedFinAheadIsForgotten(Conversation):
    """Data passes where a FIN seemed to be: acknowledged, it is no FIN."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(flags="FA", seq=self.sent + 50)
        self.client_sends(51)
        self.client_sends(49)
        self.server_sends()
        self.client_sends(flags="FA")
        self.server_sends()
        self.server_sends(flags="FA")
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, *self.both_fins("IN", "OUT"))


@requires("judged-segments")
class AckOfNothingSentEstablishesNothing(Conversation):
    """Only the client that has received the server's SYN-ACK can acknowledge it."""

    def runTest(self) -> None:
        self.syn()
        self.syn_ack()
        for off in OFF:
            self.client_sends(ack=self.answered + off)
        self.client_sends(seq=self.sent + 2**31)
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"))
        self.client_sends(flags="FA")
        self.expect_events(self.session.id, ("IN", "ESTABLISHED|FIN_IN"))


@requires("judged-segments")
class RefusedConnection(Conversation):
    """A RST in answer to the SYN must acknowledge it, whatever its seq is; one that does not is somebody else's."""

    def runTest(self) -> None:
        self.syn()
        acknowledged = self.sent + self.delta
        for flags, ack in (("R", acknowledged), ("RA", acknowledged + 1), ("RA", acknowledged - 1), ("RA", 0)):
            self.server_sends(flags=flags, seq=0, ack=ack)
        self.client_sends(flags="R", seq=self.sent - 1)
        self.server_sends(flags="RA", seq=0, ack=acknowledged)
        self.expect_events(self.session.id, ("OUT", "RST_OUT"))
        self.client_sends(flags="R")
        self.expect_events(self.session.id, ("IN", "RST_IN"))


@requires("judged-segments")
class ResumedBehindARst(Conversation):
    """A side that was reported reset, and sends on, has not reset: the report is withdrawn, and made again when it is
    true. What the other side sends may have been under way, and old segments of its own as well."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(10)
        for _ in range(2):
            self.client_sends(flags="R", seq=self.sent)
            self.client_sends(5, seq=self.sent - 10)
            self.server_sends(100)
            self.server_sends(flags="R", seq=self.answered)
            self.client_sends(20)
            self.server_sends()
            self.expect_events(
                self.session.id,
                *OPEN[: 2 if _ == 0 else 0],
                ("IN", "RST_IN"),
                ("OUT", "RST_OUT"),
                ("IN", "RESUMED|RST_IN"),
                ("OUT", "RESUMED|RST_OUT"),
            )


@requires("judged-segments")
class ResumedBehindAFin(Conversation):
    """A side that sends data beyond its FIN has not sent that FIN; acknowledgements beyond it are no data."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(flags="FA", seq=self.sent)
        self.client_sends(seq=self.sent + 1)
        self.client_sends(100)
        self.expect_events(self.session.id, *OPEN, ("IN", "FIN_IN"), ("IN", "RESUMED|FIN_IN"))
        self.server_sends()
        self.server_sends(flags="FA", seq=self.answered)
        self.server_sends(100)
        self.client_sends()
        self.client_sends(flags="FA")
        self.server_sends()
        self.client_sends()
        self.server_sends(flags="FA")
        self.client_sends()
        self.expect_events(
            self.session.id, ("OUT", "FIN_OUT"), ("OUT", "RESUMED|FIN_OUT"), *self.both_fins("IN", "OUT")
        )


class TheClientsEndIsTold(Conversation):
    """Digests and the packet-in of a SYN on the session say where the client's numbers end, as the server sees them."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=5)
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id)])
        self.syn(client_isn=0xFFFFFFE0)
        self.syn_ack()
        self.client_sends()
        self.expect_events(self.session.id, *OPEN, seq=1)
        self.client_sends(100)
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id, seq=101)])
        self.server_sends(flags="FA")
        self.expect_events(self.session.id, ("OUT", "FIN_OUT"), seq=101)
        self.client_sends(flags="FA")
        self.server_sends()
        self.expect_events(self.session.id, self.both_fins("OUT", "IN")[1], seq=102)
