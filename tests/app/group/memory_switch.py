"""A P4Runtime switch in the memory of the test: it can be killed, return, refuse and be slow."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random

from finsy.proto import p4r
from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.core.interface import PacketIn
from fullnat.p4constants import PacketOutAction
from fullnat.p4rt.errors import ConnectionLost, RpcError
from fullnat.p4rt.schema import Schema
from fullnat.p4rt.transport import NO_LAYOUT, QUEUE_LIMIT, Arrival, Layout
from fullnat.tables.session import SessionEntry
from p4rt.fake_switch import FakeSwitch, Key

PACKET_IN = struct.Struct("!BBIII")
"""The header packet_in."""


class MemorySwitch(FakeSwitch):
    """``rng``: how many turns of the loop requests take, and whether those that its death interrupts are carried
    out."""

    refuses_programs = False
    """It takes none."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.rng = rng
        self.alive = True
        self.gate_tables: frozenset[int] = frozenset()
        self.hangs = False
        """Its data plane does: what is sent through it does not come back."""
        self.lives = 0
        """Times that it has died: connections from before are of no use."""
        self.on_packet_out: Callable[[p4r.PacketOut], None] = lambda _packet: None
        self._stream: MemoryStream | None = None

    def transport(self) -> MemoryTransport:
        return MemoryTransport(self)

    def kill(self) -> None:
        self.alive = False
        self.lives += 1
        if self._stream is not None:
            self._stream.end()

    def revive(self, *, emptied: bool) -> None:
        self.alive = True
        if emptied:
            self.config = None
            self.entries.clear()
            self.digest_configs.clear()

    def punt(self, packet: PacketIn) -> None:
        message = p4r.StreamMessageResponse()
        message.packet.payload = packet.frame
        values = packet.reason, packet.service_flags, packet.ingress_port, packet.session_id, packet.seq
        for ident, value in enumerate(values, 1):
            content = value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
            message.packet.metadata.add(metadata_id=ident, value=content)
        self.say(message)

    def take(self, packet: p4r.PacketOut) -> None:
        """A packet-out. What is for the controller's own port goes back to it as it is."""
        request, _, port, _ = (int.from_bytes(field.value, "big") for field in packet.metadata)
        if (request, port) != (PacketOutAction.FORWARD, CPU_PORTS[V1MODEL]):
            self.packet_outs.append(packet)
            self.on_packet_out(packet)
        elif not self.hangs:
            reason, flags, ingress_port, session_id, seq = PACKET_IN.unpack_from(packet.payload)
            self.punt(PacketIn(reason, flags, ingress_port, session_id, packet.payload[PACKET_IN.size :], seq))

    def say(self, message: p4r.StreamMessageResponse) -> None:
        if self.alive and self._stream is not None:
            self._stream.put(message)

    def push(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        """It runs this program, and holds nothing."""
        if self.refuses_programs:
            raise RpcError(3, "not a program")
        self.config = request.config
        tables = (table.preamble for table in request.config.p4info.tables)
        self.gate_tables = frozenset(each.id for each in tables if each.name == "port")
        self.pushes += 1
        self.entries.clear()
        self.digest_configs.clear()

    def pushed(self, request: p4r.GetForwardingPipelineConfigRequest) -> p4r.GetForwardingPipelineConfigResponse:
        response = p4r.GetForwardingPipelineConfigResponse()
        if self.config is None:
            raise RpcError(9, "no forwarding pipeline config")
        response.config.cookie.CopyFrom(self.config.cookie)
        if request.response_type != request.COOKIE_ONLY:
            response.config.p4info.CopyFrom(self.config.p4info)
        return response

    def gate_entries(self) -> list[Key]:
        return [key for key in self.entries if key[0] in self.gate_tables]

    def sessions(self, schema: Schema) -> list[SessionEntry]:
        """Those that it has both halves of."""
        halves = schema.sessions.halves()
        found: list[SessionEntry] = []
        for table in schema.session_tables:
            entities = [p4r.Entity(table_entry=entry) for entry in self.table(table)]
            halves.add(p4r.ReadResponse(entities=entities).SerializeToString())
            found += halves.take()
        halves.finish()
        return found + halves.take()

    def held(self) -> dict[Key, bytes]:
        """Everything but the gate."""
        return {
            key: entry.SerializeToString(deterministic=True)
            for key, entry in self.entries.items()
            if key[0] not in self.gate_tables
        }

    async def wait(self) -> None:
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)

    def attached(self, stream: MemoryStream) -> None:
        self._stream = stream

    def apply(self, update: p4r.Update) -> tuple[int, str] | None:
        return self.refuse(update) or self._apply(update)

    def answer(self, request: p4r.ReadRequest) -> p4r.ReadResponse:
        return self._read(request)


