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
from fullnat.app.liveness import LOST_BESIDE, TICK_SECONDS

NOTICE_SECONDS = LOST_BESIDE + 2 * TICK_SECONDS
"""Until a leader has noticed that a switch is silent, and given up the others."""


class Admission:
    """Of one group."""

    def __init__(self, remembered: Remembered) -> None:
        self.admitted: frozenset[str] = frozenset()
        """Switches that we may write to."""
        self._told: frozenset[str] = frozenset()
        """Those that others are to know of: these, and some that will be."""
        self._remembered = remembered
        self._others: frozenset[str] = frozenset()
        """Switches that the leader before may write to."""
        self._since: float | None = None
        """From when on we have been primary on one of them."""

    def begin(self) -> None:
        """We lead, and have no switch yet."""
        self.admitted = self._told = frozenset()
        self._since = None
        remembered = self._remembered
        holds_all = remembered.shared and remembered.held == remembered.group
        self._others = remembered.held if holds_all else frozenset()

    def is_alone(self, primary: Collection[str]) -> bool:
        """``primary``: the switches on which we are so now."""
        ours = self._others & set(primary)
        if not ours:
            self._since = None
        elif self._since is None:
            self._since = monotonic()
        if ours == self._others or (self._since is not None and monotonic() - self._since > NOTICE_SECONDS):
            self._others = frozenset()
        return not self._others

    async def admit(self, name: str, group: Collection[str]) -> None:
        """We are alone: once others would know that we hold ``name``, of the switches ``group``, it may be written
        to."""
        self._told |= {name}
        await self._remembered.hold(self._told, frozenset(group))
        self.admitted |= {name}

    def leave(self, name: str) -> None:
        """``name`` is ours no more."""
        self.admitted -= {name}
        if name in self._told:
            self._told -= {name}
            self._remembered.release(self._told)
