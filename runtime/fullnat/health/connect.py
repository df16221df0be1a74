"""Sockets to what is checked."""

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


def made(check: Check, target: Target, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
    """A socket that does not block, bound to where ``check`` says. Raises OSError."""
    found = socket.socket(socket.AF_INET6 if target.is_v6 else socket.AF_INET, kind, protocol)
    try:
        found.setblocking(False)
        if check.device:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, check.device.encode())
        if check.source is not None:
            found.bind((str(check.source), 0))
    except BaseException:
        found.close()
        raise
    return found


async def connect(check: Check, target: Target) -> socket.socket:
    """Connected by TCP. Raises OSError."""
    found = made(check, target, socket.SOCK_STREAM)
    try:
        await asyncio.get_running_loop().sock_connect(found, (target.address, target.port))
    except BaseException:
        found.close()
        raise
    return found
