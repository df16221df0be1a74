"""The server takes a TCP connection (keepalived: TCP_CHECK). It is reset at once: nobody waits for its end."""

from __future__ import annotations

import socket
import struct

from fullnat.config.model import Check
from fullnat.health.connect import Target, connect

_RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing resets, so that thousands of checks leave no port in TIME-WAIT."""


async def check(settings: Check, target: Target) -> None:
    """Raises OSError."""
    connection = await connect(settings, target)
    with connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
