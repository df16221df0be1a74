"""What etcd has below a prefix, followed by a watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import NoReturn, Protocol

from fullnat.etcd.client import Held, News
from fullnat.etcd.errors import Compacted, EtcdError

PER_TURN = 256
"""Keys taken in before others have their turn: about 2 ms."""
RETRY_SECONDS = 0.2

_LOGGER = logging.getLogger(__name__)


class Source(Protocol):
    """The part of :class:`fullnat.etcd.client.Etcd` used here."""

    async def everything(self, prefix: bytes) -> tuple[list[Held], int]: ...

    def watch(self, prefix: bytes, revision: int) -> AsyncIterator[News]: ...


class Mirror:
    def __init__(self, etcd: Source, prefix: bytes, heard: Callable[[bytes, bytes | None], None]) -> None:
        """``heard`` is told of each key's value, first and whenever it changes; None: it is gone."""
        self.revision = 0
        """Everything up to it has been heard."""
        self.is_reading = False
        """What is told to be gone was not there when all was read."""
        self._etcd = etcd
        self._prefix = prefix
        self._heard = heard
        self._keys: set[bytes] = set()
        self._reached = asyncio.Event()

    async def read(self) -> None:
        """Hear of everything that there is. Raises EtcdError."""
        found, revision = await self._etcd.everything(self._prefix)
        self.is_reading = True
        for key in self._keys - {held.key for held in found}:
            self._hear(key, None)
        self.is_reading = False
        for number, held in enumerate(found, 1):
            self._hear(held.key, held.value)
            if not number % PER_TURN:
                await asyncio.sleep(0)
        self._reach(revision)

    async def follow(self) -> NoReturn:
        """Hear of what changes, again and again from where a watch has ended; where etcd has forgotten that, everything
        is read anew."""
        while True:
            try:
                if not self.revision:
                    await self.read()
                async for news in self._etcd.watch(self._prefix, self.revision + 1):
                    await self._take(news)
            except Compacted as error:
                _LOGGER.info("%s; all is read anew", error)
                self.revision = 0
                await asyncio.sleep(RETRY_SECONDS)
            except EtcdError:
                # Calls that are answered, or not, tell of it.
                await asyncio.sleep(RETRY_SECONDS)

    def forget(self) -> None:
        """Hear of everything anew the next time."""
        self.revision = 0
        self._keys.clear()

    async def reached(self, revision: int) -> None:
        """Until everything up to ``revision`` has been heard, which is one of a change below the prefix."""
        while self.revision < revision:
            self._reached.clear()
            await self._reached.wait()

    async def _take(self, news: News) -> None:
        for number, change in enumerate(news.changes, 1):
            self._hear(change.key, change.value)
            if not number % PER_TURN:
                await asyncio.sleep(0)
        self._reach(news.revision)

    def _hear(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._keys.discard(key)
        else:
            self._keys.add(key)
        self._heard(key, value)

    def _reach(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        self._reached.set()
