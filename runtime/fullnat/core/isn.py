"""Initial sequence numbers towards real servers (RFC 6528): a keyed hash of the connection plus a clock of 64 ns ticks.

Many clients share one (local address, local port, server, server port) over time. A server that still has the previous
connection in TIME-WAIT accepts a SYN only when its sequence number went up, so the number must rise with every SYN of
one 4-tuple. The clock here never repeats and never goes back, which gives that without remembering tuples.

After a restart of the controller the numbers go on rising if the secret is the same and the clock is the time of day:
the shell keeps the secret in its state file and passes ``wall_offset``.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

TICKS_PER_SECOND = 15_625_000
"""One tick is 64 ns, as in RFC 6528's recommendation of a clock near 250 kHz or faster and in Linux."""

_TUPLE = Struct("!IHIH")
MASK32 = 0xFFFFFFFF


class IsnGenerator:
    def __init__(self, secret: bytes, wall_offset: float = 0.0) -> None:
        """``secret``: 16 to 64 bytes. ``wall_offset``: seconds to add to ``now`` to get the time of day."""
        if not 16 <= len(secret) <= blake2b.MAX_KEY_SIZE:
            raise ValueError(f"the ISN secret must have 16 to {blake2b.MAX_KEY_SIZE} bytes, not {len(secret)}")
        self._secret = secret
        self._offset = int(wall_offset * TICKS_PER_SECOND)
        self._clock = 0

    def next(self, local: int, local_port: int, server: int, server_port: int, now: float) -> int:
        clock = int(now * TICKS_PER_SECOND) + self._offset
        if clock <= self._clock:
            clock = self._clock + 1
        self._clock = clock
        packed = _TUPLE.pack(local, local_port, server, server_port)
        digest = blake2b(packed, digest_size=4, key=self._secret).digest()
        return (int.from_bytes(digest, "big") + clock) & MASK32
