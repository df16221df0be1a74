"""How P4Runtime requests reach a switch: over gRPC (:mod:`fullnat.p4rt.grpc_transport`) or inside the process.

Requests are serialised messages (see :mod:`fullnat.p4rt.wire`), answers are message objects.
"""

from __future__ import annotations

from typing import Protocol

from finsy.proto import p4r


class Stream(Protocol):
    """One StreamChannel."""

    async def send(self, message: bytes) -> None:
        """Send a serialised StreamMessageRequest. Raises ConnectionLost."""
        ...

    async def receive(self) -> list[p4r.StreamMessageResponse]:
        """Everything that has arrived, at least one message. Raises ConnectionLost or RpcError at the end."""
        ...

    async def close(self) -> None: ...


class Transport(Protocol):
    """Every method but close raises ConnectionLost when the switch cannot be reached and RpcError when it refuses."""

    async def open_stream(self) -> Stream: ...

    async def write(self, request: bytes) -> None:
        """Carry out a serialised WriteRequest."""
        ...

    async def read(self, request: bytes) -> list[p4r.Entity]:
        """The entities that a serialised ReadRequest asks for."""
        ...

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None: ...

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse: ...

    async def close(self) -> None: ...
