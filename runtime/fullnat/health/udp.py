"""The server answers a datagram, or at least nothing says that its port is closed (keepalived: UDP_CHECK)."""

from __future__ import annotations

import asyncio
import socket

from fullnat.config.model import Check
from fullnat.health.connect import Target, made

QUIET = 0.5
"""Part of the timeout without ICMP error after which a port that need not answer counts as open."""


async def check(settings: Check, target: Target) -> None:
    """Raises OSError, or TimeoutError when a reply is wanted and does not come."""
    loop = asyncio.get_running_loop()
    with made(settings, target, socket.SOCK_DGRAM) as port:
        await loop.sock_connect(port, (target.address, target.port))
        await loop.sock_sendall(port, target.greeting + bytes.fromhex(settings.payload))
        try:
            async with asyncio.timeout(None if settings.require_reply else settings.timeout * QUIET):
                await loop.sock_recv(port, 65536)
        except TimeoutError:
            if settings.require_reply:
                raise
