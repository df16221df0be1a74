"""TCP connections to what is checked."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from fullnat.config.model import Check


class Target(NamedTuple):
    """Whom a check asks."""

    address: str
    port: int
    is_v6: bool


async def connect(check: Check, target: Target) -> socket.socket:
    """Connected, from where ``check`` says. Raises OSError."""
    found = socket.socket(socket.AF_INET6 if target.is_v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setblocking(False)
        if check.device:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, check.device.encode())
        if check.source is not None:
            found.bind((str(check.source), 0))
        await asyncio.get_running_loop().sock_connect(found, (target.address, target.port))
    except BaseException:
        found.close()
        raise
    return found
