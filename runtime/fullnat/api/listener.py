"""Where the API is: one Unix socket, and if asked for a TCP port with mutual TLS, each for HTTP and gRPC alike.

Who is at the other end is found out here, for both. A connection that begins as HTTP/2 does (RFC 9113 3.4) is gRPC's,
and is led to gRPC's own server behind a name that says whose it is; any other is HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import socket
import ssl
import stat
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

import grpc.aio

from fullnat.api import grpc as grpc_calls
from fullnat.api import http
from fullnat.api.identity import Grants, Identity, Role
from fullnat.api.server import Dispatcher

_HTTP2 = b"PRI"
"""No method of HTTP/1.1 begins so."""
FIRST_SECONDS = 30.0
"""That a client may take to say anything."""
CONNECTIONS = 256
"""At once at each address, so that visitors of one are in nobody's way at another; further ones are closed. As many may
wait: on a Unix socket who finds no room is refused at once."""
LONGEST_PATH = 80
"""Bytes of the socket's path that leave room for names beside it."""
_PIECE = 65536
_NOBODY = Identity("nobody", Role.NONE)
_VISITOR = Identity("visitor of the page", Role.READ)
_Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_LOGGER = logging.getLogger(__name__)


class _At(Enum):
    SOCKET = auto()
    TCP = auto()
    PAGE = auto()


class ApiError(Exception):
    """The API cannot be where it should; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """PEM files. Clients have certificates that ``ca`` has signed."""

    address: tuple[str, int]
    cert: Path
    key: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        """Raises ApiError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["h2", "http/1.1"])
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_password)
            context.load_verify_locations(self.ca)
        except (OSError, ValueError) as error:
            files = f"{self.cert}, {self.key} and {self.ca}"
            reason = getattr(error, "strerror", None) or str(error)
            raise ApiError(f"{files} are not the certificate, its key and a CA for the API: {reason}") from None
        return context


def _no_password() -> str:
    """An encrypted key must not make OpenSSL ask on the terminal."""
    raise ValueError("the key is encrypted")


@dataclass(slots=True)
class Where:
    path: Path
    """Of the Unix socket."""
    tcp: Tcp | None = None
    page: tuple[str, int] | None = None
    """In plain text: everybody who gets there may look."""
    grants: Grants = field(default_factory=Grants)


