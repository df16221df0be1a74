"""The server answers an echo request (keepalived: PING_CHECK)."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

from fullnat.config.model import Check
from fullnat.health.connect import Target, made
from fullnat.net.checksum import checksum

_REQUEST, _REPLY = {False: 8, True: 128}, {False: 0, True: 129}
"""Types of ICMP and ICMPv6 (RFC 792, RFC 4443), by whether it is the latter."""
_COOKIE = 16
"""Bytes by which an answer is known to be ours."""


def _opened(settings: Check, target: Target) -> socket.socket:
    """A ping socket, which the kernel lets the groups of net.ipv4.ping_group_range have (systemd: all), or else a raw
    one, which takes CAP_NET_RAW. Raises OSError."""
    protocol = socket.IPPROTO_ICMPV6 if target.is_v6 else socket.IPPROTO_ICMP
    try:
        return made(settings, target, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        return made(settings, target, socket.SOCK_RAW, protocol)


async def check(settings: Check, target: Target) -> None:
    """Raises OSError, also where it may open no socket."""
    loop = asyncio.get_running_loop()
    cookie = os.urandom(_COOKIE)
    with _opened(settings, target) as port:
        has_header = port.type == socket.SOCK_RAW and not target.is_v6
        port.connect((target.address, 0))  # of a ping or raw socket, it does not block
        head = struct.pack("!BBHHH", _REQUEST[target.is_v6], 0, 0, os.getpid() & 0xFFFF, 1)
        if not target.is_v6:  # of ICMPv6 the kernel finds it, and of a ping socket, whose id it chooses too
            head = head[:2] + struct.pack("!H", checksum(head + cookie)) + head[4:]
        await loop.sock_sendall(port, head + cookie)
        while True:
            packet = await loop.sock_recv(port, 2048)
            octets = packet[(packet[0] & 15) * 4 :] if has_header else packet
            if octets[:1] == bytes((_REPLY[target.is_v6],)) and octets[8:] == cookie:
                return
