"""What clients do while something goes wrong, and what they see of it."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from topo.process import ProcessFailed
from topo.world import World, ask, report

TRANSFERS, THROTTLE = 10, 8 << 20
"""At a time, and bytes a second of all of them."""
IDLE = 10
RATE = 100
"""New connections a second."""


@dataclass(frozen=True, slots=True)
class Seen:
    silence: float
    """Seconds that a transfer has got nothing at most."""
    unanswered: float
    """Seconds during which connections began whose first SYN nobody answered."""
    connect: float
    """Seconds that the slowest of them took to connect."""
    connections: int
    lost: int
    """Of them: those that did not come to their good end."""
    why: Sequence[str]
    """What became of those."""


class Traffic:
    """Transfers and a stream of new connections, for so many seconds; and connections that are idle for as long.
    ``patience``: seconds that each of them has beyond."""

    def __init__(self, world: World, seconds: int, patience: float) -> None:
        self._patience = patience
        self._idle = [world.http("c1", patience) for _ in range(IDLE)]
        count, answer, timeout = RATE * seconds, THROTTLE * seconds // TRANSFERS, seconds + patience
        self._count = count + TRANSFERS + IDLE
        self._new = world.start_load("c2", n=count, c=count, rate=RATE, request=200, answer=2000, timeout=timeout)
        self._long = world.start_load("c1", n=TRANSFERS, c=TRANSFERS, answer=answer, throttle=THROTTLE, timeout=timeout)

    def end(self) -> Seen:
        """Once all have come to their end. Raises ProcessFailed and TimeoutError."""
        new, long = (report(load, 2 * self._patience) for load in (self._new, self._long))
        why = self._woken()
        lost = len(why) + new["failed"] + long["failed"]
        for name, told in (("new connections", new), ("transfers", long)):
            why += [f"{count} {name}: {cause}" for cause, count in told["failures"].items()]
        unanswered = new["unanswered"]
        return Seen(
            silence=long["silence_us"] / 1e6,
            # Those that began in between, and as long as until the next one.
            unanswered=unanswered["us"] / 1e6 + (unanswered["connections"] > 0) / RATE,
            connect=new["connect_us"]["max"] / 1e6,
            connections=self._count,
            lost=lost,
            why=why,
        )

    def _woken(self) -> list[str]:
        """Have each idle one ask something, and close it; why some are not answered."""
        broken = []
        for connection in self._idle:
            with closing(connection):
                try:
                    ask(connection)
                except (OSError, http.client.HTTPException, ProcessFailed) as error:
                    broken.append(f"an idle connection: {error}")
        return broken
