"""P4Runtime without serialization, for a controller in the switch's own process and event loop.

:class:`InProcessStub` has the methods of the stub that ``P4RuntimeStub(grpc.aio.Channel)`` gives, so a client written
for grpc.aio runs over either: message objects are handed over as they are (the receiver owns them), and errors are
:class:`grpc.aio.AioRpcError` with the same codes, texts and ``grpc-status-details-bin`` trailer.

Who wants no coroutine at all uses :class:`~p4soft.server.service.P4RuntimeService` itself: ``service.write(request)``,
``service.read(request)`` and ``service.open_stream(callback)``, where the callback gets all messages of one wake-up as
one list.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio
from finsy.proto import p4r

from p4soft.server.errors import Code, RpcError, from_unexpected
from p4soft.server.service import P4RuntimeService

_STATUS = {code: next(status for status in grpc.StatusCode if status.value[0] == code) for code in Code}
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


def to_grpc_error(error: Exception) -> grpc.aio.AioRpcError:
    """What a gRPC client would have caught for ``error``."""
    if not isinstance(error, RpcError):
        error = from_unexpected(error, "internal error")
    trailer = grpc.aio.Metadata()
    if details := error.status_details():
        trailer.add("grpc-status-details-bin", details)
    return grpc.aio.AioRpcError(_STATUS[error.code], grpc.aio.Metadata(), trailer, details=error.message)


class InProcessStub:
    """The P4Runtime stub of a switch in this process. Call it from the switch's event loop only.

    ``timeout`` and the other keyword arguments of grpc.aio are accepted and mean nothing: calls do not wait.
    """

    def __init__(self, service: P4RuntimeService) -> None:
        self._service = service

    async def Write(self, request: p4r.WriteRequest, **_options: Any) -> p4r.WriteResponse:
        return _call(self._service.write, request)

    async def Read(self, request: p4r.ReadRequest, **_options: Any) -> AsyncIterator[p4r.ReadResponse]:
        try:
            for response in self._service.read(request):
                yield response
                # A long read leaves room for other work, as it does over gRPC.
                await asyncio.sleep(0)
        except Exception as error:
            raise to_grpc_error(error) from None

    async def SetForwardingPipelineConfig(
        self, request: p4r.SetForwardingPipelineConfigRequest, **_options: Any
    ) -> p4r.SetForwardingPipelineConfigResponse:
        try:
            return await self._service.push(request)
        except Exception as error:
            raise to_grpc_error(error) from None

    async def GetForwardingPipelineConfig(
        self, request: p4r.GetForwardingPipelineConfigRequest, **_options: Any
    ) -> p4r.GetForwardingPipelineConfigResponse:
        return _call(self._service.get_pipeline, request)

    async def Capabilities(self, request: p4r.CapabilitiesRequest, **_options: Any) -> p4r.CapabilitiesResponse:
        return _call(self._service.capabilities, request)

    def StreamChannel(self, **_options: Any) -> InProcessStreamCall:
        return InProcessStreamCall(self._service)


def _call(method: Callable[[_Request], _Response], request: _Request) -> _Response:
    try:
        return method(request)
    except Exception as error:
        raise to_grpc_error(error) from None


class InProcessStreamCall:
    """The client's end of a StreamChannel: ``read``, ``write``, ``done_writing``, ``cancel``, async iteration.

    Beyond grpc.aio's calls, :meth:`read_many` takes everything that is waiting, and :meth:`send` needs no await.
    """

    def __init__(self, service: P4RuntimeService) -> None:
        self._inbox: deque[p4r.StreamMessageResponse] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: grpc.aio.AioRpcError | None = None
        self._closed = False
        self._stream = service.open_stream(self._receive, lambda error: self._close(to_grpc_error(error)))

    def send(self, request: p4r.StreamMessageRequest) -> None:
        """Hand one message to the switch, which handles it before this returns."""
        if self._closed:
            raise self._error or asyncio.InvalidStateError("the stream is closed")
        try:
            self._stream.handle(request)
        except Exception as error:
            self._close(to_grpc_error(error))

    async def write(self, request: p4r.StreamMessageRequest) -> None:
        self.send(request)

    async def read(self) -> Any:
        """The next message, or ``grpc.aio.EOF`` once the stream has ended; raises the status it ended with."""
        while not self._inbox:
            if not await self._wait():
                return grpc.aio.EOF
        return self._inbox.popleft()

    async def read_many(self) -> list[p4r.StreamMessageResponse]:
        """All waiting messages, at least one; an empty list once the stream has ended."""
        while not self._inbox:
            if not await self._wait():
                return []
        messages = list(self._inbox)
        self._inbox.clear()
        return messages

    def __aiter__(self) -> AsyncIterator[p4r.StreamMessageResponse]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[p4r.StreamMessageResponse]:
        while True:
            for message in (messages := await self.read_many()):
                yield message
            if not messages:
                return

    async def done_writing(self) -> None:
        """Half-close; the switch ends the stream, as it does over gRPC."""
        self._close(None)

    def cancel(self) -> bool:
        if self._closed:
            return False
        self._close(None)
        return True

    def done(self) -> bool:
        return self._closed

    async def code(self) -> grpc.StatusCode:
        """The status the stream ended with."""
        while not self._closed:
            await self._wait()
        return self._error.code() if self._error is not None else _STATUS[Code.OK]

    def _receive(self, messages: list[p4r.StreamMessageResponse]) -> None:
        self._inbox.extend(messages)
        self._wake()

    async def _wait(self) -> bool:
        """Wait for a message or the end; False (or the final error) at the end."""
        if self._closed:
            if self._error is not None:
                raise self._error
            return False
        if self._waiter is None or self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._waiter)
        return True

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _close(self, error: grpc.aio.AioRpcError | None) -> None:
        if not self._closed:
            self._closed = True
            self._error = error
            self._stream.close()
            self._wake()
