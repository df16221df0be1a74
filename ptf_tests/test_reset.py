"""RST on expiry: the controller sends a bare RST, the switch fills in the sequence number and translates it."""

from ptf_tests.base import PacketOut, Punt, requires
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


class _Reset(SessionTest):
    def reset_server(self, seq: int) -> None:
        """A bare RST c->v reaches the server as l->d with this seq; its TTL is the controller's."""
        reset = self.session.from_client(flags="R", ttl=64)
        expected = self.session.to_server(reset, seq=seq, ttl=64)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[(SERVER_SIDE, expected)])

    def reset_client(self, seq: int) -> None:
        """A bare RST d->l reaches the client as v->c with this seq."""
        reset = self.session.from_server(flags="R", ttl=64)
        expected = self.session.to_client(reset, seq=seq, ttl=64)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[(CLIENT_SIDE, expected)])

    def resets(self, to_server: int, to_client: int) -> None:
        self.reset_server(to_server)
        self.reset_client(to_client)


class ResetAfterSynAck(_Reset):
    """The server acknowledged X: it gets seq X. It sent a SYN-ACK with ISN Y: the client gets Y + 1."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.resets(to_server=1033, to_client=9001)


class ResetAfterData(_Reset):
    """The server sent Y with n bytes: the client gets Y + n; the server gets what it acknowledged last."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(seq=9001, ack=1100, payload=bytes(700)))
        self.resets(to_server=1100, to_client=9701)
        self.outward(self.session.from_server(seq=9701, ack=1234))
        self.resets(to_server=1234, to_client=9701)


class ResetAfterFin(_Reset):
    """A FIN takes one sequence number, with data or without."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(flags="FA", seq=9001, ack=1033))
        self.resets(to_server=1033, to_client=9002)


class ResetAfterFinWithData(_Reset):
    """A FIN with n bytes takes n + 1."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(flags="FPA", seq=9001, ack=1033, payload=bytes(9)))
        self.resets(to_server=1033, to_client=9011)


class ResetIgnoresRetransmissions(_Reset):
    """Old segments of the server, sent again or late, do not take the numbers back."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(seq=9001, ack=1100, payload=bytes(100)))
        self.outward(self.session.from_server(seq=9101, ack=1200, payload=bytes(100)))
        self.outward(self.session.from_server(seq=9001, ack=1100, payload=bytes(100)))
        self.outward(self.session.from_server(seq=9050, ack=1150))
        self.resets(to_server=1200, to_client=9201)
        # A keep-alive probe stands one byte before the end.
        self.outward(self.session.from_server(seq=9200, ack=1200))
        self.resets(to_server=1200, to_client=9201)


class ResetNumbersWrap(_Reset):
    """Forwards is forwards across 2^32, and backwards stays backwards."""

    def runTest(self) -> None:
        self.handshake(client_isn=0xFFFFFF00 - self.delta, server_isn=0xFFFFFFF0)
        self.outward(self.session.from_server(seq=0xFFFFFFF1, ack=0xFFFFFFFF, payload=bytes(100)))
        self.resets(to_server=0xFFFFFFFF, to_client=0x55)
        self.outward(self.session.from_server(seq=0x55, ack=0x10))
        self.resets(to_server=0x10, to_client=0x55)
        self.outward(self.session.from_server(seq=0xFFFFFFF1, ack=0xFFFFFFF8, payload=bytes(10)))
        self.resets(to_server=0x10, to_client=0x55)


class ResetNumbersHalfTheSpaceAway(_Reset):
    """2^31 - 1 ahead is ahead; 2^31 or more is behind."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(seq=9001 + 0x7FFFFFFF, ack=1033 + 0x7FFFFFFF))
        self.resets(to_server=1033 + 0x7FFFFFFF, to_client=9001 + 0x7FFFFFFF)
        self.outward(self.session.from_server(seq=9001 + 0xFFFFFFFF, ack=(1033 + 0xFFFFFFFF) % 2**32))
        self.resets(to_server=1033 + 0x7FFFFFFF, to_client=9001 + 0x7FFFFFFF)


