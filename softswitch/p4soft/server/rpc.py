"""The gRPC server: P4Runtime's calls over :class:`~p4soft.server.service.P4RuntimeService`.

Connections, HTTP/2 and ordinary Writes are native (:mod:`p4soft.engine.front`); TLS is taken off in front of it.
Everything runs on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterable

from p4soft.api import EngineError
from p4soft.engine.front import UNLIMITED, CallEvent, NativeFront
from p4soft.engine.writer import NativeWriter
from p4soft.server.calls import Call, as_rpc_error, open_call
from p4soft.server.errors import Code, RpcError
from p4soft.server.service import P4RuntimeService
from p4soft.server.tls import ServerError, Tls, TlsTerminator

TICK = 2.0
"""Seconds between two looks at whether clients are still there."""
BACKLOG = 128


class _Peer:
    """The client's end of one call."""

    def __init__(self, server: GrpcServer, number: int) -> None:
        self._server = server
        self._number = number

    def send(self, message: bytes, limit: int = UNLIMITED) -> int:
        self._server.flush_soon()
        return self._server.front.send(self._number, message, limit)

    def finish(self, error: RpcError | None = None) -> None:
        self._server.finish(self._number, error)


class GrpcServer:
    """Serves one listening socket until it is stopped."""

    def __init__(self, service: P4RuntimeService) -> None:
        writer = service.wire_writer
        self.front = NativeFront(writer if isinstance(writer, NativeWriter) else None)
        self._service = service
        self._calls: dict[int, Call] = {}
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None
        self._terminator: TlsTerminator | None = None
        self._path: str | None = None
        self._flushing = False
        self._timer = self._loop.call_later(TICK, self._tick)
        self._loop.add_reader(self.front.fileno(), self._run)

    async def start(self, address: str, tls: Tls | None) -> int:
        """Listen; the port, or 1 for a Unix socket. Raises ServerError."""
        context = tls.context() if tls is not None else None
        self._listener, self._path = _listen(address)
        port = 1 if self._path is not None else int(self._listener.getsockname()[1])
        if context is None:
            self.front.listen(self._listener)
        else:
            self._terminator = TlsTerminator(context, self._adopt)
            await self._terminator.start(self._listener)
        return port

    def stop(self) -> None:
        """End all calls (UNAVAILABLE) and close everything."""
        self._timer.cancel()
        self._loop.remove_reader(self.front.fileno())
        stopping = RpcError(Code.UNAVAILABLE, "the switch is stopping")
        for number, call in list(self._calls.items()):
            call.reset()
            self.finish(number, stopping)
        self.front.close()
        if self._terminator is not None:
            self._terminator.stop()
        if self._listener is not None:
            self._listener.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def finish(self, number: int, error: RpcError | None) -> None:
        """End a call."""
        self._calls.pop(number, None)
        if error is None:
            self.front.finish(number, Code.OK)
        else:
            self.front.finish(number, error.code, error.message, error.status_details())
        self.flush_soon()

    def flush_soon(self) -> None:
        """Send what was queued, together with whatever else comes up in this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self.front.flush()

    def _adopt(self, connection: socket.socket) -> None:
        self.front.adopt(connection)

    def _run(self) -> None:
        self._handle(self.front.run())

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)
        self._handle(self.front.tick())

    def _handle(self, events: Iterable[tuple[int, CallEvent, bytes]]) -> None:
        for number, what, data in events:
            try:
                self._event(number, what, data)
            except Exception as error:
                call = self._calls.get(number)
                if call is not None:
                    call.reset()
                self.finish(number, as_rpc_error(error))

    def _event(self, number: int, what: CallEvent, data: bytes) -> None:
        if what is CallEvent.OPENED:
            self._calls[number] = open_call(self._service, data.decode(errors="replace"), _Peer(self, number))
            return
        if what is CallEvent.FAILED:
            self._service.raise_failures(self.front.failures(data))
        call = self._calls.get(number)
        if call is None:
            return  # it was ended while this was on its way
        if what is CallEvent.MESSAGE:
            call.message(data)
        elif what is CallEvent.FINISHED:
            call.finished()
        elif what is CallEvent.DRAINED:
            call.drained()
        else:
            del self._calls[number]
            call.reset()


async def start_server(service: P4RuntimeService, address: str, tls: Tls | None = None) -> tuple[GrpcServer, int]:
    """A started server and its port; ServerError when it cannot listen on ``address`` (host:port or unix:path)."""
    try:
        server = GrpcServer(service)
    except EngineError as error:
        raise ServerError(str(error)) from None
    try:
        return server, await server.start(address, tls)
    except BaseException:
        server.stop()
        raise


def _listen(address: str) -> tuple[socket.socket, str | None]:
    """A listening socket, and the path of a Unix one."""
    try:
        if address.startswith("unix:"):
            path = address.removeprefix("unix:").removeprefix("//")
            return _listen_unix(path), path
        host, _, port = address.rpartition(":")
        if not port.isdigit() or not int(port) < 1 << 16:
            raise ServerError(f"cannot listen on {address}: it is not HOST:PORT or unix:PATH")
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:
        raise ServerError(f"cannot listen on {address}: {error}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        # [::] takes IPv4 as well, as gRPC's servers do.
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise ServerError(f"cannot listen on {address}: the address is in use, or not one of this machine's") from None
    listener.setblocking(False)
    return listener, None


def _listen_unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_abandoned(path):
            os.unlink(path)
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _is_abandoned(path: str) -> bool:
    """Whether there is a Unix socket at ``path`` that nobody listens on."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(path)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
