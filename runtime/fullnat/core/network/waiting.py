"""Packets that wait for their neighbor's address: bounded for each neighbor, as Linux bounds them, and in all."""

from __future__ import annotations

from collections import deque

PACKETS = 101
"""Packets held for a neighbor (Linux: neigh/default/unres_qlen)."""
BYTES = 212_992
"""Bytes held for a neighbor (Linux: neigh/default/unres_qlen_bytes). Only jumbo frames come to so many."""
TOTAL_BYTES = 8 << 20
"""Bytes held for all neighbors before each has to do with FEW: a scan fills no memory and starves nobody."""
FEW = 3
"""Packets that every neighbor may have waiting whatever the others have (Linux before 3.3: unres_qlen)."""
OVERHEAD = 128
"""Bytes that a packet takes beside its own."""


class Budget:
    """Bytes that all queues hold together."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0


class Waiting:
    """The packets that wait for one neighbor; the oldest is dropped first."""

    __slots__ = ("_budget", "_packets", "_used")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._packets: deque[tuple[bytes, int]] = deque()
        self._used = 0

    def __len__(self) -> int:
        return len(self._packets)

    def add(self, frame: bytes, priority: int = 0) -> int:
        """Append ``frame``, which has this priority. The number of packets dropped for it."""
        self._packets.append((frame, priority))
        self._charge(len(frame) + OVERHEAD)
        dropped = 0
        while self._too_many():
            self._charge(-len(self._packets.popleft()[0]) - OVERHEAD)
            dropped += 1
        return dropped

    def take(self) -> list[tuple[bytes, int]]:
        """All of them with their priorities, oldest first; none is left."""
        frames = list(self._packets)
        self._packets.clear()
        self._charge(-self._used)
        return frames

    def _too_many(self) -> bool:
        held = len(self._packets)
        return held > PACKETS or self._used > BYTES or (held > FEW and self._budget.used > TOTAL_BYTES)

    def _charge(self, size: int) -> None:
        self._used += size
        self._budget.used += size
