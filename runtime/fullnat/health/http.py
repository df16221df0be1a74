"""The server answers a GET with a status, and a body, that are wanted (keepalived: HTTP_GET and SSL_GET).

HTTP/1.0 is spoken, as keepalived does: the answer ends with the connection, and comes in one piece.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from functools import lru_cache

from fullnat.config import probes
from fullnat.config.model import Check
from fullnat.health import search
from fullnat.health.connect import Target, connect
from fullnat.health.failed import Failed, Unusable, reason

MOST_HEAD = 65536
MOST_BODY = 16 << 20
"""Bytes of an answer that are read."""
_, MOST_SEARCHED = probes.OFFSETS
"""Those of the body that a regular expression is looked for in: as many as its options can name."""
_PIECE = 65536


@lru_cache(maxsize=64)
def _context(verify: bool, ca_file: str) -> ssl.SSLContext:
    """Raises Unusable."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise Unusable(f"ca_file {ca_file}: {reason(error)}") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def check(settings: Check, target: Target) -> None:
    """Raises Failed, Unusable, TimeoutError or OSError. A server has its time to answer; what is looked for then, and
    waits for its turn, has its own."""
    async with asyncio.timeout(settings.timeout):
        body = await _asked(settings, target)
    if settings.regex and await search.find(settings, body) is settings.regex_no_match:
        raise Failed("a body that regex matches" if settings.regex_no_match else "a body that regex does not match")


async def _asked(settings: Check, target: Target) -> bytes:
    """What is to be searched of the body."""
    connection = await connect(settings, target)
    try:
        context = _context(settings.verify, settings.ca_file) if settings.tls else None
        host = settings.host or target.address
        reader, writer = await asyncio.open_connection(
            sock=connection, ssl=context, server_hostname=host if context else None, limit=MOST_HEAD
        )
    except BaseException:
        connection.close()
        raise
    try:
        writer.write(_request(settings, target))
        return await _answer(settings, reader)
    finally:
        writer.transport.abort()


def _request(settings: Check, target: Target) -> bytes:
    address = f"[{target.address}]" if target.is_v6 else target.address
    standard = target.port == (443 if settings.tls else 80)
    host = settings.host or (address if standard else f"{address}:{target.port}")
    return (
        f"GET {settings.path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: p4-fullnat\r\nConnection: close\r\n\r\n"
    ).encode()


async def _answer(settings: Check, reader: asyncio.StreamReader) -> bytes:
    try:
        line = (await reader.readuntil(b"\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Failed("no answer of HTTP") from None
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/") or not (code.isascii() and code.isdigit() and len(code) == 3):
        raise Failed("no answer of HTTP")
    if not any(low <= int(code) <= high for low, high in probes.ranges(settings.status)):
        raise Failed(f"status {code}, not {settings.status}")
    return await _body(settings, reader) if settings.digest or settings.regex else b""


async def _body(settings: Check, reader: asyncio.StreamReader) -> bytes:
    """Compare it with the digest, and return what is to be searched of it."""
    length, kept = 0, b""
    try:
        while (await reader.readuntil(b"\n")).strip():
            pass
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Failed("the answer ends in its headers") from None
    found = hashlib.md5(usedforsecurity=False)
    while piece := await reader.read(_PIECE):
        found.update(piece)
        length += len(piece)
        if settings.regex and len(kept) < MOST_SEARCHED:
            kept += piece[: MOST_SEARCHED - len(kept)]
        elif not settings.digest:
            break
        if length > MOST_BODY:
            raise Failed(f"a body of more than {MOST_BODY} bytes")
    if settings.digest and found.hexdigest() != settings.digest:
        raise Failed(f"a body with digest {found.hexdigest()}, not {settings.digest}")
    return kept
