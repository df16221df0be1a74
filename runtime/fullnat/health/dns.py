"""A name server answers a question without error (keepalived: DNS_CHECK, RFC 1035 section 4.1), over UDP."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

from fullnat.config import probes
from fullnat.config.model import Check
from fullnat.health.connect import Target, made
from fullnat.health.failed import Failed

_HEADER = struct.Struct("!HHHHHH")
_ANSWER, _RECURSION = 0x8000, 0x0100
_IN = 1
_CODES = ("no error", "format error", "server failure", "no such name", "not implemented", "refused")
"""What a server says, by its number (RFC 1035 section 4.1.1)."""


async def check(settings: Check, target: Target) -> None:
    """Raises Failed or OSError. Answers to other questions are passed over."""
    loop = asyncio.get_running_loop()
    number = int.from_bytes(os.urandom(2))
    question = probes.labels(settings.name) + struct.pack("!HH", probes.RECORDS[settings.record], _IN)
    with made(settings, target, socket.SOCK_DGRAM) as port:
        await loop.sock_connect(port, (target.address, target.port))
        await loop.sock_sendall(port, target.greeting + _HEADER.pack(number, _RECURSION, 1, 0, 0, 0) + question)
        while True:
            answer = await loop.sock_recv(port, 65536)
            if len(answer) < _HEADER.size:
                continue
            found, flags, *_ = _HEADER.unpack_from(answer)
            if found == number and flags & _ANSWER:
                break
    if code := flags & 15:
        raise Failed(f"the answer says: {_CODES[code] if code < len(_CODES) else f'code {code}'}")
