"""P4Runtime over gRPC (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md), on :mod:`fullnat.p4rt.http2`."""

from __future__ import annotations

import asyncio
import base64
import binascii
from urllib.parse import unquote_to_bytes

from finsy.proto import p4r, rpc_status
from google.protobuf.message import DecodeError

from fullnat.p4rt.errors import Code, ConnectionLost, P4RuntimeError, RpcError, code_name
from fullnat.p4rt.http2 import Call, Connection, Headers, literal_header

RPC_SECONDS = 60.0
"""An RPC that takes longer counts as a lost connection; compiling a pipeline is the slowest."""
CONNECT_SECONDS = 5.0

_LOST = {Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED}


class GrpcTransport:
    """One connection to ``address`` (host:port), made when the stream is opened."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection: Connection | None = None
        self._headers = {
            method: _request_headers(address, method)
            for method in (
                "Write",
                "Read",
                "SetForwardingPipelineConfig",
                "GetForwardingPipelineConfig",
                "StreamChannel",
            )
        }

    async def open_stream(self) -> GrpcStream:
        host, _, port = self.address.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._connection = await Connection.connect(host.strip("[]"), int(port))
        except (OSError, ValueError, TimeoutError) as error:
            reason = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
            raise ConnectionLost(f"no P4Runtime server answers at {self.address}{reason}") from None
        return GrpcStream(self._start("StreamChannel"))

    async def write(self, request: bytes) -> None:
        await self._unary("Write", request)

    async def read(self, request: bytes) -> list[p4r.Entity]:
        entities: list[p4r.Entity] = []
        for message in await self._unary("Read", request):
            entities.extend(p4r.ReadResponse.FromString(message).entities)
            await asyncio.sleep(0)
        return entities

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        await self._unary("SetForwardingPipelineConfig", request.SerializeToString())

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        answer = await self._unary("GetForwardingPipelineConfig", request.SerializeToString())
        return p4r.GetForwardingPipelineConfigResponse.FromString(b"".join(answer))

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    def _start(self, method: str) -> Call:
        if self._connection is None:
            raise ConnectionLost("not connected")
        return self._connection.call(self._headers[method])

    async def _unary(self, method: str, request: bytes) -> list[bytes]:
        """One request; the messages of its answer."""
        call = self._start(method)
        call.send(request, last=True)
        try:
            async with asyncio.timeout(RPC_SECONDS):
                await call.wait_end()
        except TimeoutError:
            raise ConnectionLost(f"the switch does not answer a {method}") from None
        finally:
            call.cancel()
        error = outcome(call)
        if error is not None:
            raise error
        return call.take()


class GrpcStream:
    """The StreamChannel."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def send(self, message: bytes) -> None:
        self._call.send(message)

    async def receive(self) -> list[p4r.StreamMessageResponse]:
        call = self._call
        await call.wait()
        if not call.messages:
            raise outcome(call) or ConnectionLost("the switch closed the stream")
        try:
            return [p4r.StreamMessageResponse.FromString(message) for message in call.take()]
        except DecodeError as error:
            raise ConnectionLost(f"the switch sent what is no StreamMessageResponse: {error}") from None

    async def close(self) -> None:
        self._call.cancel()


def _request_headers(address: str, method: str) -> bytes:
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/p4.v1.P4Runtime/" + method.encode()),
        (b":authority", address.encode()[:126]),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"user-agent", b"p4-fullnat"),
    )
    return b"".join(literal_header(name, value) for name, value in fields)


def outcome(call: Call) -> P4RuntimeError | None:
    """How an ended call ended; None for success."""
    if call.error is not None:
        return call.error
    fields = dict(call.headers)
    status = fields.get(b"grpc-status")
    if status is None or not status.isdigit():
        return ConnectionLost(
            f"not a gRPC server: HTTP status {fields.get(b':status', b'?').decode('ascii', 'replace')}"
        )
    code = int(status)
    if code == Code.OK:
        return None
    message = unquote_to_bytes(fields.get(b"grpc-message", b"")).decode("utf-8", "replace")
    if code in _LOST:
        return ConnectionLost(message or code_name(code))
    return RpcError(code, message, _details(call.headers))


def _details(headers: Headers) -> list[tuple[int, str]]:
    """The p4.v1.Error of every update, from grpc-status-details-bin; empty when there are none that can be read."""
    raw = next((value for name, value in headers if name == b"grpc-status-details-bin"), None)
    if raw is None:
        return []
    updates = []
    try:
        for detail in rpc_status.Status.FromString(_binary(raw)).details:
            error = p4r.Error()
            if detail.Unpack(error):
                updates.append((error.canonical_code, error.message))
    except (DecodeError, binascii.Error):
        return []
    return updates


def _binary(value: bytes) -> bytes:
    """A binary header: as it is after a zero byte (what we offer to accept), or in base64."""
    if value[:1] == b"\0":
        return value[1:]
    return base64.b64decode(value + b"=" * (-len(value) % 4))
