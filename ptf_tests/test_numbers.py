"""The registers beside two endpoints whose segments are lost, come again, and are imitated by others."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ptf_tests.base import requires
from ptf_tests.conversation import Conversation

SEEDS = range(8)
STEPS = 40


@dataclass
class Side:
    """What an endpoint knows, in the numbers that the server sees."""

    client: bool
    una: int
    """What of its own is not acknowledged yet."""
    nxt: int
    """Where its next byte stands."""
    rcv: int
    """What it has received of the other one."""


@requires("judged-segments")
class RandomConversationsAreFollowed(Conversation):
    """However two sides fare, when all is acknowledged each one is reset at what it expects; and whatever others send
    in their names, nothing is told that did not happen."""

    rng: random.Random

    def runTest(self) -> None:
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.rng = random.Random(seed)
                self.open(client_isn=self.rng.randrange(2**32), server_isn=self.rng.randrange(2**32))
                begin = self.sent + self.delta
                client = Side(True, begin, begin, self.answered)
                server = Side(False, self.answered, self.answered, begin)
                for _ in range(STEPS):
                    own, peer = self.rng.choice(((client, server), (server, client)))
                    if self.rng.random() < 0.25:
                        self.imitate(own)
                    else:
                        self.proceed(own, peer)
                for own, peer in ((client, server), (server, client), (client, server)):
                    for seq in range(own.una, own.nxt, 1000):
                        self.forward(own, seq, min(1000, own.nxt - seq), own.rcv)
                    self.forward(own, own.nxt, 0, own.rcv)
                    peer.rcv, peer.una = own.nxt, own.rcv
                self.resets(to_server=client.nxt, to_client=server.nxt)
                self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"))

    def proceed(self, own: Side, peer: Side) -> None:
        """A new segment or one sent again; lost before the switch, behind it, or not at all."""
        seq = self.rng.choice((own.una, own.nxt, own.nxt))
        count = min(self.rng.choice((0, 1, 100, 700)), own.nxt - seq or 700)
        own.nxt = max(own.nxt, seq + count)
        ack = self.rng.choice((own.rcv, own.rcv, peer.una))
        if self.rng.random() < 0.2:
            return
        self.forward(own, seq, count, ack)
        if self.rng.random() < 0.8:
            peer.una = max(peer.una, ack)
            if seq <= peer.rcv < seq + count:
                peer.rcv = seq + count

    def imitate(self, own: Side) -> None:
        """A segment with random numbers, or with a bit of one number wrong."""
        seq, ack = self.rng.choice(
            (
                (self.rng.randrange(2**32), self.rng.randrange(2**32)),
                (own.nxt ^ 1 << self.rng.randrange(32), own.rcv),
                (own.nxt, own.rcv ^ 1 << self.rng.randrange(32)),
            )
        )
        # One that stands where an endpoint would accept it is as good as its own.
        flags = "A" if own.una <= seq <= own.nxt else self.rng.choice(("A", "R", "RA"))
        self.forward(own, seq, self.rng.choice((0, 10)) if flags == "A" else 0, ack, flags)

    def forward(self, own: Side, seq: int, count: int, ack: int, flags: str = "A") -> None:
        """Through the switch."""
        if own.client:
            self.client_sends(count, flags, seq=seq - self.delta, ack=ack)
        else:
            self.server_sends(count, flags, seq=seq, ack=ack)
