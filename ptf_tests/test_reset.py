"""RST on expiry: the controller sends a bare RST, the switch fills in the sequence number and translates it."""

from ptf_tests.base import PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.conversation import Conversation
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import SERVER_SIDE


@over_ipv6_too
class ResetAfterSynAck(Conversation):
    """The server acknowledged X: it gets seq X. It sent a SYN-ACK with ISN Y: the client gets Y + 1."""

    def runTest(self) -> None:
        self.syn(client_isn=1000, server_isn=9000)
        self.syn_ack()
        self.resets(to_server=1033, to_client=9001)


@over_ipv6_too
class ResetAfterData(Conversation):
    """Each side gets what it acknowledged last, which is what it expects next."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.client_sends(67)
        self.server_sends(700)
        self.client_sends()
        self.resets(to_server=1100, to_client=9701)
        self.client_sends(134)
        self.server_sends()
        self.resets(to_server=1234, to_client=9701)


@over_ipv6_too
@requires("judged-segments")
class ResetOfAClientThatHasNotReceivedAll(Conversation):
    """What the client has not acknowledged, it has not received: it gets what it waits for."""

    def runTest(self) -> None:
        self.open(server_isn=9000)
        self.server_sends(100)
        self.client_sends()
        self.server_sends(700)
        self.resets(to_client=9101)


@over_ipv6_too
class ResetAfterFin(Conversation):
    """A FIN takes one sequence number, with data or without."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.server_sends(flags="FA")
        self.client_sends()
        self.resets(to_server=1033, to_client=9002)


@over_ipv6_too
class ResetAfterFinWithData(Conversation):
    """A FIN with n bytes takes n + 1."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.server_sends(9, flags="FPA")
        self.client_sends()
        self.resets(to_server=1033, to_client=9011)


@over_ipv6_too
class ResetIgnoresRetransmissions(Conversation):
    """Old segments of either side, sent again or late, do not take the numbers back."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.client_sends(67)
        self.server_sends(100)
        self.client_sends(100)
        self.server_sends(100)
        self.client_sends()
        self.server_sends(100, seq=9001, ack=1100)
        self.server_sends(seq=9050, ack=1150)
        self.client_sends(67, seq=1001, ack=9050)
        self.resets(to_server=1200, to_client=9201)
        # A keep-alive probe stands one byte before the end.
        self.server_sends(seq=9200, ack=1200)
        self.client_sends(seq=1167, ack=9201)
        self.resets(to_server=1200, to_client=9201)


@over_ipv6_too
class ResetNumbersWrap(Conversation):
    """Forwards is forwards across 2^32, and backwards stays backwards."""

    def runTest(self) -> None:
        self.open(client_isn=0xFFFFFF00 - self.delta, server_isn=0xFFFFFFF0)
        self.client_sends(0xFE)
        self.server_sends(100)
        self.client_sends()
        self.resets(to_server=0xFFFFFFFF, to_client=0x55)
        self.client_sends(0x11)
        self.server_sends()
        self.resets(to_server=0x10, to_client=0x55)
        self.server_sends(10, seq=0xFFFFFFF1, ack=0xFFFFFFF8)
        self.client_sends(seq=self.sent, ack=0xFFFFFFF8)
        self.resets(to_server=0x10, to_client=0x55)


