"""The gRPC transport: a grpc.aio servicer over :class:`~p4soft.server.service.P4RuntimeService`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
import grpc.aio
from finsy.proto import p4r, p4r_grpc

from p4soft.server.errors import Code, RpcError, from_unexpected
from p4soft.server.service import P4RuntimeService

_log = logging.getLogger(__name__)

MAX_MESSAGE = 256 << 20
"""Largest message received or sent, in bytes (as simple_switch_grpc)."""
MAX_METADATA = 4 << 20
"""Largest trailer, in bytes: a failed batch reports every update there."""
PACKET_QUEUE = 4096
"""Packet-ins waiting for a slow client before more of them are dropped."""
STREAM_QUEUE = 65536
"""Messages waiting for a slow client before everything but arbitration is dropped."""

_STATUS = {code: next(status for status in grpc.StatusCode if status.value[0] == code) for code in Code}


def grpc_status(code: Code) -> grpc.StatusCode:
    return _STATUS[code]


class ServerError(Exception):
    """The server cannot start: the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; ``client_auth`` demands a client certificate signed by ``ca``."""

    cert: Path
    key: Path
    ca: Path | None = None
    client_auth: bool = False

    def credentials(self) -> Any:
        try:
            ca = self.ca.read_bytes() if self.ca is not None else None
            pair = (self.key.read_bytes(), self.cert.read_bytes())
        except OSError as error:
            raise ServerError(f"cannot read the PEM file {error.filename}: {error.strerror}") from None
        if self.client_auth and ca is None:
            raise ServerError("client authentication needs a CA certificate (--grpc-server-cacert)")
        return grpc.ssl_server_credentials((pair,), root_certificates=ca, require_client_auth=self.client_auth)


class Outbox:
    """Messages on their way to one client. Bounded: a client that does not read loses packet-ins first."""

    def __init__(self) -> None:
        self._queue: deque[p4r.StreamMessageResponse] = deque()
        self._wake = asyncio.Event()
        self.dropped = 0

    def send(self, messages: list[p4r.StreamMessageResponse]) -> None:
        queue = self._queue
        if len(queue) + len(messages) > PACKET_QUEUE:
            for message in messages:
                limit = PACKET_QUEUE if message.HasField("packet") else STREAM_QUEUE
                if len(queue) < limit or message.HasField("arbitration"):
                    queue.append(message)
                else:
                    self.dropped += 1
        else:
            queue.extend(messages)
        self._wake.set()

    async def run(self, context: Any) -> None:
        """Write until cancelled, or the RPC is over."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush(context)

    async def flush(self, context: Any) -> None:
        queue = self._queue
        while queue:
            await context.write(queue.popleft())


class Servicer(p4r_grpc.P4RuntimeServicer):
    """P4Runtime over grpc.aio. Every method turns an RpcError into a status, and so any defect of ours."""

    def __init__(self, service: P4RuntimeService) -> None:
        self._service = service

    async def Write(self, request: p4r.WriteRequest, context: Any) -> p4r.WriteResponse:
        try:
            return self._service.write(request)
        except Exception as error:
            await _abort(context, error)

    async def Read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        try:
            for response in self._service.read(request):
                yield response
        except Exception as error:
            await _abort(context, error)

    async def SetForwardingPipelineConfig(
        self, request: p4r.SetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.SetForwardingPipelineConfigResponse:
        try:
            return self._service.set_pipeline(request)
        except Exception as error:
            await _abort(context, error)

    async def GetForwardingPipelineConfig(
        self, request: p4r.GetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.GetForwardingPipelineConfigResponse:
        try:
            return self._service.get_pipeline(request)
        except Exception as error:
            await _abort(context, error)

    async def Capabilities(self, request: p4r.CapabilitiesRequest, context: Any) -> p4r.CapabilitiesResponse:
        try:
            return self._service.capabilities(request)
        except Exception as error:
            await _abort(context, error)

    async def StreamChannel(  # type: ignore[override]  # grpc.aio also takes the reader and writer form
        self, request_iterator: AsyncIterator[p4r.StreamMessageRequest], context: Any
    ) -> None:
        outbox = Outbox()
        stream = self._service.open_stream(outbox.send)
        writer = asyncio.create_task(outbox.run(context))
        failure: Exception | None = None
        try:
            async for request in request_iterator:
                stream.handle(request)
        except Exception as error:
            failure = error
        finally:
            stream.close()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await writer
            if outbox.dropped:
                _log.warning("a slow client lost %d stream messages", outbox.dropped)
        await outbox.flush(context)
        if failure is not None:
            await _abort(context, failure)


async def _abort(context: Any, error: Exception) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, RpcError):
        _log.error("an RPC failed unexpectedly", exc_info=error)
        error = from_unexpected(error, "internal error")
    details = error.status_details()
    trailer = (("grpc-status-details-bin", details),) if details else ()
    await context.abort(grpc_status(error.code), error.message, trailer)
    raise AssertionError("abort does not return")


async def start_server(service: P4RuntimeService, address: str, tls: Tls | None = None) -> tuple[Any, int]:
    """A started server and its port; ServerError when it cannot listen on ``address`` (host:port or unix:path)."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.max_metadata_size", MAX_METADATA),
            ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA),
            ("grpc.so_reuseport", 0),
            # A controller whose machine is gone must not stay primary: ask after 10 s of silence, give up 5 s later.
            ("grpc.keepalive_time_ms", 10_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            # Clients may ask the same of us as often as they like.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_ping_strikes", 0),
        ]
    )
    p4r_grpc.add_P4RuntimeServicer_to_server(Servicer(service), server)
    try:
        port = server.add_insecure_port(address) if tls is None else server.add_secure_port(address, tls.credentials())
    except RuntimeError:
        port = 0
    if not port:
        raise ServerError(f"cannot listen on {address}: the address is in use, or not one of this machine's")
    await server.start()
    return server, port
