"""Whether an address is this machine's own."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket

_SCHEME = re.compile("^(dns|ipv4|ipv6):/*")


async def is_here(address: str) -> bool:
    """Whether what is sent to ``address`` (host:port or unix:path, as gRPC has it) stays on this machine.

    A name that cannot be resolved is taken for another machine's.
    """
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = _SCHEME.sub("", address).rpartition(":")[0].strip("[]")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(_is_ours(family, where) for family, _, _, _, where in found)


def _is_ours(family: int, where: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> bool:
    """Loopback, or an address that a socket can have here."""
    if ipaddress.ip_address(str(where[0]).partition("%")[0]).is_loopback:
        return True
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(where)
        except OSError:
            return False
    return True
