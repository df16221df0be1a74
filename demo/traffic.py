"""What clients do while something goes wrong, and what they see of it."""

from __future__ import annotations

import http.client
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from topo.process import ProcessFailed
from topo.world import World, ask, report

TRANSFERS, THROTTLE = 10, 8 << 20
"""At a time, and bytes a second of all of them."""
IDLE = 10
KEEPALIVE = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 2, socket.TCP_KEEPCNT: 30}
"""Seconds, seconds and times (tcp(7)): longer than each step takes on a machine that has nothing else to do."""
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
        self._idle = [_alive(world.http("c1", patience)) for _ in range(IDLE)]
        count, answer, timeout = RATE * seconds, THROTTLE * seconds // TRANSFERS, seconds + patience
        self._count = count + TRANSFERS + IDLE
        self._new = world.start_load("c2", n=count, c=count, rate=RATE, request=200, answer=2000, timeout=timeout)
        self._long = world.start_load("c1", n=TRANSFERS, c=TRANSFERS, answer=answer, throttle=THROTTLE, timeout=timeout)

    def end(self) -> Seen:
        """Once all have come to their end. Raises ProcessFailed and TimeoutError."""
        new, long = (report(load, 2 * self._patience) for load in (self._new, self._long))
        failures = {"new connections": new["failures"], "transfers": long["failures"], "idle": self._woken()}
        unanswered = new["unanswered"]
        return Seen(
            silence=long["silence_us"] / 1e6,
            # Those that began in between, and as long as until the next one.
            unanswered=unanswered["us"] / 1e6 + (unanswered["connections"] > 0) / RATE,
            connect=new["connect_us"]["max"] / 1e6,
            connections=self._count,
            lost=sum(count for causes in failures.values() for count in causes.values()),
            why=[f"{count} {name}: {why}" for name, causes in failures.items() for why, count in causes.items()],
        )

    def _woken(self) -> Counter[str]:
        """Have each idle one ask something, and close it; why how many are not answered."""
        broken: Counter[str] = Counter()
        for connection in self._idle:
            with closing(connection):
                try:
                    ask(connection)
                except OSError as error:
                    broken[error.strerror or str(error)] += 1
                except (http.client.HTTPException, ProcessFailed) as error:
                    broken[str(error)] += 1
        return broken


def _alive(connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
    """One that sends a keepalive when nothing has come for long, as what is idle for long has to."""
    assert connection.sock is not None
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return connection