class SynAckStartsNumbersAfresh(_Reset):
    """A SYN-ACK with a lower ISN (reuse of the session) sets both numbers, backwards or not."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(seq=9001, ack=5000, payload=bytes(1000)))
        self.outward(self.session.from_server(flags="SA", seq=77, ack=3000))
        self.resets(to_server=3000, to_client=78)


class ResetAfterSynAckWithData(_Reset):
    """Data in a SYN-ACK (TCP Fast Open) counts as sent."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033, payload=b"early"))
        self.resets(to_server=1033, to_client=9006)


class RstAndSegmentsWithoutAckDoNotCount(_Reset):
    """A RST of the server, and a segment without ACK, move nothing."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(flags="RA", seq=20000, ack=30000))
        self.outward(self.session.from_server(flags="P", seq=20000, payload=bytes(100)))
        self.resets(to_server=1033, to_client=9001)


class ClientsSegmentsDoNotCount(_Reset):
    """What the client claims to have sent or received moves nothing."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.inward(self.session.from_client(seq=5000, ack=99999, payload=bytes(50)))
        self.inward(self.session.from_client(flags="FA", seq=6000, ack=99999))
        self.resets(to_server=1033, to_client=9001)


class PaddingIsNoPayload(_Reset):
    """The server's short frame is padded to 60 bytes: the padding is not counted as sent."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(seq=9001, ack=1033, padding=bytes(6)))
        self.outward(self.session.from_server(seq=9001, ack=1033, payload=b"abc", padding=bytes(3)))
        self.resets(to_server=1033, to_client=9004)


class OptionsAreNoPayload(_Reset):
    """TCP and IP options are not counted as sent."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        ip_options = b"\x01" * 40 if self.can("ip-options") else b""
        segment = self.session.from_server(
            seq=9001, ack=1033, payload=b"abc", options=b"\x01" * 40, ip_options=ip_options
        )
        self.outward(segment)
        self.resets(to_server=1033, to_client=9004)


class ResetBeforeTheServerAnsweredIsDropped(_Reset):
    """There is no sequence number that the peer would accept, so nothing is sent, in neither direction."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        for reset in (self.session.from_client(flags="R"), self.session.from_server(flags="R")):
            self.exchange(PacketOut("RESET", reset, session_id=self.session.id), drops={"RESET_UNKNOWN": 1})


class ResetWithoutSessionIsDropped(_Reset):
    """A reset whose session is gone is dropped, whatever else the address is."""

    def runTest(self) -> None:
        self.handshake()
        self.delete(*self.session.entries)
        for reset in (self.session.from_client(flags="R"), self.session.from_server(flags="R")):
            self.exchange(PacketOut("RESET", reset, session_id=self.session.id), drops={"INJECT_MISS": 1})


class ResetNeedsNoMacAddress(_Reset):
    """The controller leaves the Ethernet addresses of a reset empty: routing fills them in."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        reset = self.session.from_client(flags="R", ttl=64)
        empty = reset.replace(eth_src="00:00:00:00:00:00", eth_dst="00:00:00:00:00:00")
        expected = self.session.to_server(reset, seq=1033, ttl=64)
        self.exchange(PacketOut("RESET", empty, session_id=self.session.id), out=[(SERVER_SIDE, expected)])


class ResetToAServerWithoutNeighborIsPunted(_Reset):
    """Even a reset waits for a link-layer address; it is punted translated."""

    server = "10.0.0.99"

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033))
        reset = self.session.from_client(flags="R", ttl=64)
        expected = self.session.to_server(reset, seq=1033, ttl=64, eth_dst=reset.eth_dst, eth_src=reset.eth_src)
        self.exchange(
            PacketOut("RESET", reset, session_id=self.session.id),
            punted=[Punt("NO_NEIGHBOR", expected, port=0, session_id=self.session.id)],
        )


@requires("register-read")
class RegistersHoldTheNumbers(_Reset):
    """What the registers say, where P4Runtime can read them."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.outward(self.session.from_server(flags="FA", seq=9001, ack=1100, payload=bytes(700)))
        names = ("events", "first_data_seq", "server_end_seq", "server_ack_seq")
        held = [self.client.register(name, self.session.id) for name in names]
        assert held == [0x09, 9001, 9702, 1100]