@over_ipv6_too
@requires("judged-segments")
class DamagedNumbersMoveNothing(Conversation):
    """A segment of either side whose seq or ack is off, by a bit or by anything, is the last one that comes, or
    ordinary ones follow: each side is reset at what it expects."""

    def runTest(self) -> None:
        self.open()
        for change in (1 << 4, 1 << 12, 1 << 20, 1 << 28, 1 << 31, 0x12345678, 0x9ABCDEF0):
            for off in (change, -change):
                with self.subTest(off=off):
                    server = self.sent + self.delta
                    self.server_sends(seq=self.answered, ack=server + off)
                    self.server_sends(10, seq=self.answered + off, ack=server + off)
                    self.server_sends(10, seq=self.answered + off, ack=server)
                    self.resets()
                    self.ordinary()
                    client = self.answered
                    self.client_sends(seq=self.sent, ack=client + off)
                    self.client_sends(10, seq=self.sent + off, ack=client + off)
                    self.client_sends(10, seq=self.sent + off, ack=client)
                    self.resets()
                    self.ordinary()

    def ordinary(self) -> None:
        self.server_sends(100)
        self.client_sends(100)
        self.server_sends()
        self.client_sends()
        self.resets()


@over_ipv6_too
@requires("judged-segments")
class NumbersComeRightBehindAGap(Conversation):
    """What did not pass this switch, or found its registers empty, is made good by two segments that agree."""

    def runTest(self) -> None:
        self.sent, self.answered, self.first = 1001, 9001, -1
        self.server_sends(seq=0x70000000, ack=0x80000000)
        self.client_sends()
        self.server_sends(100)
        self.expect_events(self.session.id, ("OUT", "SYN_ACK|ESTABLISHED"))
        self.client_sends()
        self.resets()
        self.sent += 1 << 29
        self.client_sends(100)
        self.server_sends()
        self.resets()
        self.answered += 3 << 30
        self.server_sends(100)
        self.client_sends()
        self.resets()


@over_ipv6_too
@requires("judged-segments")
class OneSideAgreesWithNobody(Conversation):
    """Segments of one side that agree with each other, but not with the other side's, move nothing."""

    def runTest(self) -> None:
        self.open()
        self.client_sends(seq=0x70000000, ack=0x60000000)
        self.client_sends(seq=0x70000000, ack=0x70000000)
        self.client_sends(10, seq=0x70000000, ack=0x70000000)
        self.resets()
        self.client_sends(10)
        self.server_sends(10)
        self.client_sends()
        self.resets()


@over_ipv6_too
@requires("judged-segments")
class SynAckStartsNumbersAfresh(Conversation):
    """Until the client has acknowledged one, a SYN-ACK with another ISN sets both numbers, backwards or not."""

    def runTest(self) -> None:
        self.syn()
        self.syn_ack(seq=9000)
        self.syn_ack(seq=77)
        self.resets(to_client=78)


@over_ipv6_too
class RepeatedSynAckBeginsNothing(Conversation):
    """The server's SYN-ACK, sent again after data, takes no number back."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.client_sends(67)
        self.server_sends(700)
        self.client_sends()
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033))
        self.resets(to_server=1100, to_client=9701)


@over_ipv6_too
@requires("judged-segments")
class SynAckOfAnotherSynBeginsNothing(Conversation):
    """A SYN-ACK that acknowledges no SYN of this session begins nothing, before the right one and after it."""

    def runTest(self) -> None:
        self.syn()
        for ack in (0, 1032, 1034, 1033 + 2**31):
            self.outward(self.session.from_server(flags="SA", seq=500, ack=ack))
        self.exchange(
            PacketOut("RESET", self.session.from_client(flags="R"), session_id=self.session.id),
            drops={"RESET_UNKNOWN": 1},
        )
        self.syn_ack()
        self.outward(self.session.from_server(flags="SA", seq=500, ack=1034))
        self.client_sends()
        self.outward(self.session.from_server(flags="SA", seq=500, ack=1033))
        self.resets()


@over_ipv6_too
class ResetAfterSynAckWithData(Conversation):
    """Data in a SYN-ACK (TCP Fast Open) counts as sent, and in the SYN as well."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000, payload=b"hello")
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1038, payload=b"early"))
        self.inward(self.session.from_client(seq=1006, ack=9006))
        self.resets(to_server=1038, to_client=9006)


