"""Servers to check: on loopback, each as well or ill as a test wants it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from fullnat.health.connect import Target

HOST = "127.0.0.1"


async def until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Poll until ``condition``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert condition(), what


@contextlib.asynccontextmanager
async def serving(answer: bytes | None, port: int = 0) -> AsyncIterator[Target]:
    """A server that answers this to whatever it is asked, and closes; None: it answers nothing, ever."""
    ends = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(4096)
            if answer is None:
                await ends.wait()
            else:
                writer.write(answer)
                await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, HOST, port)
    try:
        yield Target(HOST, server.sockets[0].getsockname()[1], False)
    finally:
        ends.set()
        server.close()
