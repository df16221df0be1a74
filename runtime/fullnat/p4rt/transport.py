"""How P4Runtime requests reach a switch: over gRPC (:mod:`fullnat.p4rt.grpc_transport`) or inside the process.

Requests are serialised messages (see :mod:`fullnat.p4rt.wire`), and so are the answers to Reads; other answers are
message objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from finsy.proto import p4r

QUEUE_LIMIT = 4096
"""Messages received ahead, beyond which flow control holds the switch back; and messages waiting to be sent."""


class PackedDigests(Protocol):
    """A digest list as a switch in this process has it, instead of the message."""

    @property
    def digest_id(self) -> int: ...

    @property
    def list_id(self) -> int: ...

    @property
    def data(self) -> Sequence[bytes]:
        """Of each digest, its fields one after the other, in as many bytes as their bits take, in network order."""
        ...


Arrival = p4r.StreamMessageResponse | PackedDigests | bytes
"""What a stream brings: messages or, from a switch in this process, what they would be made of. Bytes are a packet-in
behind the values of packet_in's fields, see :class:`Layout`."""


class Layout(NamedTuple):
    """Id and bits of the fields of both controller headers, by P4Info."""

    packet_in: tuple[tuple[int, int], ...] = ()
    packet_out: tuple[tuple[int, int], ...] = ()


NO_LAYOUT = Layout()


class Stream(Protocol):
    """One StreamChannel."""

    @property
    def direct(self) -> bool:
        """Whether packets may be handed over as they are, by :meth:`send_frame`."""
        ...

    def send_frame(self, frame: bytes) -> bool:
        """Send a packet-out behind the values of packet_out's fields; False: it has to be sent as a message."""
        ...

    def send(self, message: bytes, limit: int = QUEUE_LIMIT) -> bool:
        """Send a serialised StreamMessageRequest; False when ``limit`` wait already. Raises ConnectionLost."""
        ...

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        """Until :meth:`send` has room, or has an end to tell of."""
        ...

    async def receive(self) -> Sequence[Arrival]:
        """Everything that has arrived, at least one message. Raises ConnectionLost or RpcError at the end."""
        ...

    async def close(self) -> None: ...


class Transport(Protocol):
    """Every method but close raises ConnectionLost when the switch cannot be reached and RpcError when it refuses."""

    @property
    def heard(self) -> int:
        """How many answers and messages have come from the switch."""
        ...

    @property
    def pushing(self) -> bool:
        """A pipeline is being set, during which some switches answer nothing else."""
        ...

    @property
    def immediate(self) -> bool:
        """Every Write is done when the call returns: nothing of it waits."""
        ...

    async def ask(self) -> None:
        """Have the switch answer something that costs it next to nothing."""
        ...

    async def open_stream(self, layout: Layout = NO_LAYOUT) -> Stream:
        """``layout``: of packets that may come as they are."""
        ...

    async def write(self, request: bytes) -> None:
        """Carry out a serialised WriteRequest."""
        ...

    def read(self, request: bytes) -> AsyncIterator[bytes]:
        """The serialised ReadResponses to a serialised ReadRequest."""
        ...

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None: ...

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse: ...

    async def close(self) -> None: ...


Hit = tuple[int | None, int, int]
"""What the data plane has added to a table entry: nanoseconds since the last hit or the insert, None if the switch does
not tell; packets, bytes."""


@runtime_checkable
class TellsHits(Protocol):
    """What a transport may be able to do beside."""

    def hits(self, request: bytes) -> Sequence[Hit | None] | None:
        """Of each entry that a serialised ReadRequest names by its key, in its order; None for one that is not there.
        None instead of all of them if this switch has to be asked by :meth:`Transport.read`. Raises RpcError."""
        ...


@runtime_checkable
class ShowsState(Protocol):
    """Likewise, of a switch in this process."""

    def state(self) -> Any:
        """Its tables, registers and meters as a p4soft.interpreter.state.State; None if it shows none."""
        ...


async def in_turns(streams: list[AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    """A message of each of ``streams``, until all have ended."""
    while streams:
        for stream in tuple(streams):
            async for message in stream:
                yield message
                break
            else:
                streams.remove(stream)