@over_ipv6_too
class RstAndSegmentsWithoutAckDoNotCount(Conversation):
    """A RST of the server, and a segment without ACK, move nothing."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.server_sends(flags="RA", seq=20000, ack=30000)
        self.server_sends(100, flags="P", seq=20000)
        self.resets(to_server=1033, to_client=9001)


@over_ipv6_too
class ClientsClaimsDoNotCount(Conversation):
    """What the client claims to have sent moves nothing, nor that it received what was never sent."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.client_sends(50, seq=5000, ack=99999)
        self.client_sends(flags="FA", seq=6000, ack=99999)
        self.resets(to_server=1033, to_client=9001)


@over_ipv6_too
class PaddingIsNoPayload(Conversation):
    """A short frame is padded to 60 bytes: the padding is not counted as sent."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.server_sends(padding=bytes(6))
        self.server_sends(3, padding=bytes(3))
        self.client_sends()
        self.resets(to_server=1033, to_client=9004)


@over_ipv6_too
class OptionsAreNoPayload(Conversation):
    """TCP and IP options are not counted as sent."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        ip_options = b"\x01" * 40 if self.can("ip-options") else b""
        self.server_sends(3, options=b"\x01" * 40, ip_options=ip_options)
        self.client_sends()
        self.resets(to_server=1033, to_client=9004)


@over_ipv6_too
class ResetBeforeTheServerAnsweredIsDropped(SessionTest):
    """There is no sequence number that the peer would accept, so nothing is sent, in neither direction."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        for reset in (self.session.from_client(flags="R"), self.session.from_server(flags="R")):
            self.exchange(PacketOut("RESET", reset, session_id=self.session.id), drops={"RESET_UNKNOWN": 1})


@over_ipv6_too
class ResetWithoutSessionIsDropped(SessionTest):
    """A reset whose session is gone is dropped, whatever else the address is."""

    def runTest(self) -> None:
        self.handshake()
        self.delete(*self.session.entries)
        for reset in (self.session.from_client(flags="R"), self.session.from_server(flags="R")):
            self.exchange(PacketOut("RESET", reset, session_id=self.session.id), drops={"INJECT_MISS": 1})


@over_ipv6_too
class ResetNeedsNoMacAddress(SessionTest):
    """The controller leaves the Ethernet addresses of a reset empty: routing fills them in."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        reset = self.session.from_client(flags="R", ttl=64)
        empty = reset.replace(eth_src="00:00:00:00:00:00", eth_dst="00:00:00:00:00:00")
        expected = self.session.to_server(reset, seq=1033, ttl=64)
        self.exchange(PacketOut("RESET", empty, session_id=self.session.id), out=[(SERVER_SIDE, expected)])


@over_ipv6_too
class ResetToAServerWithoutNeighborIsPunted(SessionTest):
    """Even a reset waits for a link-layer address; it is punted translated."""

    server = "silent_server"

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033))
        reset = self.session.from_client(flags="R", ttl=64)
        expected = self.session.to_server(reset, seq=1033, ttl=64, eth_dst=reset.eth_dst, eth_src=reset.eth_src)
        self.exchange(
            PacketOut("RESET", reset, session_id=self.session.id),
            punted=[Punt("NO_NEIGHBOR", expected, port=0, session_id=self.session.id)],
        )


@over_ipv6_too
@requires("register-read")
class RegistersHoldTheNumbers(Conversation):
    """What the registers say, where P4Runtime can read them."""

    def runTest(self) -> None:
        self.open(client_isn=1000, server_isn=9000)
        self.client_sends(67)
        self.server_sends(700, flags="FA")
        names = ("first_data_seq", "server_end_seq", "server_ack_seq", "client_end_seq", "client_ack_seq")
        held = [self.client.register(name, self.session.id) for name in names]
        judged = self.can("judged-segments")
        assert held == [9001, 9702, 1100, *([1100, 9001] if judged else [0, 0])]
        assert self.client.register("events", self.session.id) & 0xFF == 0x0B
