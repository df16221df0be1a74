"""What the switch says to the writes of one batch of commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from fullnat.core.interface import Effect, Op, Write, Written
from fullnat.tables.table import Owner, shown, table_of

_ASKED_FOR = (Owner.CONFIGURATION, Owner.SERVERS)
"""Whose entries commands ask for; what the switch has learned besides is not theirs."""


class Watch:
    def __init__(self, effects: Iterable[Effect]) -> None:
        self.refused: list[str] = []
        self._writes = {
            effect.token: effect
            for effect in effects
            if isinstance(effect, Write)
            and effect.token
            and any(table_of(entry).owner in _ASKED_FOR for _, entry in effect.updates)
        }
        self._done = asyncio.Event()

    @property
    def waits(self) -> bool:
        return bool(self._writes)

    def hear(self, event: Written) -> bool:
        """Take on an answer; whether it was the last one."""
        write = self._writes.pop(event.token, None)
        if write is None:
            return False
        for position, failure in sorted(event.failed.items()):
            operation, entry = write.updates[position]
            if operation is not Op.DELETE and table_of(entry).owner in _ASKED_FOR:
                self.refused.append(f"{operation.value} {shown(entry)}: {failure.message}")
        if not self._writes:
            self._done.set()
        return not self._writes

    def give_up(self) -> None:
        """Nothing will be answered any more."""
        self._writes.clear()
        self._done.set()

    async def answered(self) -> list[str]:
        await self._done.wait()
        return self.refused
