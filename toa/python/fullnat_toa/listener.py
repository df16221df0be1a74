"""A listening socket whose accept() tells clients instead of local addresses."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import weakref
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Literal

from fullnat_toa.client import Address, Trusted, client_address, keep_syns, unmapped
from fullnat_toa.errors import ToaError, UntrustedPeer

Missing = Literal["peer", "unspecified", "refuse"]
"""What is told of a connection from the balancer whose client is not known."""

_Ends = tuple[Address, Address]
"""The peer's and our own end of a connection, as the kernel has them."""
_open: dict[_Ends, Address] = {}
"""The clients of the connections that Listeners accepted, as long as these exist: for :class:`AsgiMiddleware`."""


class Listener(socket.socket):
    """A TCP socket to bind, listen and accept with. accept() returns the client's address where TOA tells it.

    Peers that are not in ``trusted`` are told as they are. Of one that is, and whose client is not known, ``missing``
    tells: the balancer's address (``peer``), the unspecified address with port 0 (``unspecified``), or nothing, as the
    connection is reset and accept() raises ConnectionAbortedError, which servers are used to (``refuse``). Servers that
    take a ready socket can use it: asyncio's ``create_server(sock=...)``, uvicorn's ``Server.run(sockets=[...])``,
    socketserver.
    """

    def __init__(
        self,
        family: int = socket.AF_INET,
        *,
        trusted: Trusted | str | Iterable[str],
        missing: Missing = "peer",
        fileno: int | None = None,
    ) -> None:
        # A family and a type beside an existing descriptor would be believed unchecked.
        super().__init__(family if fileno is None else -1, socket.SOCK_STREAM if fileno is None else -1, fileno=fileno)
        self.trusted = Trusted.of(trusted)
        self.missing = missing
        keep_syns(self)

    @classmethod
    def bound(
        cls,
        host: str,
        port: int,
        trusted: Trusted | str | Iterable[str],
        *,
        backlog: int = 1024,
        reuse_port: bool = False,
        missing: Missing = "peer",
    ) -> Listener:
        """Bound and listening. ``host`` is an IP address; ``::`` takes IPv4 connections too. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = cls(family, trusted=trusted, missing=missing)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
            listener.bind((host, port))
            listener.listen(backlog)
        except BaseException:
            listener.close()
            raise
        return listener

    def accept(self) -> tuple[socket.socket, Any]:
        """As socket.accept(). An IPv4 client on an IPv6 socket is ::ffff:a.b.c.d; an IPv6 one is IPv6 on any socket."""
        connection, address = super().accept()
        try:
            client = client_address(connection, self.trusted)
        except UntrustedPeer:
            return connection, address
        except ToaError as error:
            return connection, self._without_client(connection, address, error)
        _remember(connection, address, client)
        if self.family != socket.AF_INET6:
            return connection, tuple(client)
        host = client.host if ":" in client.host else f"::ffff:{client.host}"
        return connection, (host, client.port, 0, 0)

    def _without_client(self, connection: socket.socket, address: Any, error: ToaError) -> Any:
        if self.missing == "peer":
            return address
        if self.missing == "unspecified":
            return ("::", 0, 0, 0) if self.family == socket.AF_INET6 else ("0.0.0.0", 0)
        # By RST, as the kernel ends a connection that nobody accepts.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        raise ConnectionAbortedError(errno.ECONNABORTED, str(error))


def _remember(connection: socket.socket, peer: Any, client: Address) -> None:
    # A connection that is gone already has no name; nobody will ask for it.
    with contextlib.suppress(OSError):
        ends = (_plain(peer), _plain(connection.getsockname()))
        _open[ends] = client
        weakref.finalize(connection, _forget, ends, client).atexit = False


def _forget(ends: _Ends, client: Address) -> None:
    if _open.get(ends) is client:
        del _open[ends]


def _plain(name: Any) -> Address:
    """A socket address without flow and scope, IPv4 written as IPv4."""
    return Address(str(unmapped(ip_address(str(name[0]).partition("%")[0]))), int(name[1]))


def client_of(peer: Any, own: Any) -> Address | None:
    """The client of the open connection that a Listener accepted with these two ends; None when there is none."""
    with contextlib.suppress(ValueError, TypeError, IndexError):
        return _open.get((_plain(peer), _plain(own)))
    return None
