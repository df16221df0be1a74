"""What one more switch of a group has to be told: what the active one has taken, from the same bytes, in the same order
for each entry. It waits for nobody, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fullnat.app.group.ledger import is_gate
from fullnat.app.writer import WORTH_A_REQUEST, Update, WriteClient, next_batch
from fullnat.core.interface import Op
from fullnat.p4rt.errors import Code, code_name
from fullnat.tables.table import shown

GATHERING = 0.01
"""Seconds that an update waits for others to be sent with: a request costs more than several updates. A standby is so
much behind at most, and a round trip."""

_OTHERWISE: dict[tuple[Op, int], Op] = {
    (Op.INSERT, Code.ALREADY_EXISTS): Op.MODIFY,
    (Op.MODIFY, Code.NOT_FOUND): Op.INSERT,
}
"""What else brings an entry to where it is to be, while the switch still holds what it did before."""


class Replica:
    """``trouble`` hears of what the switch has refused; no more is sent then. ``is_filling``: it may hold anything, and
    an entry that is there, or is not, is no trouble."""

    def __init__(
        self,
        client: WriteClient,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        trouble: Callable[[str], None],
        *,
        is_filling: bool,
    ) -> None:
        self.is_filling = is_filling
        self.updates = 0
        self._client = client
        self._spawn = spawn
        self._trouble = trouble
        self.is_awaited = False
        """Somebody waits for what is put: it is sent at once."""
        self._waiting: deque[Update] = deque()
        self._sent = 0
        """Updates that are not answered."""
        self._progress = asyncio.Event()
        self._over = False
        self._put = 0
        self._waits: deque[tuple[int, Callable[[], None]]] = deque()
        """How many updates have to be confirmed, and who waits for that."""
        self._gathering: asyncio.TimerHandle | None = None
        """When what waits is sent."""

    @property
    def behind(self) -> int:
        """Updates that the switch has not confirmed."""
        return len(self._waiting) + self._sent

    @property
    def ended(self) -> bool:
        return self._over

    def put(self, updates: Iterable[Update], encoding: bytes | None = None) -> None:
        """``encoding``: that of the bytes that these have, if they have some; those of another program's are made
        anew."""
        if encoding is not None and encoding != self._client.schema.encoding:
            updates = [update.unencoded() for update in updates]
        before = len(self._waiting)
        self._waiting.extend(update for update in updates if not is_gate(update.entry))
        self._put += len(self._waiting) - before
        self._gather()

    def _gather(self) -> None:
        """Send what waits soon, or at once if it is much."""
        if self.is_filling or self.is_awaited or len(self._waiting) >= WORTH_A_REQUEST:
            self._pump()
        elif self._waiting and not self._sent and self._gathering is None and not self._over:
            self._gathering = asyncio.get_running_loop().call_later(GATHERING, self._pump)

    def when_confirmed(self, call: Callable[[], None]) -> None:
        """``call`` is called once the switch has confirmed what was put so far, or has come to its end."""
        if self._over or not self.behind:
            call()
        else:
            self._waits.append((self._put, call))

    def end(self) -> None:
        """It is sent nothing more."""
        self._over = True
        self._waiting.clear()
        self._gather_no_more()
        self._progress.set()
        while self._waits:
            self._waits.popleft()[1]()

    async def over(self) -> None:
        """Until it has come to its end."""
        while not self._over:
            self._progress.clear()
            await self._progress.wait()

    async def below(self, most: int) -> None:
        """Until no more than so many updates are not confirmed, or it has come to its end."""
        self._pump()
        while self.behind > most and not self._over:
            self._progress.clear()
            await self._progress.wait()

    def _gather_no_more(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _pump(self) -> None:
        self._gather_no_more()
        if not self._sent and self._waiting and not self._over:
            batch = next_batch(self._waiting, set())
            self._sent = len(batch)
            self._spawn(self._send(batch))

    async def _send(self, batch: list[Update]) -> None:
        """Raises P4RuntimeError."""
        problem = await self._written(batch)
        self._sent = 0
        self.updates += len(batch)
        self._progress.set()
        while self._waits and self._waits[0][0] <= self._put - len(self._waiting):
            self._waits.popleft()[1]()
        if problem is not None and not self._over:
            self.end()
            self._trouble(problem)
        self._gather()

    async def _written(self, batch: list[Update]) -> str | None:
        """What the switch has refused for good."""
        schema = self._client.schema
        cells: list[bytes] = []
        wires: list[bytes] = []
        owners: list[tuple[Update, int]] = []
        for update in batch:
            if not update.wires:
                try:
                    update.wires = schema.encode(update.op, update.entry)
                except ValueError as error:
                    return f"{update.op.value} {shown(update.entry)}: {error}"
            if (cell := schema.cell_to_clear(update.op, update.entry)) is not None:
                cells.append(cell)
            wires.extend(update.wires)
            owners.extend((update, part) for part in range(len(update.wires)))
        errors = await self._client.write(cells + wires)
        refused = {
            wire - len(cells): error
            for wire, error in errors.items()
            if wire >= len(cells) and not _is_gone(owners[wire - len(cells)][0].op, error[0])
        }
        return await self._amended(owners, refused) if refused else None

    async def _amended(self, owners: list[tuple[Update, int]], errors: dict[int, tuple[int, str]]) -> str | None:
        """Have what was refused in another way, if it may be."""
        again: list[bytes] = []
        for wire, (code, message) in errors.items():
            update, part = owners[wire]
            instead = _OTHERWISE.get((update.op, code)) if self.is_filling else None
            if instead is None:
                return f"{update.op.value} {shown(update.entry)}: {code_name(code)} {message}"
            again.append(self._client.schema.encode(instead, update.entry)[part])
        failed = await self._client.write(again)
        for code, message in failed.values():
            return f"an entry that was there, or was not, is refused otherwise as well: {code_name(code)} {message}"
        return None


def _is_gone(op: Op, code: int) -> bool:
    return op is Op.DELETE and code == Code.NOT_FOUND
