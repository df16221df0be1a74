"""What the leader writes to etcd: memos as they change, and the configuration. Each transaction is on the condition
that the leader's key is still the one of its term, so that one who leads no more overwrites nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, MutableMapping
from itertools import islice
from typing import NoReturn, Protocol

from fullnat.app.ports import Remembering
from fullnat.app.shared.keys import Keys, packed, written
from fullnat.config.written.model import text_of
from fullnat.core.declared.model import Model
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.etcd.client import Change
from fullnat.etcd.errors import EtcdError, Unreachable

INTERVAL = 0.2
"""Seconds between two looks at what has changed."""
PER_TURN = 256
"""Memos looked at before others have their turn."""
OPERATIONS = 100
"""Of a transaction; etcd takes 128 unless told otherwise (--max-txn-ops)."""
MEMOS_PER_SECOND = 2000
"""What is written at most: each is a revision that etcd keeps until it is compacted."""
STALE = 0.75
"""Of the time that a template has left: one that has so much left in etcd is not written again because a further
connection has given it some more."""
SECONDS = 1.0
"""What a transaction may take."""
RETRY_SECONDS = 0.3

_LOGGER = logging.getLogger(__name__)


class Etcd(Protocol):
    """The part of :class:`fullnat.etcd.client.Etcd` used here."""

    async def write(self, while_: tuple[bytes, int], changes: list[Change], seconds: float) -> bool: ...


class Deposed(Exception):
    """Another controller leads."""


class Scribe:
    """Of one term. ``stored`` has the memos that etcd has, and is kept so."""

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        term: int,
        stored: MutableMapping[MemoryKey, Memo],
        memory: Remembering,
        model: Callable[[], Model],
    ) -> None:
        self.written = 0
        """Memos."""
        self.config: bytes | None = None
        """What etcd has, as far as this term knows."""
        self._etcd = etcd
        self._keys = keys
        self._condition = keys.leader, term
        self._stored = stored
        self._memory = memory
        self._model = model
        self._pending: dict[MemoryKey, Memo | None] = {}
        self._switches: bytes | None = None
        """What is to be known of a group's, and etcd does not have."""
        self._news_of_switches = asyncio.Event()
        self._has_switches = asyncio.Event()
        self._changed = asyncio.Event()
        self._current = asyncio.Event()
        self._told = ""

    @property
    def depth(self) -> int:
        """Memos that wait."""
        return len(self._pending)

    # ---- memos

    async def keep_memos(self) -> NoReturn:
        """Raises Deposed."""
        while True:
            began = time.monotonic()
            count = await self.write_memos()
            await asyncio.sleep(max(INTERVAL, began + count / MEMOS_PER_SECOND - time.monotonic()))

    async def write_memos(self) -> int:
        """All that wait, or so many as a second's; how many were written. Raises Deposed."""
        while len(news := self._memory.news(PER_TURN)) == PER_TURN:
            self._take(news)
            await asyncio.sleep(0)
        self._take(news)
        count = 0
        while self._pending and count < MEMOS_PER_SECOND:
            some = dict(islice(self._pending.items(), OPERATIONS))
            if not await self._write([self._change(key, memo) for key, memo in some.items()], "memos"):
                break
            count += len(some)
            for key, memo in some.items():
                self._done(key, memo)
        self.written += count
        return count

    def _change(self, key: MemoryKey, memo: Memo | None) -> Change:
        of, value = written(key, memo)
        return Change(self._keys.memo + of, value)

    def _done(self, key: MemoryKey, memo: Memo | None) -> None:
        if self._pending.get(key, ...) == memo:
            del self._pending[key]
        if memo is None:
            self._stored.pop(key, None)
        else:
            self._stored[key] = memo

    def _take(self, news: list[tuple[MemoryKey, Memo | None]]) -> None:
        now = time.time()
        for key, memo in news:
            if _is_written(self._stored.get(key), memo, key, now):
                self._pending.pop(key, None)
            else:
                self._pending[key] = memo

    # ---- the switches of a group

    def remember(self, switches: bytes) -> None:
        self._switches = switches
        self._has_switches.clear()
        self._news_of_switches.set()

    async def switches_current(self) -> None:
        """Until etcd has what was last to be remembered."""
        await self._has_switches.wait()

    async def keep_switches(self) -> NoReturn:
        """Raises Deposed."""
        while True:
            await self._news_of_switches.wait()
            self._news_of_switches.clear()
            if not await self.write_switches():
                self._news_of_switches.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def write_switches(self) -> bool:
        """Whether etcd has what is to be remembered. Raises Deposed."""
        while (switches := self._switches) is not None:
            if not await self._write([Change(self._keys.switches, switches)], "what is known of the switches"):
                return False
            if self._switches is switches:
                self._switches = None
                self._has_switches.set()
        return True

    # ---- the configuration

    def changed(self) -> None:
        """The model has."""
        self._current.clear()
        self._changed.set()

    async def current(self) -> None:
        """Until etcd has the configuration that runs."""
        await self._current.wait()

    async def keep_config(self) -> NoReturn:
        """What etcd has stays until something changes here: an older controller may not know all that it says. Raises
        Deposed."""
        if self.config is not None:
            self._current.set()
            await self._changed.wait()
        while True:
            self._changed.clear()
            if await self.write_config() and not self._changed.is_set():
                self._current.set()
                await self._changed.wait()
            else:
                await asyncio.sleep(RETRY_SECONDS)

    async def write_config(self) -> bool:
        """Whether etcd has what runs now. Raises Deposed."""
        text = await asyncio.to_thread(text_of, self._model().copy())
        value = await asyncio.to_thread(packed, text)
        if value is None:
            self._tell(
                f"the configuration is too large for etcd ({len(text)} bytes): controllers that stand by lack it"
            )
            return True
        if value != self.config:
            if not await self._write([Change(self._keys.config, value)], "the configuration"):
                return False
            self.config = value
        return True

    # ---- both

    async def _write(self, changes: list[Change], what: str) -> bool:
        """Whether it was done; what could not be is tried again. Raises Deposed."""
        try:
            if not await self._etcd.write(self._condition, changes, SECONDS):
                raise Deposed
        except EtcdError as error:
            if not isinstance(error, Unreachable):
                self._tell(f"{what} cannot be written: {error}")
            return False
        self._told = ""
        return True

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            _LOGGER.error("%s", trouble)
        self._told = trouble


def _is_written(stored: Memo | None, memo: Memo | None, key: MemoryKey, now: float) -> bool:
    """etcd has it, or something that does as well."""
    if stored is None or memo is None or stored == memo:
        return stored == memo
    if key.kind is not Kind.TEMPLATE or stored.until is None or memo.until is None:
        return False
    is_same = stored._replace(until=None) == memo._replace(until=None)
    return is_same and STALE * (memo.until - now) <= stored.until - now <= memo.until - now
