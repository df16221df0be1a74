"""Both sides of a session by their own count: what is not said otherwise is the next segment of a proper connection."""

from __future__ import annotations

from typing import Any

from ptf_tests.base import PacketOut
from ptf_tests.packets import Tcp
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


class Conversation(SessionTest):
    """A client and a server that know what they have sent. A segment with ``seq`` given does not count as theirs, and
    one that is ``lost`` does not reach the switch."""

    sent: int
    """The client's next sequence number, as it counts itself."""
    answered: int
    """The server's."""
    first: int
    """Of the server's data."""

    def syn(self, client_isn: int = 1000, server_isn: int = 9000) -> None:
        """The SYN of a new session; the numbers of both sides are those after SYN and SYN-ACK."""
        syn = self.session.from_client(flags="S", seq=client_isn)
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        self.sent, self.answered, self.first = client_isn + 1, server_isn + 1, -1

    def syn_ack(self, **fields: Any) -> None:
        usual = {"seq": self.answered - 1, "ack": self.sent + self.delta}
        segment = self.session.from_server(**{"flags": "SA", **usual, **fields})
        self.first = segment.seq + 1
        self.outward(segment)

    def open(self, client_isn: int = 1000, server_isn: int = 9000) -> None:
        """The whole handshake."""
        self.syn(client_isn, server_isn)
        self.syn_ack()
        self.client_sends()

    def client_sends(self, count: int = 0, flags: str = "A", *, lost: bool = False, **fields: Any) -> None:
        """``count`` bytes and what ``flags`` say."""
        usual = {"seq": self.sent, "ack": self.answered, "payload": bytes(count)}
        segment = self.session.from_client(**{"flags": flags, **usual, **fields})
        if not lost:
            with_toa = "A" in flags and "R" not in flags and (segment.ack - self.first) % 2**32 == 0
            changes: dict[str, Any] = {"toa": "OK", "options": self.session.toa} if with_toa else {}
            self.inward(segment, **changes)
        if "seq" not in fields:
            self.sent += self._length(segment)

    def server_sends(self, count: int = 0, flags: str = "A", *, lost: bool = False, **fields: Any) -> None:
        usual = {"seq": self.answered, "ack": self.sent + self.delta, "payload": bytes(count)}
        segment = self.session.from_server(**{"flags": flags, **usual, **fields})
        if not lost:
            self.outward(segment)
        if "seq" not in fields:
            self.answered += self._length(segment)

    @staticmethod
    def _length(segment: Tcp) -> int:
        return len(segment.payload) + ("F" in segment.flags)

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

    def resets(self, to_server: int | None = None, to_client: int | None = None) -> None:
        """The controller's resets have these numbers; without, what each side expects next."""
        self.reset_server(self.sent + self.delta if to_server is None else to_server)
        self.reset_client(self.answered if to_client is None else to_client)
