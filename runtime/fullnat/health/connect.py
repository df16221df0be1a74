"""Sockets to what is checked."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from fullnat.config.model import Check

LOCAL = bytes.fromhex("0d0a0d0a000d0a515549540a20000000")
"""A header of PROXY protocol that says: this is from the balancer itself (haproxy's proxy-protocol.txt 2.2)."""


class Target(NamedTuple):
    """Whom a check asks."""

    address: str
    port: int
    is_v6: bool
    by_proxy: bool = False
    """It expects PROXY protocol: without a header it refuses checks as well (varnishcache/varnish-cache#2151)."""

    @property
    def greeting(self) -> bytes:
        """What goes in front of a connection's first byte, and of every datagram."""
        return LOCAL if self.by_proxy else b""


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
    """Connected by TCP, and greeted. Raises OSError."""
    found = made(check, target, socket.SOCK_STREAM)
    try:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(found, (target.address, target.port))
        if target.by_proxy:
            await loop.sock_sendall(found, target.greeting)
    except BaseException:
        found.close()
        raise
    return found
