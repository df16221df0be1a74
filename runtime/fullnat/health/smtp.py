"""A mail server greets and takes HELO (keepalived: SMTP_CHECK, RFC 5321 section 4.3.2)."""

from __future__ import annotations

import asyncio

from fullnat.config.model import Check
from fullnat.health.connect import Target, connect
from fullnat.health.failed import Failed

_LINES = 100
"""Of one answer."""


async def check(settings: Check, target: Target) -> None:
    """Raises Failed or OSError."""
    connection = await connect(settings, target)
    try:
        reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    except BaseException:
        connection.close()
        raise
    try:
        await _expect(reader, "220", "greeting")
        writer.write(f"HELO {settings.host or 'localhost'}\r\n".encode())
        await _expect(reader, "250", "HELO")
        writer.write(b"QUIT\r\n")
        await _expect(reader, "221", "QUIT")
    finally:
        writer.transport.abort()


async def _expect(reader: asyncio.StreamReader, code: str, what: str) -> None:
    """The last line of an answer, which may have more, begins with ``code``."""
    try:
        for _ in range(_LINES):
            line = (await reader.readuntil(b"\n")).decode("latin-1")
            if line[3:4] != "-":
                break
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Failed(f"no answer of SMTP to {what}") from None
    if line[:3] != code:
        raise Failed(f"{what}: {line[:40].strip()!r}, not {code}")
