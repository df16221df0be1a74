"""What forwarding loses while entries are inserted: p4soft with the FULLNAT program, with and without inserts.

The inserts come at half the rate that inserting has to reach, which is twice simple_switch_grpc's: so at the rate at
which simple_switch_grpc is busy with nothing else, and if that is not known at :data:`FALLBACK_RATE`. Rounds with and
without inserts alternate. The inserter is the primary controller of a role of its own, beside the FULLNAT controller.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from finsy.proto import p4r

from bench import forwarding, inserts
from topo import standard
from topo.netns import Network
from topo.stack import Stack

UPDATES = 10
"""Updates a Write."""
FALLBACK_RATE = 30_000
"""Inserts per second."""
PASSES = 8
SECONDS = 1.5
ROLE = "bench"


@dataclass(frozen=True, slots=True)
class Updating:
    """Packets per second of each pass, without inserts and with them."""

    inserts_per_second: float
    undisturbed: tuple[float, ...]
    disturbed: tuple[float, ...]

    @property
    def loss(self) -> float:
        """The part of the rate that is lost: the median over the passes."""
        pairs = zip(self.disturbed, self.undisturbed, strict=True)
        return 1 - statistics.median(ours / free for ours, free in pairs)


def measure(rate: float | None) -> Updating:
    """``rate`` is what simple_switch_grpc inserts per second, if that was measured. Raises ProcessFailed."""
    rate = rate or FALLBACK_RATE
    undisturbed: tuple[float, ...] = ()
    disturbed: tuple[float, ...] = ()
    with forwarding.bare_network() as network:
        Stack(network, standard.config(), "p4soft").start()
        inserts.become_primary(network, ROLE)
        made = inserts.Sessions(ROLE)
        # Enough for the generator's start, its handshake and the round itself.
        sessions = range(int(rate * (SECONDS + 3) / 2))
        new = inserts.write_file(network.logs / "inserts", made.requests(p4r.Update.INSERT, UPDATES, sessions))
        gone = inserts.write_file(network.logs / "deletes", made.requests(p4r.Update.DELETE, 100, sessions))
        for turn in range(PASSES):
            for busy in (False, True) if turn % 2 == 0 else (True, False):
                if not busy:
                    undisturbed += (_flood(network),)
                    continue
                load = inserts.start(network, new, in_flight=64, rate=rate / UPDATES)
                disturbed += (_flood(network),)
                load.check_running()
                load.result(60)
                inserts.send(network, gone, in_flight=8)
    return Updating(rate, undisturbed, disturbed)


def _flood(network: Network) -> float:
    """Packets per second forwarded in one round."""
    flags = ["--sessions", str(forwarding.SESSIONS)]
    (rate,) = forwarding.generate(network, forwarding.SERVICE, flags, rounds=1, seconds=SECONDS)
    return rate
