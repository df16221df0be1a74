"""From when on a controller that shares a group's switches with others may write to them: never do two write, on
whatever switches.

A leader that etcd does not confirm goes on only while it holds each switch of the group: is primary there, and has been
admitted. So who leads next is alone

* at once, if the one before has not held all of them, by what it had etcd know before it wrote to one; or
* once it is primary on all of them itself, for a switch obeys one; or
* once it has been so on one for longer than the one before takes to notice that this one says nothing to it any more.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic

from fullnat.app.group.remembered import Remembered
from fullnat.app.liveness import LOST_SECONDS, TICK_SECONDS

NOTICE_SECONDS = LOST_SECONDS + 2 * TICK_SECONDS
"""Until a leader has noticed that a switch is silent, and given up the others."""


class Admission:
    """Of one group with these switches."""

    def __init__(self, remembered: Remembered, names: Collection[str]) -> None:
        self.admitted: frozenset[str] = frozenset()
        """Switches that we may write to."""
        self._told: frozenset[str] = frozenset()
        """Those that others are to know of: these, and some that will be."""
        self._remembered = remembered
        self._names = frozenset(names)
        self._is_alone = False
        self._since: float | None = None
        """From when on we have been primary on one of them."""

    def begin(self) -> None:
        """We lead, and have no switch yet."""
        self.admitted = self._told = frozenset()
        self._since = None
        self._is_alone = not self._remembered.shared or self._remembered.held != self._names

    def is_alone(self, primary: Collection[str]) -> bool:
        """``primary``: the switches on which we are so now."""
        if not primary:
            self._since = None
        elif self._since is None:
            self._since = monotonic()
        noticed = self._since is not None and monotonic() - self._since > NOTICE_SECONDS
        self._is_alone = self._is_alone or len(primary) == len(self._names) or noticed
        return self._is_alone

    async def admit(self, name: str) -> None:
        """We are alone: once others would know that we hold ``name``, it may be written to."""
        self._told |= {name}
        await self._remembered.hold(self._told)
        self.admitted |= {name}

    def leave(self, name: str) -> None:
        """``name`` is ours no more."""
        self.admitted -= {name}
        if name in self._told:
            self._told -= {name}
            self._remembered.release(self._told)
