"""Connections to gRPC's servers by their names, in plain text or TLS."""

from __future__ import annotations

import asyncio
import re
import ssl

from fullnat.p4rt.http2.connection import Connection

_SCHEME = re.compile("^(dns|ipv4|ipv6):/*")
_UNIX = re.compile("^unix:(//)?")


def authority(address: str, server_name: str | None) -> str:
    """What requests name as the server."""
    if server_name is not None:
        return server_name
    return "localhost" if _UNIX.match(address) else _SCHEME.sub("", address)


async def dial(address: str, context: ssl.SSLContext | None, server_name: str | None = None) -> Connection:
    """Connect to ``address`` (host:port or unix:path) and wait for the server's greeting. ``server_name``: whom its
    certificate is for, if that is not the host.

    Raises OSError when nobody answers, ssl.SSLError when TLS fails, ConnectionLost when the server ends the connection
    before it has said anything, and Http2Error when it says something else.
    """
    loop = asyncio.get_running_loop()
    if path := _UNIX.match(address):
        name = (server_name or "localhost") if context is not None else None
        _, connection = await loop.create_unix_connection(
            Connection, address[path.end() :], ssl=context, server_hostname=name
        )
    else:
        host, _, port = _SCHEME.sub("", address).rpartition(":")
        host = host.strip("[]") or "localhost"
        if not port.isdigit() or int(port) >= 1 << 16:
            raise OSError(f"{address} is not HOST:PORT or unix:PATH")
        name = (server_name or host) if context is not None else None
        _, connection = await loop.create_connection(Connection, host, int(port), ssl=context, server_hostname=name)
    try:
        await connection.greeted
    except BaseException:
        connection.close()
        raise
    return connection
