"""The calls as gRPC. The server is reached by way of the listener alone (:mod:`fullnat.api.listener`), which knows who
is at the other end of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from fullnat.api import large
from fullnat.api.calls import BY_NAME, SERVICE, Call
from fullnat.api.errors import CallError, Kind
from fullnat.api.identity import Identity
from fullnat.api.server import Dispatcher

MESSAGE_BYTES = 32 << 20
"""Of a request."""
WhoIs = Callable[[str], Identity]
"""Of the name that a connection of the listener's has, whoever it is for."""


class Calls(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, dispatcher: Dispatcher, who_is: WhoIs) -> None:
        self._dispatcher = dispatcher
        self._who_is = who_is
        self._handlers = {f"/{SERVICE.full_name}/{call.name}": self._handler(call) for call in BY_NAME.values()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._handlers.get(handler_call_details.method)

    def _handler(self, call: Call) -> grpc.RpcMethodHandler:
        made = grpc.unary_unary_rpc_method_handler if call.answer else grpc.unary_stream_rpc_method_handler
        return made(
            self._one(call) if call.answer else self._many(call),
            response_serializer=call.response.SerializeToString,
        )

    def _one(self, call: Call) -> Callable[[Any, grpc.aio.ServicerContext], Any]:
        async def answer(request: bytes, context: grpc.aio.ServicerContext) -> Any:
            answers = [found async for found in self._answers(call, request, context)]
            return answers[0]

        return answer

    def _many(self, call: Call) -> Callable[[Any, grpc.aio.ServicerContext], AsyncIterator[Any]]:
        async def answers(request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            async for answer in self._answers(call, request, context):
                yield answer

        return answers

    async def _answers(self, call: Call, request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        try:
            async for turn in self._dispatcher.run(call, _message(call, request), self._who_is(context.peer())):
                for answer in turn:
                    yield await large.message(call.response, answer)
        except CallError as error:
            await context.abort(grpc.StatusCode[error.kind.code], str(error))


def _message(call: Call, octets: bytes) -> Any:
    """Raises CallError. gRPC itself would call it an unforeseen failure, and log how it came about."""
    try:
        return call.request.FromString(octets)
    except DecodeError:
        raise CallError(Kind.INVALID, f"this is no {call.request.DESCRIPTOR.name} of {SERVICE.file.package}") from None


async def start(path: str, dispatcher: Dispatcher, who_is: WhoIs) -> grpc.aio.Server:
    """Serve at the Unix socket ``path``."""
    server = grpc.aio.server(
        handlers=(Calls(dispatcher, who_is),),
        options=(("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)),
    )
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    return server
