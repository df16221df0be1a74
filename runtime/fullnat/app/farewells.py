"""Resets of sessions that end, and the removals that must not overtake them.

A reset is rewritten by its session's entries, so they have to outlive it. Resets go as packet-outs and removals as
writes, on separate streams: while the switch is behind with packet-outs, removals wait in one queue with the resets
before them. Packets of connections that begin go first.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from fullnat.core.interface import Op, Reset, Write
from fullnat.tables.session import SessionEntry

MARGIN = 1.0
"""Seconds from handing a reset to the stream until the switch has it for certain."""


class Farewells:
    """A queue of resets, and of removals of sessions."""

    def __init__(self) -> None:
        self._queue: deque[Reset | Write] = deque()
        self._behind_until = 0.0

    def reset(self, effect: Reset) -> None:
        self._queue.append(effect)

    def holds(self, write: Write) -> bool:
        """Queue ``write`` if it is a removal that resets stand before."""
        if (self._queue or monotonic() < self._behind_until) and _removes(write):
            self._queue.append(write)
            return True
        return False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def first(self) -> Reset | Write | None:
        """What is to be carried out next, and then taken away by :meth:`done`."""
        return self._queue[0] if self._queue else None

    def done(self) -> None:
        self._queue.popleft()

    def behind(self) -> None:
        """The switch does not take the first one yet."""
        self._behind_until = monotonic() + MARGIN

    def clear(self) -> None:
        self._queue.clear()
        self._behind_until = 0.0


def _removes(write: Write) -> bool:
    return all(op is Op.DELETE and isinstance(entry, SessionEntry) for op, entry in write.updates)
