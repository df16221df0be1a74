"""What the controller remembers from one run to the next, in a file of the state directory: templates of persistence,
deadlines of servers that are taken out, slow starts.

Changes are appended every second, so that a controller that is killed loses no more than that. A line is a JSON list:
the key, and the memo or null. When most of the lines are history, the file is written anew.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from fullnat.app.ports import Remembering
from fullnat.app.replacing import replace, write
from fullnat.core.declared.modes import Mode
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.net.flow import Address, Endpoint, address, text

INTERVAL = 1.0
"""Seconds."""
PER_TURN = 256
"""Memos written before other work of the controller gets its turn: about 2 ms."""
HISTORY = 10_000
"""Lines that are no longer so that the file may have, beside as many as there are memos."""
_LATEST = 1e11
"""Times of day beyond it are damage: no clock is past the year 5000."""
HEADER = json.dumps({"fullnat memory": 1})

Item = tuple[MemoryKey, Memo]
News = Iterable[tuple[MemoryKey, Memo | None]]

_LOGGER = logging.getLogger(__name__)
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class MemoryFile:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "memory"
        self._lines = 0

    def read(self) -> list[Item]:
        """The memos. A file that is damaged is read up to there, and a warning says so."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            _LOGGER.warning("%s: %s; nothing is remembered", self.path, error.strerror)
            return []
        found: dict[MemoryKey, Memo] = {}
        for number, line in enumerate(lines, 1):
            try:
                if number == 1:
                    if line != HEADER:
                        raise ValueError
                    continue
                key, memo = decoded(line)
            except (ValueError, TypeError, KeyError, RecursionError):
                _LOGGER.warning("%s:%d is damaged; what follows is forgotten", self.path, number)
                break
            if memo is None:
                found.pop(key, None)
            else:
                found[key] = memo
        return list(found.items())

    def append(self, news: News) -> None:
        """Raises OSError."""
        lines = [encoded(key, memo) + "\n" for key, memo in news]
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            write(descriptor, "".join(lines).encode())
        finally:
            os.close(descriptor)
        self._lines += len(lines)

    def is_history(self, memos: int) -> bool:
        """Most of what the file says is no longer so."""
        return self._lines > 2 * memos + HISTORY

    def rewrite(self, items: Iterable[Item]) -> None:
        """Raises OSError, and then the old file is there as it was."""
        lines = [HEADER, *(encoded(key, memo) for key, memo in items)]
        replace(self.path, ("\n".join(lines) + "\n").encode())
        self._lines = len(lines) - 1


class Keeper:
    """Writes what the core remembers, as long as the controller runs."""

    def __init__(self, memory: Remembering, file: MemoryFile) -> None:
        self._memory = memory
        self._file = file
        self._memos = 0
        """Those that there were when the file was last written anew."""
        self._whole = True
        """The file is to be written anew."""
        self._failing = False

    async def run(self) -> NoReturn:
        """Until cancelled; what is left is written then."""
        try:
            while True:
                await self.save()
                await asyncio.sleep(INTERVAL)
        finally:
            while self._turn():
                pass

    async def save(self) -> None:
        more = True
        while more:
            more = self._turn()
            await asyncio.sleep(0)

    def _turn(self) -> bool:
        """Write some; returns whether there is more."""
        news = self._memory.news(PER_TURN)
        try:
            if self._whole or self._file.is_history(self._memos):
                items = list(self._memory.everything())
                self._file.rewrite(items)
                self._memos = len(items)
                self._whole = False
            elif news:
                self._file.append(news)
        except OSError as error:
            # What could not be appended is in the next whole file.
            self._whole = True
            if not self._failing:
                _LOGGER.error("%s: %s; what changes meanwhile is not remembered", self._file.path, error.strerror)
            self._failing = True
            return False
        if self._failing:
            _LOGGER.info("%s: is written again", self._file.path)
        self._failing = False
        return len(news) == PER_TURN


def encoded(key: MemoryKey, memo: Memo | None) -> str:
    kind, (protocol, virtual), client, server, mode = key
    of = [kind, protocol, *_endpoint(virtual), None if client is None else text(client)]
    of += [None, None, None] if server is None else [*_endpoint(server), mode]
    if memo is None:
        return _ENCODE([of, None])
    said = [*_endpoint(memo.server), memo.mode, memo.since, memo.until, memo.by_command]
    return _ENCODE([of, [*said, memo.quic_id] if memo.quic_id else said])


def decoded(line: str) -> tuple[MemoryKey, Memo | None]:
    """Raises ValueError, TypeError or KeyError for what :func:`encoded` never says."""
    (kind, protocol, vip, vport, client, host, port, mode), said = json.loads(line)
    service = _number(protocol), _read(vip, vport)
    whose = None if client is None else _address(client)
    server = None if host is None else _read(host, port)
    key = MemoryKey(Kind(kind), service, whose, server, None if mode is None else Mode(mode))
    if said is None:
        return key, None
    host, port, mode, since, until, by_command, *more = said
    (quic_id,) = more or ("",)
    bytes.fromhex(quic_id)
    return key, Memo(_read(host, port), Mode(mode), _time(since), _time(until), bool(by_command), quic_id)


def _endpoint(endpoint: Endpoint) -> tuple[str, int]:
    return text(endpoint.address), endpoint.port


def _read(host: Any, port: Any) -> Endpoint:
    return Endpoint(_address(host), _number(port))


def _address(value: Any) -> Address:
    if not isinstance(value, str):
        raise TypeError
    return address(value)


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value


def _time(value: Any) -> float | None:
    if value is not None and not 0 <= value <= _LATEST:
        raise ValueError
    return None if value is None else float(value)
