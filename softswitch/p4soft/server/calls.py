"""The gRPC calls of P4Runtime: from what a client sends to the service, and back.

A call is told what happens to it by the events of :class:`~p4soft.engine.front.NativeFront`, and never blocks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from finsy.proto import p4r
from google.protobuf.message import DecodeError, Message

from p4soft.server.errors import Code, RpcError, from_unexpected, invalid
from p4soft.server.service import P4RuntimeService

PACKET_QUEUE = 4096
"""Messages waiting for a slow client before packet-ins are dropped."""
STREAM_QUEUE = 65536
"""Messages waiting for a slow client before everything but arbitration is dropped."""
READ_AHEAD = 4
"""Responses of a Read waiting for a slow client before it has to catch up."""
_ALL = 0xFFFFFFFF

_log = logging.getLogger(__name__)
_Message = TypeVar("_Message", bound=Message)


class Peer(Protocol):
    """The client's end of one call."""

    def send(self, message: bytes, limit: int = _ALL) -> int:
        """Messages that wait for the client, this one included; negative if the call is over, or ``limit`` messages
        wait already and this one was not sent."""
        ...

    def finish(self, error: RpcError | None = None) -> None:
        """End the call."""
        ...


class Call:
    """One call. Its client may send, half-close, and be gone at any time; an RpcError raised here ends it."""

    def message(self, data: bytes) -> None:
        """The client sent a message."""

    def finished(self) -> None:
        """The client has sent everything."""

    def reset(self) -> None:
        """The call is over, by the client or because it failed."""

    def drained(self) -> None:
        """The client has caught up with what it was sent."""

    def aborted(self, error: RpcError) -> None:
        """The switch ends the call."""


class RequestCall(Call):
    """One request; :meth:`answer` gets it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._request: bytes | None = None

    def message(self, data: bytes) -> None:
        if self._request is not None:
            raise RpcError(Code.UNIMPLEMENTED, "the method takes one request")
        self._request = data

    def finished(self) -> None:
        if self._request is None:
            raise RpcError(Code.UNIMPLEMENTED, "the request is missing")
        self.answer(self._request)

    def answer(self, request: bytes) -> None:
        """Respond to the request, which is complete."""
        raise NotImplementedError


class UnaryCall(RequestCall):
    """One request, one response."""

    def __init__(self, peer: Peer, respond: Callable[[bytes], Message]) -> None:
        super().__init__(peer)
        self._respond = respond

    def answer(self, request: bytes) -> None:
        self._peer.send(self._respond(request).SerializeToString())
        self._peer.finish()


class LongCall(RequestCall):
    """One request, and responses that take their time; other calls are served meanwhile."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self._task: asyncio.Task[None] | None = None

    def answer(self, request: bytes) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(request))

    def reset(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, request: bytes) -> None:
        try:
            await self.respond(request)
        except Exception as error:
            self._peer.finish(as_rpc_error(error))
        else:
            self._peer.finish()

    async def respond(self, request: bytes) -> None:
        """Send the responses."""
        raise NotImplementedError


class PushCall(LongCall):
    """SetForwardingPipelineConfig, whose compiler takes seconds."""

    def __init__(self, peer: Peer, service: P4RuntimeService) -> None:
        super().__init__(peer)
        self._service = service

    async def respond(self, request: bytes) -> None:
        response = await self._service.push(parse(p4r.SetForwardingPipelineConfigRequest, request))
        self._peer.send(response.SerializeToString())


class ReadCall(LongCall):
    """Read: many responses, as fast as the client takes them and other calls let it."""

    def __init__(self, peer: Peer, service: P4RuntimeService) -> None:
        super().__init__(peer)
        self._service = service
        self._drained = asyncio.Event()

    async def respond(self, request: bytes) -> None:
        for response in self._service.read_bytes(request):
            self._drained.clear()
            waiting = self._peer.send(response)
            if waiting < 0:
                return
            if waiting > READ_AHEAD:
                await self._drained.wait()
            else:
                await asyncio.sleep(0)

    def drained(self) -> None:
        self._drained.set()


class StreamCall(Call):
    """A StreamChannel. A client that does not read loses packet-ins first."""

    def __init__(self, peer: Peer, service: P4RuntimeService) -> None:
        self._peer = peer
        self._stream = service.open_stream(self._send)
        self.dropped = 0

    def message(self, data: bytes) -> None:
        self._stream.handle(parse(p4r.StreamMessageRequest, data))

    def finished(self) -> None:
        self.reset()
        self._peer.finish()

    def reset(self) -> None:
        self._stream.close()
        if self.dropped:
            _log.warning("a slow client lost %d stream messages", self.dropped)
            self.dropped = 0

    def _send(self, messages: list[p4r.StreamMessageResponse]) -> None:
        for message in messages:
            if message.HasField("packet"):
                limit = PACKET_QUEUE
            else:
                limit = _ALL if message.HasField("arbitration") else STREAM_QUEUE
            if self._peer.send(message.SerializeToString(), limit) < 0:
                self.dropped += 1


def parse(kind: type[_Message], data: bytes) -> _Message:
    """The message; INVALID_ARGUMENT if the bytes are none of its kind."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise invalid(f"the request is not a {kind.DESCRIPTOR.name}") from None


def as_rpc_error(error: Exception) -> RpcError:
    """``error``, or what a defect of ours is reported as."""
    if isinstance(error, RpcError):
        return error
    _log.error("an RPC failed unexpectedly", exc_info=error)
    return from_unexpected(error, "internal error")


def open_call(service: P4RuntimeService, path: str, peer: Peer) -> Call:
    """The call of the method at ``path``; UNIMPLEMENTED if there is none."""
    method = path.removeprefix("/p4.v1.P4Runtime/")
    if method == "Read":
        return ReadCall(peer, service)
    if method == "SetForwardingPipelineConfig":
        return PushCall(peer, service)
    if method == "StreamChannel":
        return StreamCall(peer, service)
    respond = _unary(service).get(method)
    if respond is None:
        raise RpcError(Code.UNIMPLEMENTED, f"there is no method {path}")
    return UnaryCall(peer, respond)


def _unary(service: P4RuntimeService) -> dict[str, Callable[[bytes], Message]]:
    def write(data: bytes) -> p4r.WriteResponse:
        service.write_bytes(data)
        return p4r.WriteResponse()

    return {
        "Write": write,
        "GetForwardingPipelineConfig": lambda data: service.get_pipeline(
            parse(p4r.GetForwardingPipelineConfigRequest, data)
        ),
        "Capabilities": lambda data: service.capabilities(parse(p4r.CapabilitiesRequest, data)),
    }
