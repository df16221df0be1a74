"""Initial sequence numbers towards real servers (RFC 6528): a keyed hash of the connection plus a clock of 64 ns ticks.

Many clients share one (local address, local port, server, server port) over time. A server that still has the previous
connection in TIME-WAIT accepts a SYN only when its sequence number is above all that the connection sent, in the
arithmetic of 32 bits. The clock alone gives that for a connection that sent less than 15.6 MB/s and was over, with its
TIME-WAIT, within half of the clock's round of 275 s. The ends of all others are remembered here, for half a round: then
the clock is past them, and no server is in TIME-WAIT any more.

After a restart of the controller the numbers go on rising if the secret is the same and the clock is the time of day:
the shell keeps the secret in its state file and passes ``wall_offset``. What was remembered is lost then, except of
sessions that are still on the switch: those end later, and are remembered then.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from struct import Struct

from fullnat.net.flow import V4_BYTES, Endpoint

TICKS_PER_SECOND = 15_625_000
"""One tick is 64 ns, as in RFC 6528's recommendation of a clock near 250 kHz or faster and in Linux."""
HALF = 1 << 31
RETENTION = HALF / TICKS_PER_SECOND
"""Seconds in which the clock passes any end that is ahead of it."""
TIME_WAIT_TICKS = 60 * TICKS_PER_SECOND
"""Linux's TIME-WAIT (TCP_TIMEWAIT_LEN)."""
SHORT = 60.0
"""Seconds that a connection may live so that the clock stays ahead of its end throughout TIME-WAIT."""
REMEMBERED = 1 << 17
"""Ends remembered at once; beyond, the oldest are forgotten."""
GAP = 1 << 16
"""From the end of a connection to the next one's ISN, as Linux has it (tcp_timewait_state_process)."""

_V4_TUPLE = Struct("!4sH4sH")
_V6_TUPLE = Struct("!16sH16sH")
MASK32 = 0xFFFFFFFF


def is_after(number: int, other: int) -> bool:
    """``number`` is above ``other`` in sequence space (RFC 9293 3.4)."""
    return 0 < (number - other) & MASK32 < HALF


def _key(local: Endpoint, server: Endpoint) -> bytes:
    address, port = local
    server_address, server_port = server
    pieces = _V4_TUPLE if len(address) == V4_BYTES else _V6_TUPLE
    return pieces.pack(address, port, server_address, server_port)


class IsnGenerator:
    def __init__(self, secret: bytes, wall_offset: float = 0.0) -> None:
        """``secret``: 16 to 64 bytes. ``wall_offset``: seconds to add to ``now`` to get the time of day."""
        if not 16 <= len(secret) <= blake2b.MAX_KEY_SIZE:
            raise ValueError(f"the ISN secret must have 16 to {blake2b.MAX_KEY_SIZE} bytes, not {len(secret)}")
        self._secret = secret
        self._offset = int(wall_offset * TICKS_PER_SECOND)
        self._clock = 0
        self._sure_from = 0.0
        """When no ISN that was raised above the clock can be ahead of it any more."""
        self._ends: dict[bytes, tuple[int, float]] = {}
        """The end of the last connection, and until when it matters."""
        self._order: deque[tuple[float, bytes]] = deque()

    def next(self, local: Endpoint, server: Endpoint, now: float, above: int | None = None) -> int:
        """The ISN of a new connection; ``above``: what the connection that it replaces has sent."""
        clock = int(now * TICKS_PER_SECOND) + self._offset
        if clock <= self._clock:
            clock = self._clock + 1
        self._clock = clock
        key = _key(local, server)
        number = self._hash(key) + clock & MASK32
        if above is None and self._ends:
            end, until = self._ends.get(key, (0, 0.0))
            above = end if until > now else None
        if above is not None and not is_after(number, above):
            number = above + GAP & MASK32
            self._sure_from = now + RETENTION
        return number

    def is_past(self, sent: int, lived: float, now: float) -> bool:
        """Whether :meth:`ended` has nothing to remember of a connection that began ``lived`` seconds ago and sent
        ``sent`` bytes (its 32 bits): for most it has not, and this is quicker."""
        return lived < SHORT and sent & MASK32 < lived * TICKS_PER_SECOND and now >= self._sure_from

    def ended(self, local: Endpoint, server: Endpoint, end: int, now: float) -> None:
        """A connection has ended that sent up to ``end``, or not further than that."""
        key = _key(local, server)
        clock = max(int(now * TICKS_PER_SECOND) + self._offset, self._clock)
        self._forget(now)
        number = self._hash(key) + clock
        if is_after(number, end) and is_after(number + TIME_WAIT_TICKS, end):
            return
        until = now + RETENTION
        self._ends[key] = (end, until)
        self._order.append((until, key))

    def _hash(self, key: bytes) -> int:
        return int.from_bytes(blake2b(key, digest_size=4, key=self._secret).digest(), "big")

    def _forget(self, now: float) -> None:
        order = self._order
        while order and (order[0][0] <= now or len(order) >= REMEMBERED):
            until, key = order.popleft()
            if self._ends.get(key, (0, 0.0))[1] == until:
                del self._ends[key]
