"""Filling a switch of a group: it is made to hold what the active one does, while connections begin and end.

Live writes go to it all the while (:class:`fullnat.app.group.replica.Replica`), in one queue with those made here. So
what is decided here is decided by what the active one holds at that moment, and nothing else comes in between:

1. What leads to nothing that is missing is written: everything but sessions.
2. Its sessions are read. One that the core holds just so stays as it is; any other is deleted.
3. Each session of the core that was not among them is inserted, once no write of it is under way. What the deletions of
   the second step may have hit, because it came since with the same keys, is one of these.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from fullnat.app.group.ledger import Ledger
from fullnat.app.group.replica import Replica
from fullnat.app.ports import Core
from fullnat.app.writer import Update
from fullnat.core.interface import Op
from fullnat.p4rt.client import Client
from fullnat.tables.session import SessionEntry

SESSIONS_PER_TURN = 64
"""Sessions looked at before other work of the controller gets its turn: a millisecond or so."""
AHEAD = 256
"""Updates on their way to the switch beside which no more are made."""
SHARE = 3.0
"""Of the time that a turn took, what is left to others before the next one: a quarter of the controller's is for it."""
CHANGING = 0.05
"""Seconds until a session whose write is under way is looked at again."""

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """Of a switch that is being filled, in sessions."""

    total: int = 0
    done: int = 0
    inserted: int = 0
    deleted: int = 0
    began: float = 0.0

    def __str__(self) -> str:
        return (
            f"after {monotonic() - self.began:.1f} s: {self.total} sessions, of which {self.inserted} were missing; "
            f"{self.deleted} that it had were deleted"
        )

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


class Fill:
    def __init__(self, client: Client, replica: Replica, ledger: Ledger, core: Core) -> None:
        """``replica`` is told of everything that the active switch takes from now on."""
        self.progress = Progress(total=len(core.session_ids()), began=monotonic())
        self._client = client
        self._replica = replica
        self._ledger = ledger
        self._core = core

    async def run(self) -> None:
        """Until the switch holds everything, or its replica has come to its end. Raises P4RuntimeError."""
        self._replica.put(self._ledger.difference(await self._client.read_but_sessions(), has_surplus_sessions=True))
        seen = await self._remove_surplus()
        self._replica.put(self._ledger.difference(await self._client.read_but_sessions(), has_surplus_sessions=False))
        await self._insert_missing(seen)
        await self._replica.below(0)

    async def _remove_surplus(self) -> set[int]:
        """The ids of the sessions that are right."""
        seen: set[int] = set()
        halves = self._client.schema.sessions.halves()
        async for sessions in self._client.read_sessions(halves):
            for start in range(0, len(sessions), SESSIONS_PER_TURN):
                await self._turn(sessions[start : start + SESSIONS_PER_TURN], seen)
        # Of a session that is known both halves are written below.
        await self._replica.below(0)
        await self._client.delete_halves(halves.orphans)
        self.progress.deleted += len(halves.orphans)
        return seen

    async def _turn(self, sessions: Sequence[SessionEntry], seen: set[int]) -> None:
        began = monotonic()
        surplus: list[Update] = []
        for entry in sessions:
            if self._core.stands(entry):
                seen.add(entry.session_id)
            else:
                surplus.append(Update(Op.DELETE, entry))
        self._replica.put(surplus)
        self.progress.deleted += len(surplus)
        self.progress.done = len(seen)
        await self._give_way(began)

    async def _insert_missing(self, seen: set[int]) -> None:
        ids = self._core.session_ids()
        self.progress.total = len(ids)
        waiting = deque(number for number in ids if number not in seen)
        changing: list[int] = []
        while (waiting or changing) and not self._replica.ended:
            if not waiting:
                await asyncio.sleep(CHANGING)
                waiting.extend(changing)
                changing.clear()
            began = monotonic()
            missing: list[Update] = []
            while waiting and len(missing) < SESSIONS_PER_TURN:
                number = waiting.popleft()
                entry = self._core.standing(number)
                if entry == "changing":
                    changing.append(number)
                elif entry is not None:
                    missing.append(Update(Op.INSERT, entry))
            self._replica.put(missing)
            self.progress.inserted += len(missing)
            self.progress.done = len(ids) - len(waiting) - len(changing)
            await self._give_way(began)

    async def _give_way(self, began: float) -> None:
        await asyncio.sleep(SHARE * (monotonic() - began))
        await self._replica.below(AHEAD)
