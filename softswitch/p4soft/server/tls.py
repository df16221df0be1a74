"""TLS in front of the gRPC server: each connection is decrypted and handed on as a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 16


class ServerError(Exception):
    """The server cannot start: the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; ``client_auth`` demands a client certificate signed by ``ca``."""

    cert: Path
    key: Path
    ca: Path | None = None
    client_auth: bool = False

    def context(self) -> ssl.SSLContext:
        """Raises ServerError when a file cannot be read or does not hold what it should."""
        if self.client_auth and self.ca is None:
            raise ServerError("client authentication needs a CA certificate (--grpc-server-cacert)")
        for path in (self.cert, self.key, self.ca):
            try:
                if path is not None:
                    path.read_bytes()
            except OSError as error:
                raise ServerError(f"cannot read the PEM file {error.filename}: {error.strerror}") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2"])
        try:
            context.load_cert_chain(self.cert, self.key)
            if self.ca is not None:
                context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise ServerError(f"the certificate, its key or the CA's certificate is not usable: {error}") from None
        if self.client_auth:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class TlsTerminator:
    """Takes connections from a listening socket, and hands each on as the other end of a socket pair."""

    def __init__(self, context: ssl.SSLContext, adopt: Callable[[socket.socket], None]) -> None:
        self._context = context
        self._adopt = adopt
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self._context)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # When the loop ends, it cancels the connections that are left, and asyncio would log that as an error.
        with contextlib.suppress(asyncio.CancelledError):
            await self._relay(reader, writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._adopt(theirs)
        loop = asyncio.get_running_loop()
        sending = loop.create_task(_send(ours, writer))
        try:
            while data := await reader.read(_CHUNK):
                await loop.sock_sendall(ours, data)
        except (OSError, ssl.SSLError):
            pass  # the connection is broken, which closing the pair tells the server
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            ours.close()
            writer.close()


async def _send(source: socket.socket, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await loop.sock_recv(source, _CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