class MemoryTransport:
    pushing = False
    immediate = False

    def __init__(self, switch: MemorySwitch) -> None:
        self.heard = 0
        self._switch = switch
        self._lives = switch.lives

    def _require_life(self) -> None:
        if not self._switch.alive or self._switch.lives != self._lives:
            raise ConnectionLost("the switch is dead")

    async def ask(self) -> None:
        self._require_life()
        self.heard += 1

    async def open_stream(self, layout: Layout = NO_LAYOUT) -> MemoryStream:
        self._require_life()
        return MemoryStream(self._switch)

    async def write(self, request: bytes) -> None:
        switch = self._switch
        self._require_life()
        await switch.wait()
        if switch.gate is not None:
            await switch.gate.wait()
        if switch.lives != self._lives and (switch.alive or switch.rng.random() < 0.5):
            raise ConnectionLost("the switch died before")
        message = p4r.WriteRequest.FromString(request)
        errors = [switch.apply(update) for update in message.updates]
        self._require_life()
        await switch.wait()
        self._require_life()
        self.heard += 1
        if any(errors):
            raise RpcError(2, "", [error or (0, "") for error in errors])

    async def read(self, request: bytes) -> AsyncIterator[bytes]:
        switch = self._switch
        self._require_life()
        await switch.wait()
        response = switch.answer(p4r.ReadRequest.FromString(request))
        for start in range(0, len(response.entities), 7):
            await switch.wait()
            self._require_life()
            yield p4r.ReadResponse(entities=response.entities[start : start + 7]).SerializeToString()

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        self._require_life()
        self._switch.push(request)

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        self._require_life()
        return self._switch.pushed(request)

    async def close(self) -> None:
        pass


class MemoryStream:
    direct = False

    def __init__(self, switch: MemorySwitch) -> None:
        self._switch = switch
        self._inbox: list[Arrival] = []
        self._arrived = asyncio.Event()
        self._over = False
        switch.attached(self)

    def put(self, message: p4r.StreamMessageResponse) -> None:
        self._inbox.append(message)
        self._arrived.set()

    def end(self) -> None:
        self._over = True
        self._arrived.set()

    def send_frame(self, frame: bytes) -> bool:
        return False

    def send(self, message: bytes, limit: int = QUEUE_LIMIT) -> bool:
        if self._over:
            raise ConnectionLost("the stream is over")
        request = p4r.StreamMessageRequest.FromString(message)
        if request.HasField("arbitration"):
            answer = p4r.StreamMessageResponse()
            answer.arbitration.CopyFrom(request.arbitration)
            self.put(answer)
        elif request.HasField("packet"):
            self._switch.take(request.packet)
        return True

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        if self._over:
            raise ConnectionLost("the stream is over")

    async def receive(self) -> Sequence[Arrival]:
        await self._arrived.wait()
        if self._over:
            raise ConnectionLost("the switch is dead")
        messages, self._inbox = self._inbox, []
        self._arrived.clear()
        return messages

    async def close(self) -> None:
        self.end()
