"""P4Runtime over gRPC."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import grpc.aio
from finsy.proto import p4r, rpc_status

from fullnat.p4rt.channel import Tls, connect
from fullnat.p4rt.errors import Code, ConnectionLost, P4RuntimeError, RpcError
from fullnat.p4rt.reasons import explain
from fullnat.p4rt.transport import NO_LAYOUT, QUEUE_LIMIT, Arrival, Layout

CONNECT_SECONDS = 5.0
"""For the connection, TLS and the first answer."""
DEADLINES = {
    "Capabilities": 5.0,
    "Write": 30.0,
    "Read": 300.0,  # a million entries, which BMv2 sends as one message
    "GetForwardingPipelineConfig": 30.0,
    "SetForwardingPipelineConfig": 120.0,  # compiling a pipeline, or loading an ASIC
}
"""Seconds that a switch which is there may take for each RPC; whether it is there is asked for beside them."""

_LOGGER = logging.getLogger(__name__)
_LOST = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
_SERVICE = "/p4.v1.P4Runtime/"
T = TypeVar("T")


@dataclass(slots=True)
class Heard:
    """Counts what came from the switch."""

    count: int = 0


class GrpcTransport:
    """One channel; the server's name is ``address`` (host:port). Raises ChannelError."""

    immediate = False

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        self.address = address
        self.pushing = False
        self._tls = tls
        self._heard = Heard()
        self._closed = False
        channel = self._channel = connect(address, tls)
        self._capabilities = channel.unary_unary(_SERVICE + "Capabilities")
        self._write = channel.unary_unary(_SERVICE + "Write")
        self._read = channel.unary_stream(_SERVICE + "Read")
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

    @property
    def heard(self) -> int:
        return self._heard.count

    async def reach(self) -> None:
        """Have a first answer: gRPC tells only an RPC why there is no P4Runtime server. Raises ConnectionLost."""
        try:
            await self._capabilities(b"", timeout=CONNECT_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise ConnectionLost(explain(self.address, error.details() or "", self._tls)) from None
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ConnectionLost(f"no P4Runtime server answers at {self.address}") from None
            if "http2 header" in (error.details() or ""):
                raise ConnectionLost(f"what answers at {self.address} is no P4Runtime server") from None
        self._heard.count += 1

    async def open_stream(self, layout: Layout = NO_LAYOUT) -> GrpcStream:
        await self.reach()
        return GrpcStream(self._stream(), self._heard)

    async def ask(self) -> None:
        """An old switch does not know Capabilities, but says so."""
        try:
            await self._call("Capabilities", self._capabilities(b"", timeout=DEADLINES["Capabilities"]))
        except RpcError as error:
            if error.code != Code.UNIMPLEMENTED:
                raise

    async def write(self, request: bytes) -> None:
        await self._call("Write", self._write(request, timeout=DEADLINES["Write"]))

    async def read(self, request: bytes) -> AsyncIterator[bytes]:
        responses = aiter(self._read(request, timeout=DEADLINES["Read"]))
        while (response := await self._call("Read", anext(responses, None))) is not None:
            yield response

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        name = "SetForwardingPipelineConfig"
        self.pushing = True
        try:
            await self._call(name, self._set_pipeline(request, timeout=DEADLINES[name]))
        finally:
            self.pushing = False

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        name = "GetForwardingPipelineConfig"
        response: p4r.GetForwardingPipelineConfigResponse = await self._call(
            name, self._get_pipeline(request, timeout=DEADLINES[name])
        )
        return response

    async def _call(self, name: str, call: Awaitable[T]) -> T:
        """The answer of an RPC, a refusal being one too. Raises P4RuntimeError."""
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ConnectionLost(f"the switch did not answer {name} within {DEADLINES[name]:g} s") from None
            if error.code() not in _LOST:
                self._heard.count += 1
            raise _translate(error) from None
        except asyncio.CancelledError:
            # gRPC cancels the calls of a channel that is closed, which would look as if our task was.
            task = asyncio.current_task()
            if self._closed and (task is None or not task.cancelling()):
                raise ConnectionLost("the connection was closed") from None
            raise
        self._heard.count += 1
        return answer

    async def close(self) -> None:
        self._closed = True
        await self._channel.close()


class GrpcStream:
    """A task reads ahead, so that the owner finds everything that arrived while it was busy in one go; another one
    writes, because gRPC allows one write at a time."""

    direct = False

    def __init__(self, call: Any, heard: Heard) -> None:
        self._call = call
        self._heard = heard
        self._inbox: deque[Arrival] = deque()
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
                self._heard.count += 1
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

    def send(self, message: bytes, limit: int = QUEUE_LIMIT) -> bool:
        if self._end is not None:
            raise self._end
        if len(self._outbox) >= limit:
            return False
        self._outbox.append(message)
        self._to_send.set()
        return True

    def send_frame(self, frame: bytes) -> bool:
        return False

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        while len(self._outbox) >= limit and self._end is None:
            self._sent.clear()
            await self._sent.wait()

    async def receive(self) -> list[Arrival]:
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
