"""P4Runtime over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from finsy.proto import p4r, rpc_status
from google.protobuf.message import DecodeError

from fullnat.p4rt.errors import Code, ConnectionLost, P4RuntimeError, RpcError, code_name
from fullnat.p4rt.http2.call import Call
from fullnat.p4rt.http2.connection import Connection
from fullnat.p4rt.http2.dial import authority, dial
from fullnat.p4rt.http2.frames import Http2Error
from fullnat.p4rt.http2.headers import literal
from fullnat.p4rt.http2.status import Status
from fullnat.p4rt.reasons import explain
from fullnat.p4rt.tls import Tls
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
READ_AHEAD = 4
"""Responses to a Read received ahead."""

_STREAM = "StreamChannel"
_LOST = {Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED}


class GrpcTransport:
    """One connection, made when it is first needed; the server's name is ``address`` (host:port or unix:path). Raises
    ChannelError."""

    immediate = False

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        self.address = address
        self.pushing = False
        self._context = tls.context() if tls is not None else None
        self._server_name = tls.server_name if tls is not None else None
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        name = authority(address, self._server_name)
        scheme = "http" if tls is None else "https"
        self._headers = {method: _headers(method, scheme, name) for method in (*DEADLINES, _STREAM)}

    @property
    def heard(self) -> int:
        return self._connection.heard if self._connection is not None else 0

    async def _connected(self) -> Connection:
        """Raises ConnectionLost."""
        async with self._connecting:
            if self._closed:
                raise ConnectionLost("the connection was closed")
            if self._connection is None:
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        self._connection = await dial(self.address, self._context, self._server_name)
                except TimeoutError:
                    raise ConnectionLost(f"no P4Runtime server answers at {self.address}") from None
                except (OSError, ConnectionLost, Http2Error) as error:
                    raise ConnectionLost(explain(self.address, error, tls=self._context is not None)) from None
            return self._connection

    async def reach(self) -> None:
        """Have a first answer: whoever takes connections need not serve them. Raises ConnectionLost."""
        call = (await self._connected()).open(self._headers["Capabilities"], 1)
        call.send(b"", end=True)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _answer(call)
        except TimeoutError:
            raise ConnectionLost(f"no P4Runtime server answers at {self.address}") from None
        except RpcError:
            pass  # an old switch does not know Capabilities
        finally:
            call.cancel()

    async def open_stream(self, layout: Layout = NO_LAYOUT) -> GrpcStream:
        await self.reach()
        return GrpcStream((await self._connected()).open(self._headers[_STREAM], QUEUE_LIMIT))

    async def ask(self) -> None:
        """An old switch does not know Capabilities, but says so."""
        try:
            await self._unary("Capabilities", b"")
        except RpcError as error:
            if error.code != Code.UNIMPLEMENTED:
                raise

    async def write(self, request: bytes) -> None:
        await self._unary("Write", request)

    async def read(self, request: bytes) -> AsyncIterator[bytes]:
        call = (await self._connected()).open(self._headers["Read"], READ_AHEAD)
        call.send(request, end=True)
        with _until_deadline("Read", call) as ends:
            while True:
                async with asyncio.timeout_at(ends):
                    await call.changed()
                responses = call.take()
                if not responses:
                    break
                for response in responses:
                    yield response
            _check(call.end)

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        self.pushing = True
        try:
            await self._unary("SetForwardingPipelineConfig", request.SerializeToString())
        finally:
            self.pushing = False

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        answer = await self._unary("GetForwardingPipelineConfig", request.SerializeToString())
        try:
            return p4r.GetForwardingPipelineConfigResponse.FromString(answer)
        except DecodeError:
            raise RpcError(Code.INTERNAL, "the answer cannot be read") from None

    async def _unary(self, name: str, request: bytes) -> bytes:
        """The answer, a refusal being one too. Raises P4RuntimeError."""
        call = (await self._connected()).open(self._headers[name], 1)
        call.send(request, end=True)
        with _until_deadline(name, call) as ends:
            async with asyncio.timeout_at(ends):
                return await _answer(call)

    async def close(self) -> None:
        self._closed = True
        if self._connection is not None:
            self._connection.close()


@contextmanager
def _until_deadline(name: str, call: Call) -> Iterator[float]:
    """When the call has to be answered; later it is a lost connection. The call is over at the end."""
    try:
        yield asyncio.get_running_loop().time() + DEADLINES[name]
    except TimeoutError:
        raise ConnectionLost(f"the switch did not answer {name} within {DEADLINES[name]:g} s") from None
    finally:
        call.cancel()


async def _answer(call: Call) -> bytes:
    """The one message of an answer. Raises P4RuntimeError."""
    await call.ended()
    _check(call.end)
    if len(call.messages) != 1:
        raise RpcError(Code.INTERNAL, f"{len(call.messages)} messages for an answer")
    return call.messages[0]


def _check(end: Status | None) -> None:
    """Raises ConnectionLost, or RpcError with the per-update errors of grpc-status-details-bin."""
    if end is not None and end.code != Code.OK:
        raise _error(end)


def _error(end: Status) -> P4RuntimeError:
    if end.code in _LOST:
        return ConnectionLost(end.message or Code(end.code).name)
    return RpcError(end.code, end.message, _details(end.details))


def _details(serialised: bytes) -> list[tuple[int, str]]:
    updates = []
    try:
        for detail in rpc_status.Status.FromString(serialised).details:
            error = p4r.Error()
            if detail.Unpack(error):
                updates.append((error.canonical_code, error.message or code_name(error.canonical_code)))
    except DecodeError:
        return []
    return updates


class GrpcStream:
    direct = False

    def __init__(self, call: Call) -> None:
        self._call = call

    def send(self, message: bytes, limit: int = QUEUE_LIMIT) -> bool:
        call = self._call
        if call.end is not None:
            raise _ended(call.end)
        if len(call.waiting) >= limit:
            return False
        call.send(message)
        return True

    def send_frame(self, frame: bytes) -> bool:
        return False

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        call = self._call
        while len(call.waiting) >= limit and call.end is None:
            call.drained.clear()
            await call.drained.wait()

    async def receive(self) -> list[Arrival]:
        call = self._call
        await call.changed()
        if not call.messages:
            assert call.end is not None
            raise _ended(call.end)
        read = p4r.StreamMessageResponse.FromString
        try:
            return [read(message) for message in call.take()]
        except DecodeError:
            raise ConnectionLost("the switch sent a stream message that cannot be read") from None

    async def close(self) -> None:
        self._call.cancel("the stream was closed")


def _ended(end: Status) -> P4RuntimeError:
    """Why the switch ended the stream."""
    return ConnectionLost(end.message or "the switch closed the stream") if end.code == Code.OK else _error(end)


def _headers(method: str, scheme: str, name: str) -> bytes:
    """The block of a request's headers, which is the same every time."""
    fields = [
        (":method", "POST"),
        (":scheme", scheme),
        (":path", f"/p4.v1.P4Runtime/{method}"),
        (":authority", name),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-python-fullnat"),
    ]
    return b"".join([literal(field.encode(), value.encode()) for field, value in fields])