class Listener:
    def __init__(self, where: Where, dispatcher: Dispatcher) -> None:
        self.path = where.path
        self._where = where
        self._dispatcher = dispatcher
        self._servers: list[asyncio.Server] = []
        self._grpc: grpc.aio.Server | None = None
        self._directory: Path | None = None
        """Of gRPC's server, which nobody else gets into."""
        self._callers: dict[str, Identity] = {}
        """By the names of our connections to it."""
        self._numbers = itertools.count()
        self._connections: dict[_At, set[asyncio.Task[None]]] = {at: set() for at in _At}

    async def start(self) -> None:
        """Listen. Replaces the socket of a controller that is gone; raises ApiError for one that runs, and for
        addresses that cannot be had."""
        context = self._where.tcp.context() if self._where.tcp is not None else None
        try:
            self.path.parent.mkdir(mode=0o711 if self._where.grants.groups else 0o700, parents=True, exist_ok=True)
            self._remove_stale()
            self._directory = self._own_directory()
            server = await asyncio.start_unix_server(
                self._accept_unix, self.path, limit=http.HEAD_BYTES, backlog=CONNECTIONS
            )
            self._servers.append(server)
            # Who may do what is decided by who it is; without grants nobody but the owner is let in at all.
            self.path.chmod(0o666 if self._where.grants.groups else 0o600)
        except OSError as error:
            raise ApiError(f"control socket {self.path}: {error.strerror or error}") from None
        self._grpc = await grpc_calls.start(str(self._directory / "grpc"), self._dispatcher, self._who_is)
        if self._where.tcp is not None:
            await self._start_tcp("API", self._where.tcp.address, self._accept_tls, context)
        if self._where.page is not None:
            await self._start_tcp("page", self._where.page, self._accept_page, None)

    async def _start_tcp(
        self, what: str, address: tuple[str, int], accept: _Accept, context: ssl.SSLContext | None
    ) -> None:
        try:
            server = await asyncio.start_server(accept, *address, ssl=context, limit=http.HEAD_BYTES)
        except OSError as error:
            host, port = address
            raise ApiError(f"cannot serve the {what} at {host}:{port}: {error.strerror or error}") from None
        self._servers.append(server)

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        if self._servers:
            self.path.unlink(missing_ok=True)
        self._servers.clear()
        connections = [task for tasks in self._connections.values() for task in tasks]
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        if self._grpc is not None:
            await self._grpc.stop(None)
            self._grpc = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def _remove_stale(self) -> None:
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise ApiError(f"{self.path} is there and is no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.path))
            except OSError:
                self.path.unlink()
            else:
                raise ApiError(f"another controller has the control socket {self.path}")
        for left in self.path.parent.glob(f"{self._prefix}*"):
            shutil.rmtree(left, ignore_errors=True)

    @property
    def _prefix(self) -> str:
        return f".{self.path.name}-"

    def _own_directory(self) -> Path:
        """Beside the socket, or where the path of a socket (108 bytes) has room."""
        beside = self.path.parent if len(os.fsencode(self.path)) <= LONGEST_PATH else None
        return Path(tempfile.mkdtemp(prefix=self._prefix, dir=beside))

    # ---- connections

    async def _accept_unix(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        of = self._where.grants.of_socket
        await self._accept(_At.SOCKET, reader, writer, lambda: of(writer.get_extra_info("socket")))

    async def _accept_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        of = self._where.grants.of_certificate
        await self._accept(_At.TCP, reader, writer, lambda: of(writer.get_extra_info("peercert")))

    async def _accept_page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._accept(_At.PAGE, reader, writer, lambda: _VISITOR)

    async def _accept(
        self,
        at: _At,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        identify: Callable[[], Identity],
    ) -> None:
        task, connections = asyncio.current_task(), self._connections[at]
        if task is None or len(connections) >= CONNECTIONS:
            writer.close()
            return
        connections.add(task)
        try:
            await self._serve(reader, writer, identify(), is_open=at is _At.PAGE)
        except (OSError, EOFError, TimeoutError) as error:
            _LOGGER.debug("API connection: %s", error)
        except asyncio.CancelledError:
            _LOGGER.debug("API connection: the controller stops")
        finally:
            connections.discard(task)
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Identity, *, is_open: bool
    ) -> None:
        async with asyncio.timeout(FIRST_SECONDS):
            begun = await reader.readexactly(len(_HTTP2))
        if begun == _HTTP2 and not is_open:
            await self._lead_to_grpc(reader, writer, begun, caller)
        else:
            await http.serve(reader, writer, begun, caller, self._dispatcher, is_open=is_open)

    async def _lead_to_grpc(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: bytes, caller: Identity
    ) -> None:
        assert self._directory is not None
        name = self._directory / str(next(self._numbers))
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        connection.bind(str(name))
        self._callers[f"unix:{name}"] = caller
        try:
            await asyncio.get_running_loop().sock_connect(connection, str(self._directory / "grpc"))
            inner_reader, inner_writer = await asyncio.open_unix_connection(sock=connection)
            inner_writer.write(begun)
            await _both(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            connection.close()
            del self._callers[f"unix:{name}"]
            with contextlib.suppress(OSError):
                name.unlink()

    def _who_is(self, peer: str) -> Identity:
        return self._callers.get(peer, _NOBODY)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


async def _both(*copies: Awaitable[None]) -> None:
    """Until one end has closed, for then gRPC has nothing more to say either."""
    tasks = [asyncio.ensure_future(copy) for copy in copies]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
