"""Timers: a wheel of coarse ticks. Arming, re-arming and cancelling are dictionary operations and leave no garbage.

A timer fires up to one tick late and never early. All items of a tick fire together, which batches what is done with
them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class _Slot(dict[Item, None]):
    """The items that fire at one tick."""

    __slots__ = ("tick",)

    def __init__(self, tick: int) -> None:
        super().__init__()
        self.tick = tick


class TimerWheel(Generic[Item]):
    def __init__(self, tick: float = 0.25) -> None:
        """``tick``: seconds."""
        self._tick = tick
        self._slots: dict[int, _Slot[Item]] = {}
        self._order: list[int] = []
        self._where: dict[Item, _Slot[Item]] = {}

    def __iter__(self) -> Iterator[Item]:
        """Those that are armed."""
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def arm(self, item: Item, deadline: float) -> None:
        """(Re)arm ``item``, which has one timer."""
        tick = int(deadline / self._tick) + 1
        old = self._where.get(item)
        if old is not None:
            if old.tick == tick:
                return
            del old[item]
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = _Slot(tick)
            heappush(self._order, tick)
        slot[item] = None
        self._where[item] = slot

    def cancel(self, item: Item) -> None:
        slot = self._where.pop(item, None)
        if slot is not None:
            del slot[item]

    def when(self, item: Item) -> float | None:
        """The time at which ``item`` fires, None when it is not armed."""
        slot = self._where.get(item)
        return None if slot is None else slot.tick * self._tick

    def deadline(self) -> float | None:
        """When to call :meth:`due` next."""
        self._discard_empty()
        return self._order[0] * self._tick if self._order else None

    def due(self, now: float, limit: int = 1 << 30) -> list[Item]:
        """Disarm and return what is due, ``limit`` items at most; the rest stays due."""
        fired: list[Item] = []
        while self._order and self._order[0] * self._tick <= now:
            items = self._slots[self._order[0]]
            if len(fired) + len(items) > limit:
                while len(fired) < limit:
                    fired.append(items.popitem()[0])
                break
            fired.extend(items)
            del self._slots[heappop(self._order)]
        for item in fired:
            del self._where[item]
        return fired

    def _discard_empty(self) -> None:
        while self._order and not self._slots[self._order[0]]:
            del self._slots[heappop(self._order)]
