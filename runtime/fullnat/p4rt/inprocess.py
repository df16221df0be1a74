"""The embedded mode: p4soft in this process, with P4Runtime messages handed over instead of sent.

Beside :mod:`fullnat.p4rt.tracing`, the only module of this package that imports p4soft.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial

from finsy.proto import p4r
from p4soft.api import EngineError
from p4soft.embedded import Switch
from p4soft.engine import NativeEngine
from p4soft.interpreter.live import LiveState
from p4soft.server.errors import RpcError as ServiceError
from p4soft.server.outgoing import Outgoing
from p4soft.server.packetio import ControllerHeader, Punted
from p4soft.server.service import P4RuntimeService
from p4soft.server.streams import Stream as ServiceStream
from p4soft.server.tls import ServerError

from fullnat.p4rt.errors import ConnectionLost, P4RuntimeError, RpcError
from fullnat.p4rt.transport import NO_LAYOUT, QUEUE_LIMIT, Arrival, Hit, Layout


class EmbeddedSwitch:
    """A p4soft switch that lives as long as the controller.

    ``ports``: switch port to network interface. ``grpc_addr``: also serve P4Runtime there, for other clients.
    ``no_offload``: interfaces whose super-segments are not cut. ``workers``: packet threads, among which flows or ports
    are ``spread``.
    """

    def __init__(
        self,
        device_id: int,
        cpu_port: int,
        ports: Mapping[int, str],
        grpc_addr: str | None = None,
        *,
        no_offload: Collection[str] = (),
        workers: int = 1,
        spread: str = "flow",
    ) -> None:
        self._arguments = (device_id, cpu_port, grpc_addr, dict(ports))
        self._make = partial(Switch, no_offload=no_offload, workers=workers, spread=spread)
        self._switch: Switch | None = None

    async def start(self) -> None:
        """Raises ConnectionLost with the reason why the switch cannot run."""
        try:
            self._switch = self._make(*self._arguments)
            await self._switch.start()
        except (EngineError, ServerError, OSError) as error:
            raise ConnectionLost(f"the embedded switch cannot start: {error}") from error

    async def stop(self) -> None:
        if self._switch is not None:
            await self._switch.stop()

    def transport(self) -> InProcessTransport:
        if self._switch is None:
            raise ConnectionLost("the embedded switch was not started")
        return InProcessTransport(self._switch.service)


class InProcessTransport:
    """Calls a P4Runtime service of this process and event loop; every call is done when it returns."""

    pushing = False
    immediate = True

    def __init__(self, service: P4RuntimeService) -> None:
        self._service = service
        self.heard = 0

    async def ask(self) -> None:
        """The switch is in this process, so what there is to ask is whether its packet threads make room between two
        batches. One that does not stops this loop, which the service manager's watchdog then notices."""
        try:
            self._service.engine.port_stats()
        except EngineError as error:
            raise ConnectionLost(str(error)) from None
        self.heard += 1

    async def open_stream(self, layout: Layout = NO_LAYOUT) -> InProcessStream:
        return InProcessStream(self._service, layout)

    async def write(self, request: bytes) -> None:
        try:
            self._service.write_bytes(request)
        except ServiceError as error:
            raise _translate(error) from None

    async def read(self, request: bytes) -> AsyncIterator[bytes]:
        try:
            for response in self._service.read_bytes(request):
                yield response
                await asyncio.sleep(0)
        except ServiceError as error:
            raise _translate(error) from None

    def state(self) -> LiveState | None:
        engine = self._service.engine
        return LiveState(engine) if isinstance(engine, NativeEngine) else None

    def hits(self, request: bytes) -> Sequence[Hit | None] | None:
        return self._service.read_hits(request)

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        try:
            await self._service.push(request)
        except ServiceError as error:
            raise _translate(error) from None

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        try:
            return self._service.get_pipeline(request)
        except ServiceError as error:
            raise _translate(error) from None

    async def close(self) -> None:
        """Nothing to close: the switch belongs to :class:`EmbeddedSwitch`."""


class InProcessStream:
    """Packets and digests are handed over as the data plane has them: packets if the running pipeline's headers are
    those of ``layout``."""

    def __init__(self, service: P4RuntimeService, layout: Layout) -> None:
        self.direct = bool(layout.packet_out)
        self._layout = layout
        self._header: ControllerHeader | None = None
        """The header of packets that are taken as they are."""
        self._inbox: deque[Arrival] = deque()
        self._arrived = asyncio.Event()
        self._end: P4RuntimeError | None = None
        self._stream: ServiceStream = service.open_stream(self._take, packed=True)

    def _take(self, outgoing: list[Outgoing]) -> None:
        self._inbox.extend([self._arrival(one) for one in outgoing])
        self._arrived.set()

    def _arrival(self, one: Outgoing) -> Arrival:
        if not isinstance(one, Punted):
            return one
        if one.header is not self._header:
            if one.header.fields != self._layout.packet_in:
                return one.message()
            self._header = one.header
        return one.data

    def send_frame(self, frame: bytes) -> bool:
        return self._stream.packet_out(frame, self._layout.packet_out)

    def send(self, message: bytes, limit: int = QUEUE_LIMIT) -> bool:
        try:
            self._stream.handle(p4r.StreamMessageRequest.FromString(message))
        except ServiceError as error:
            self._end = _translate(error)
            self._arrived.set()
            raise self._end from None
        return True

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        """Every message is taken at once."""

    async def receive(self) -> Sequence[Arrival]:
        await self._arrived.wait()
        if not self._inbox:
            raise self._end or ConnectionLost("the stream is closed")
        messages = list(self._inbox)
        self._inbox.clear()
        if self._end is None:
            self._arrived.clear()
        return messages

    async def close(self) -> None:
        self._stream.close()
        self._end = self._end or ConnectionLost("the stream is closed")
        self._arrived.set()


def _translate(error: ServiceError) -> RpcError:
    updates = [(int(detail.code), detail.message) if detail else (0, "") for detail in error.details]
    return RpcError(int(error.code), error.message, updates)
