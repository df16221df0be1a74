"""One StreamChannel: arbitration, packet-outs and digest acknowledgements of one controller."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from finsy.proto import p4r

from p4soft.api import Engine, EngineError
from p4soft.server.arbitration import Arbitration, Notices
from p4soft.server.errors import Code, RpcError, denied, from_engine, from_unexpected, invalid, unimplemented
from p4soft.server.events import EventDispatcher
from p4soft.server.outgoing import Outgoing, message_of
from p4soft.server.pipelines import PipelineStore

Send = Callable[[list[Any]], None]
"""Takes messages for the client, in order. Must not block or raise; may be called from within :meth:`Stream.handle`."""

End = Callable[[RpcError], None]
"""Takes the status a stream ended with, when that was not the client's doing."""


class Stream:
    """The server's end of one StreamChannel."""

    def __init__(
        self,
        arbitration: Arbitration,
        pipelines: PipelineStore,
        events: EventDispatcher,
        cpu_port: int | None,
        send: Send,
        *,
        packed: bool = False,
    ) -> None:
        """``packed``: packets and digests come as they are (:mod:`p4soft.server.outgoing`), not as messages."""
        self._arbitration = arbitration
        self._pipelines = pipelines
        self._events = events
        self._engine: Engine = events.engine
        self._cpu_port = cpu_port
        self._send = send
        self._packed = packed
        self.on_close: Callable[[Stream], object] | None = None
        self._open = True

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Tell the client, in this order."""
        self._send(list(outgoing) if self._packed else [message_of(one) for one in outgoing])

    def handle(self, request: p4r.StreamMessageRequest) -> None:
        """Handle one message of the client. An RpcError means that the stream is over, with that status."""
        if not self._open:
            raise RpcError(Code.UNAVAILABLE, "the stream is closed")
        if request.HasField("packet"):
            self._packet_out(request.packet)
        elif request.HasField("digest_ack"):
            self._digest_ack(request.digest_ack)
        elif request.HasField("arbitration"):
            self._arbitrate(request.arbitration)
        else:
            error = unimplemented("stream messages of this kind are not supported")
            message = _stream_error(error)
            message.error.other.other.CopyFrom(request.other)
            self.send([message])

    def packet_out(self, data: bytes, fields: tuple[tuple[int, int], ...]) -> bool:
        """Send ``data``, which is a packet behind the values of packet_out's ``fields``: id and bits of each. False:
        nothing was done, because it is not that simple or not allowed; as a message, it is answered with the reason."""
        pipeline = self._pipelines.running
        if (
            pipeline is None
            or pipeline.packet_out.fields != fields
            or self._cpu_port is None
            or not self._arbitration.is_primary_stream(self)
        ):
            return False
        try:
            self._engine.packet_out(data)
        except EngineError:
            return False
        return True

    def close(self) -> None:
        """The client is gone. Idempotent."""
        if self._open:
            self._open = False
            if self.on_close is not None:
                self.on_close(self)
            before = self._arbitration.primaries
            self._notify(self._arbitration.remove(self), before)

    def _arbitrate(self, update: p4r.MasterArbitrationUpdate) -> None:
        before = self._arbitration.primaries
        try:
            notices = self._arbitration.update(self, update)
        except RpcError:
            self.close()
            raise
        self._notify(notices, before)

    def _notify(self, notices: Notices, before: tuple[Hashable, ...]) -> None:
        if self._arbitration.primaries != before:
            self._events.primary_changed()
        for stream, message in notices:
            assert isinstance(stream, Stream)
            stream.send([message])

    def _packet_out(self, packet: p4r.PacketOut) -> None:
        try:
            if not self._arbitration.is_primary_stream(self):
                raise denied("Not primary: only the primary controller may send packets")
            pipeline = self._pipelines.running
            if pipeline is None:
                raise RpcError(Code.FAILED_PRECONDITION, "No forwarding pipeline config set for this device")
            if self._cpu_port is None:
                raise RpcError(Code.FAILED_PRECONDITION, "the switch was started without a CPU port (--cpu-port)")
            self._engine.packet_out(pipeline.packet_out.packet_out(packet))
        except Exception as error:
            message = _stream_error(_as_rpc_error(error, "packet_out"))
            message.error.packet_out.packet_out.CopyFrom(packet)
            self.send([message])

    def _digest_ack(self, ack: p4r.DigestListAck) -> None:
        try:
            if not self._arbitration.is_primary_stream(self):
                raise denied("Not primary: only the primary controller may acknowledge digests")
            pipeline = self._pipelines.running
            digest = pipeline.digests.get(ack.digest_id) if pipeline is not None else None
            if digest is None:
                raise invalid(f"there is no digest with id {ack.digest_id:#010x} in P4Info")
            digest.ack(ack.list_id)
        except Exception as error:
            message = _stream_error(_as_rpc_error(error, "digest_ack"))
            message.error.digest_list_ack.digest_list_ack.CopyFrom(ack)
            self.send([message])


def _as_rpc_error(error: Exception, what: str) -> RpcError:
    if isinstance(error, RpcError):
        return error
    if isinstance(error, EngineError):
        return from_engine(error, what)
    return from_unexpected(error, what)


def _stream_error(error: RpcError) -> p4r.StreamMessageResponse:
    message = p4r.StreamMessageResponse()
    message.error.canonical_code = error.code
    message.error.message = error.message
    return message
