"""The P4Runtime service without a transport: message objects in, message objects or :class:`RpcError` out.

One instance serves one engine (one P4Runtime device). It is not thread-safe: every call runs to its end on the caller's
thread, which makes requests strictly serializable. None blocks but :meth:`~P4RuntimeService.set_pipeline`, while a
pipeline is being compiled, for which there is :meth:`~P4RuntimeService.push`.
Transports are :mod:`p4soft.server.rpc` (gRPC) and :mod:`p4soft.inprocess`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence

from finsy.proto import p4r
from google.protobuf.message import DecodeError

from p4soft.api import Engine, EngineError
from p4soft.api_optional import Compiles
from p4soft.api_read import Hits, TablesChanged
from p4soft.api_write import Failures
from p4soft.server.arbitration import Arbitration, election_key, unknown_device
from p4soft.server.entities import EntityReader, EntityWriter
from p4soft.server.errors import Code, RpcError, denied, from_engine, from_unexpected, invalid, not_found, unimplemented
from p4soft.server.events import EventDispatcher
from p4soft.server.pipeline import Pipeline
from p4soft.server.pipelines import PipelineStore
from p4soft.server.streams import End, Send, Stream
from p4soft.server.wire import WirePath, wire_writer

API_VERSION = "1.5.0"
"""The P4Runtime version Capabilities reports."""

READ_CHUNK = 512
"""Entities per ReadResponse: some 60 kB, and a few milliseconds until the next request gets its turn."""
READ_CHUNK_BYTES = 1 << 20
"""A ReadResponse is also ended when its large ``metadata`` add up to this."""

_log = logging.getLogger(__name__)


class P4RuntimeService:
    """Serves ``engine`` as the P4Runtime device ``device_id``.

    ``monotonic`` and ``epoch`` return nanoseconds; they are parameters for tests.
    """

    def __init__(
        self,
        engine: Engine,
        device_id: int,
        cpu_port: int | None = None,
        *,
        monotonic: Callable[[], int] = time.monotonic_ns,
        epoch: Callable[[], int] = time.time_ns,
    ) -> None:
        self.engine = engine
        self.device_id = device_id
        self.cpu_port = cpu_port
        self.arbitration = Arbitration(device_id)
        self._ends: dict[Stream, End] = {}
        self._pushing = asyncio.Lock()
        self.pipelines = PipelineStore(engine)
        self.events = EventDispatcher(engine, self.pipelines, self.arbitration, monotonic, epoch)
        writer = self.wire_writer = wire_writer(engine, device_id)
        """Applies ordinary WriteRequests without the service; transports may use it directly."""
        self._wire: WirePath | None = None
        if writer is not None:
            self._wire = WirePath(writer)
            self.arbitration.on_grants = self._wire.follow_primaries

    def ports_changed(self) -> None:
        """To be called when ports went up or down, or were attached or removed: groups may watch them."""
        if self.pipelines.running is not None:
            for profile in self.pipelines.running.profiles.values():
                profile.ports_changed()

    # RPCs

    def write(self, request: p4r.WriteRequest) -> p4r.WriteResponse:
        """Apply every update; UNKNOWN with one detail per update if any failed."""
        if not self._write_wire(request.SerializeToString()):
            self._write_message(request)
        return p4r.WriteResponse()

    def write_bytes(self, data: bytes) -> None:
        """:meth:`write` of a serialized request; INVALID_ARGUMENT if it is none."""
        if not self._write_wire(data):
            try:
                request = p4r.WriteRequest.FromString(data)
            except DecodeError:
                raise invalid("the request is not a WriteRequest") from None
            self._write_message(request)

    def _write_wire(self, data: bytes) -> bool:
        """Let the engine apply an ordinary request. False: it is not ordinary, and nothing was done."""
        results = self._wire.write(data) if self._wire is not None else None
        if results:
            raise _batch_error(results)
        return results is not None

    def raise_failures(self, failures: Failures) -> None:
        """Raise the error of a request that the ``wire_writer`` has applied in part."""
        assert self._wire is not None
        raise _batch_error(self._wire.errors(failures))

    def _write_message(self, request: p4r.WriteRequest) -> None:
        self._check_primary(request.device_id, request.role, request)
        pipeline = self._pipeline()
        if request.atomicity != p4r.WriteRequest.CONTINUE_ON_ERROR:
            raise unimplemented("only the atomicity CONTINUE_ON_ERROR is supported")
        results = EntityWriter(pipeline).write(request.updates)
        self._follow_pipeline()
        if any(results):
            raise _batch_error(results)

    def _follow_pipeline(self) -> None:
        if self._wire is not None:
            running = self.pipelines.running
            self._wire.follow_pipeline(running if running is self.pipelines.current else None)

    def read(self, request: p4r.ReadRequest) -> Iterator[p4r.ReadResponse]:
        """The entities asked for, in chunks. Requests that fail are reported together at the end (UNKNOWN).

        One chunk is consistent; writes may come between two. A pipeline replaced meanwhile ends the read (ABORTED).
        """
        self._check_device(request.device_id)
        pipeline = self._pipeline()
        return self._read(request, pipeline)

    def read_bytes(self, data: bytes) -> Iterator[bytes]:
        """:meth:`read` of a serialized request, with serialized responses; INVALID_ARGUMENT if it is none."""
        responses = self._wire.reader.read(data, READ_CHUNK) if self._wire is not None else None
        if responses is not None:
            return _unless_replaced(responses)
        try:
            request = p4r.ReadRequest.FromString(data)
        except DecodeError:
            raise invalid("the request is not a ReadRequest") from None
        return (response.SerializeToString() for response in self.read(request))

    def read_hits(self, data: bytes) -> Sequence[Hits | None] | None:
        """Instead of the entries that a serialized request names by their keys, what the data plane has added to each
        of them. None if it asks for anything else, or the engine does not tell this way."""
        return self._wire.reader.hits(data) if self._wire is not None else None

    def _read(self, request: p4r.ReadRequest, pipeline: Pipeline) -> Iterator[p4r.ReadResponse]:
        reader = EntityReader(pipeline)
        errors: dict[int, RpcError] = {}
        response = p4r.ReadResponse()
        entities = response.entities
        count = 0
        extra = 0
        for index, query in enumerate(request.entities):
            try:
                for entity in reader.read(query):
                    entities.append(entity)
                    count += 1
                    extra += len(entity.table_entry.metadata)
                    if count >= READ_CHUNK or extra >= READ_CHUNK_BYTES:
                        yield response
                        if self.pipelines.current is not pipeline:
                            raise _replaced()
                        response = p4r.ReadResponse()
                        entities = response.entities
                        count = extra = 0
            except RpcError as error:
                if error.code is Code.ABORTED:
                    raise
                errors[index] = error
            except EngineError as error:
                errors[index] = from_engine(error, "read")
            except Exception as error:
                _log.exception("reading an entity failed")
                errors[index] = from_unexpected(error, "read")
        if count:
            yield response
        if errors:
            details: list[RpcError | None] = [errors.get(index) for index in range(len(request.entities))]
            raise _batch_error(details)

    def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> p4r.SetForwardingPipelineConfigResponse:
        """Verify, save, commit or reconcile a pipeline. Blocks while the engine compiles it, unless :meth:`push` is
        used."""
        self._check_primary(request.device_id, request.role, request)
        config = request.config if request.HasField("config") else None
        try:
            self._change_pipeline(request.action, config)
        finally:
            self._follow_pipeline()
        return p4r.SetForwardingPipelineConfigResponse()

    async def push(self, request: p4r.SetForwardingPipelineConfigRequest) -> p4r.SetForwardingPipelineConfigResponse:
        """:meth:`set_pipeline`, but compiling on another thread. Until that is done other RPCs are served as if they
        had come before; pushes take turns."""
        async with self._pushing:
            self._check_primary(request.device_id, request.role, request)
            if isinstance(self.engine, Compiles):
                config = request.config if request.HasField("config") else None
                program = self.pipelines.to_compile(request.action, config)
                if program is not None:
                    await asyncio.to_thread(self.engine.prepare, program)
            return self.set_pipeline(request)

    def _change_pipeline(
        self,
        action: p4r.SetForwardingPipelineConfigRequest.Action.ValueType,
        config: p4r.ForwardingPipelineConfig | None,
    ) -> None:
        actions = p4r.SetForwardingPipelineConfigRequest
        if action == actions.VERIFY:
            self.pipelines.verify(config)
        elif action == actions.VERIFY_AND_SAVE:
            self.pipelines.save(config)
        elif action == actions.VERIFY_AND_COMMIT:
            self.pipelines.commit(config)
        elif action == actions.COMMIT:
            self.pipelines.commit_saved(config)
        elif action == actions.RECONCILE_AND_COMMIT:
            self.pipelines.reconcile(config)
        else:
            raise invalid(f"unknown SetForwardingPipelineConfig action {action}")

    def get_pipeline(self, request: p4r.GetForwardingPipelineConfigRequest) -> p4r.GetForwardingPipelineConfigResponse:
        """The config last set, or the parts of it asked for; ``config`` stays unset while there is none."""
        self._check_device(request.device_id)
        response = p4r.GetForwardingPipelineConfigResponse()
        current = self.pipelines.current
        if current is None:
            return response
        config = response.config
        kinds = p4r.GetForwardingPipelineConfigRequest
        if request.response_type in (kinds.ALL, kinds.P4INFO_AND_COOKIE):
            config.p4info.CopyFrom(current.config.p4info)
        if request.response_type in (kinds.ALL, kinds.DEVICE_CONFIG_AND_COOKIE):
            config.p4_device_config = current.config.p4_device_config
        if current.config.HasField("cookie"):
            config.cookie.CopyFrom(current.config.cookie)
        config.SetInParent()
        return response

    def capabilities(self, request: p4r.CapabilitiesRequest) -> p4r.CapabilitiesResponse:
        """The API version; NOT_FOUND when the request names another device."""
        if request.device_id:
            self._check_device(request.device_id)
        return p4r.CapabilitiesResponse(p4runtime_api_version=API_VERSION)

    def open_stream(self, send: Send, end: End | None = None, *, packed: bool = False) -> Stream:
        """A new StreamChannel. ``send`` takes lists of messages for the client and must not block. ``packed``: packets
        and digests are handed over as the data plane has them, which spares making messages of them
        (:mod:`p4soft.server.outgoing`).

        ``end`` is called when the switch ends the stream by itself, because it stops.
        """
        stream = Stream(self.arbitration, self.pipelines, self.events, self.cpu_port, send, packed=packed)
        if end is not None:
            self._ends[stream] = end
            stream.on_close = self._ends.pop
        return stream

    def shutdown(self) -> None:
        """Close the streams that have an ``end`` callback, and tell them (UNAVAILABLE)."""
        for stream, end in list(self._ends.items()):
            stream.close()
            end(RpcError(Code.UNAVAILABLE, "the switch is stopping"))

    def load(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Load a pipeline at start, without a client."""
        try:
            self.pipelines.commit(config)
        finally:
            self._follow_pipeline()

    # checks, in the order of the specification: device and role, primary, pipeline

    def _check_device(self, device_id: int) -> None:
        if device_id != self.device_id:
            raise not_found(unknown_device(device_id, self.device_id))

    def _check_primary(
        self, device_id: int, role: str, request: p4r.WriteRequest | p4r.SetForwardingPipelineConfigRequest
    ) -> None:
        self._check_device(device_id)
        if not self.arbitration.has_role(role):
            raise not_found(f"no role {role!r} on this device")
        election = election_key(request.election_id) if request.HasField("election_id") else None
        if not self.arbitration.is_primary(role, election):
            raise denied("Not primary: the election_id is not that of the primary controller's stream")

    def _pipeline(self) -> Pipeline:
        pipeline = self.pipelines.current
        if pipeline is None:
            raise RpcError(Code.FAILED_PRECONDITION, "No forwarding pipeline config set for this device")
        return pipeline


def _replaced() -> RpcError:
    return RpcError(Code.ABORTED, "the pipeline was replaced during the read")


def _unless_replaced(responses: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from responses
    except TablesChanged:
        raise _replaced() from None


def _batch_error(details: list[RpcError | None]) -> RpcError:
    """The error of a batch: how many failed, the first reason, and the result of each."""
    failed = [detail for detail in details if detail is not None]
    return RpcError(Code.UNKNOWN, f"{len(failed)} of {len(details)} failed; the first: {failed[0]}", details)
