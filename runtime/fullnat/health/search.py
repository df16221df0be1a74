"""Looks for regular expressions without waiting for them: one process, which ends by itself when a search has taken its
time, and then there is another one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from weakref import WeakKeyDictionary

from fullnat.config.model import Check
from fullnat.health import pcre2
from fullnat.health.failed import Failed, Unusable

SECONDS = 0.5
"""Of CPU time that a search has."""


class Searcher:
    """Of one loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def find(self, check: Check, subject: bytes) -> bool:
        """Whether it is there. Raises Failed when nobody can say, Unusable or OSError when that is our own fault."""
        asked = {
            "pattern": check.regex,
            "options": pcre2.options(check.regex_options),
            "start": check.regex_min_offset,
            "last": check.regex_max_offset,
            "size": len(subject),
            "seconds": SECONDS,
        }
        async with self._turn:
            try:
                told = await self._ask(json.dumps(asked).encode() + b"\n" + subject)
            except BaseException:
                # What it has said of this search must not be taken for the answer of the next one.
                self._end()
                raise
        if told not in ("match", "none"):
            raise Failed(f"regex: {told}")
        return told == "match"

    async def _ask(self, request: bytes) -> str:
        process = self._process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(request)
            await process.stdin.drain()
        line = await process.stdout.readline()
        if line:
            return line.decode().strip()
        status = await process.wait()
        self._process = None
        if status == -signal.SIGPROF:
            raise Failed(f"regex: the search has not ended in {SECONDS:g} s")
        raise Unusable(f"the process that searches has ended with status {status}")

    @staticmethod
    async def _start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            pcre2.__file__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


_searchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Searcher] = WeakKeyDictionary()


async def find(check: Check, subject: bytes) -> bool:
    """As :meth:`Searcher.find`."""
    return await _searchers.setdefault(asyncio.get_running_loop(), Searcher()).find(check, subject)
