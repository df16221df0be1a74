"""P4Runtime over gRPC."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import grpc
import grpc.aio
from finsy.proto import p4r, rpc_status

from fullnat.p4rt.errors import Code, ConnectionLost, P4RuntimeError, RpcError

RPC_SECONDS = 60.0
"""An RPC that takes longer counts as a lost connection; compiling a pipeline is the slowest."""
CONNECT_SECONDS = 5.0
QUEUE_LIMIT = 4096
"""Messages received ahead, beyond which flow control holds the switch back; and messages waiting to be sent."""

_LOGGER = logging.getLogger(__name__)
_LOST = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),  # BMv2 answers a read of a whole table in one message
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 16 << 20),  # the details of a failed batch travel in a trailer
    ("grpc.absolute_max_metadata_size", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
]
_SERVICE = "/p4.v1.P4Runtime/"


class GrpcTransport:
    """One channel; the server's name is ``address`` (host:port)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        channel = self._channel
        self._write = channel.unary_unary(_SERVICE + "Write")
        self._read = channel.unary_stream(_SERVICE + "Read", response_deserializer=p4r.ReadResponse.FromString)
        self._set_pipeline = channel.unary_unary(
            _SERVICE + "SetForwardingPipelineConfig",
            request_serializer=p4r.SetForwardingPipelineConfigRequest.SerializeToString,
        )
        self._get_pipeline = channel.unary_unary(
            _SERVICE + "GetForwardingPipelineConfig",
            request_serializer=p4r.GetForwardingPipelineConfigRequest.SerializeToString,
            response_deserializer=p4r.GetForwardingPipelineConfigResponse.FromString,
        )
        self._stream = channel.stream_stream(
            _SERVICE + "StreamChannel", response_deserializer=p4r.StreamMessageResponse.FromString
        )

    async def open_stream(self) -> GrpcStream:
        try:
            await asyncio.wait_for(self._channel.channel_ready(), CONNECT_SECONDS)
        except TimeoutError:
            raise ConnectionLost(f"no P4Runtime server answers at {self.address}") from None
        return GrpcStream(self._stream())

    async def write(self, request: bytes) -> None:
        try:
            await self._write(request, timeout=RPC_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise _translate(error) from None

    async def read(self, request: bytes) -> list[p4r.Entity]:
        entities: list[p4r.Entity] = []
        try:
            async for response in self._read(request, timeout=RPC_SECONDS):
                entities.extend(response.entities)
        except grpc.aio.AioRpcError as error:
            raise _translate(error) from None
        return entities

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        try:
            await self._set_pipeline(request, timeout=RPC_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise _translate(error) from None

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        try:
            response: p4r.GetForwardingPipelineConfigResponse = await self._get_pipeline(request, timeout=RPC_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise _translate(error) from None
        return response

    async def close(self) -> None:
        await self._channel.close()


class GrpcStream:
    """A task reads ahead, so that the owner finds everything that arrived while it was busy in one go; another one
    writes, because gRPC allows one write at a time."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._inbox: deque[p4r.StreamMessageResponse] = deque()
        self._outbox: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._to_send = asyncio.Event()
        self._sent = asyncio.Event()
        self._end: P4RuntimeError | None = None
        self._tasks = (
            asyncio.create_task(self._read(), name="p4runtime-stream-reader"),
            asyncio.create_task(self._write(), name="p4runtime-stream-writer"),
        )

    async def _read(self) -> None:
        try:
            while (message := await self._call.read()) is not grpc.aio.EOF:
                self._inbox.append(message)
                self._arrived.set()
                if len(self._inbox) >= QUEUE_LIMIT:
                    self._room.clear()
                    await self._room.wait()
            self._finish(_ended(await self._call.code(), await self._call.details()))
        except grpc.aio.AioRpcError as error:
            self._finish(_translate(error))
        except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            self._finish(ConnectionLost(str(error)))

    async def _write(self) -> None:
        try:
            while True:
                await self._to_send.wait()
                self._to_send.clear()
                while self._outbox:
                    await self._call.write(self._outbox.popleft())
                    self._sent.set()
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            # The reader learns the reason as the status of the call.
            _LOGGER.debug("the stream cannot be written any more: %s", error)

    def _finish(self, reason: P4RuntimeError) -> None:
        self._end = self._end or reason
        self._arrived.set()
        self._sent.set()

    async def send(self, message: bytes) -> None:
        while len(self._outbox) >= QUEUE_LIMIT and self._end is None:
            self._sent.clear()
            await self._sent.wait()
        if self._end is not None:
            raise self._end
        self._outbox.append(message)
        self._to_send.set()

    async def receive(self) -> list[p4r.StreamMessageResponse]:
        await self._arrived.wait()
        if not self._inbox:
            raise self._end or ConnectionLost("the stream is closed")
        messages = list(self._inbox)
        self._inbox.clear()
        self._room.set()
        if self._end is None:
            self._arrived.clear()
        return messages

    async def close(self) -> None:
        self._finish(ConnectionLost("the stream was closed"))
        self._call.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _ended(code: grpc.StatusCode, details: str | None) -> P4RuntimeError:
    """Why the switch ended the stream."""
    if code is grpc.StatusCode.OK or code in _LOST:
        return ConnectionLost(details or "the switch closed the stream")
    return RpcError(code.value[0], details or "")


def _translate(error: grpc.aio.AioRpcError) -> P4RuntimeError:
    """ConnectionLost, or RpcError with the per-update errors of grpc-status-details-bin."""
    code = error.code()
    message = error.details() or ""
    if code in _LOST:
        return ConnectionLost(message or code.name)
    updates: list[tuple[int, str]] = []
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            updates = _details(value)
    return RpcError(code.value[0], message, updates)


def _details(value: bytes | str) -> list[tuple[int, str]]:
    raw = value if isinstance(value, bytes) else value.encode("latin-1")
    updates = []
    for detail in rpc_status.Status.FromString(raw).details:
        error = p4r.Error()
        if detail.Unpack(error):
            updates.append((error.canonical_code, error.message or Code(error.canonical_code).name))
    return updates
