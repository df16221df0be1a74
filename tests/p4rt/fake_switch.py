"""A P4Runtime server for tests: tables are dictionaries, arbitration and error reporting are as BMv2 does them.

It forwards nothing. Tests reach into it to send stream messages, to refuse updates and to look at what was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from finsy.proto import p4r, p4r_grpc, rpc_status

Key = tuple[int, bytes]
Refuse = Callable[[p4r.Update], tuple[int, str] | None]


def key_of(entry: p4r.TableEntry) -> Key:
    bare = p4r.TableEntry(match=entry.match)
    return entry.table_id, bare.SerializeToString(deterministic=True)


class FakeSwitch(p4r_grpc.P4RuntimeServicer):
    """``on_packet_out`` is called for every packet-out; ``refuse`` may fail an update with a code and message."""

    def __init__(self, device_id: int = 1) -> None:
        self.device_id = device_id
        self.entries: dict[Key, p4r.TableEntry] = {}
        self.config: p4r.ForwardingPipelineConfig | None = None
        self.pushes = 0
        self.writes: list[p4r.WriteRequest] = []
        self.digest_configs: list[p4r.DigestEntry] = []
        self.meters: dict[int, p4r.MeterConfig] = {}
        self.counters: dict[tuple[int, int], tuple[int, int]] = {}
        self.packet_outs: list[p4r.PacketOut] = []
        self.acks: list[p4r.DigestListAck] = []
        self.since_hit_ns: int | None = 0
        """None: not told, as by Stratum."""
        self.keeps_metadata = True
        """Stratum does not."""
        self.refuse: Refuse = lambda _update: None
        self.refuse_request: tuple[grpc.StatusCode, str] | None = None
        self.gate: asyncio.Event | None = None
        """While set to an unset event, Writes wait for it."""
        self.silence: asyncio.Event | None = None
        """While set to an unset event, nothing is said when it is asked for Capabilities."""
        self.read_gate: asyncio.Event | None = None
        """While set to an unset event, Reads wait for it."""
        self.full_gate: asyncio.Event | None = None
        """While set to an unset event, Reads of tables that have something wait for it."""
        self.reading = 0
        """Reads under way."""
        self.on_packet_out: Callable[[p4r.PacketOut], None] = lambda _packet: None
        self.streams: dict[int, tuple[int, asyncio.Queue[p4r.StreamMessageResponse]]] = {}
        self.max_writes_at_once = 0
        self.writing = 0
        """Writes under way."""
        self._next = 0

    # the server

    async def start(self, address: str = "127.0.0.1:0") -> str:
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        p4r_grpc.add_P4RuntimeServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(address)
        await self._server.start()
        return f"127.0.0.1:{port}"

    async def stop(self) -> None:
        await self._server.stop(None)
        self.streams.clear()

    # what tests do

    def primary(self) -> int | None:
        return max(self.streams, key=lambda number: self.streams[number][0]) if self.streams else None

    def send(self, message: p4r.StreamMessageResponse) -> None:
        number = self.primary()
        assert number is not None
        self.streams[number][1].put_nowait(message)

    def table(self, table_id: int) -> list[p4r.TableEntry]:
        return [entry for (table, _), entry in self.entries.items() if table == table_id]

    def take_over(self, election_id: int) -> None:
        """As if another controller connected with ``election_id``."""
        self.streams[-1] = (election_id, asyncio.Queue())
        self._announce()

    def give_up(self) -> None:
        """The other controller goes."""
        del self.streams[-1]
        self._announce()

    # P4Runtime

    async def Write(self, request: p4r.WriteRequest, context: Any) -> p4r.WriteResponse:
        self.writing += 1
        self.max_writes_at_once = max(self.max_writes_at_once, self.writing)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.refuse_request is not None:
                await context.abort(*self.refuse_request)
            number = self.primary()
            election_id = request.election_id.high << 64 | request.election_id.low
            if number is None or self.streams[number][0] != election_id:
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Not primary")
            self.writes.append(request)
            errors = [self.refuse(update) or self._apply(update) for update in request.updates]
            if any(errors):
                status = rpc_status.Status(code=2)
                for error in errors:
                    code, message = error or (0, "")
                    status.details.add().Pack(p4r.Error(canonical_code=code, message=message))
                context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
                await context.abort(grpc.StatusCode.UNKNOWN, "")
        finally:
            self.writing -= 1
        return p4r.WriteResponse()

    def _apply(self, update: p4r.Update) -> tuple[int, str] | None:
        kind = update.entity.WhichOneof("entity")
        if kind == "digest_entry":
            known = {config.digest_id for config in self.digest_configs}
            if update.type == p4r.Update.INSERT and update.entity.digest_entry.digest_id in known:
                return 6, "digest exists"
            self.digest_configs.append(update.entity.digest_entry)
        elif kind == "meter_entry":
            self.meters[update.entity.meter_entry.index.index] = update.entity.meter_entry.config
        elif kind == "table_entry":
            entry = update.entity.table_entry
            key = key_of(entry)
            if (key in self.entries) == (update.type == p4r.Update.INSERT):
                return (6, "duplicate") if key in self.entries else (5, "no such entry")
            if update.type == p4r.Update.DELETE:
                del self.entries[key]
            else:
                self.entries[key] = entry
        return None

    async def Read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        self.reading += 1
        try:
            if self.read_gate is not None:
                await self.read_gate.wait()
            if self.full_gate is not None and any(self.table(each.table_entry.table_id) for each in request.entities):
                await self.full_gate.wait()
            yield self._read(request)
        finally:
            self.reading -= 1

    def _read(self, request: p4r.ReadRequest) -> p4r.ReadResponse:
        response = p4r.ReadResponse()
        for wanted in request.entities:
            if wanted.WhichOneof("entity") == "counter_entry":
                cell = p4r.CounterEntry()
                cell.CopyFrom(wanted.counter_entry)
                packets, octets = self.counters.get((cell.counter_id, cell.index.index), (0, 0))
                cell.data.packet_count, cell.data.byte_count = packets, octets
                response.entities.add().counter_entry.CopyFrom(cell)
                continue
            query = wanted.table_entry
            found = [self.entries.get(key_of(query))] if query.match else self.table(query.table_id)
            for entry in found:
                if entry is not None:
                    copy = response.entities.add().table_entry
                    copy.CopyFrom(entry)
                    if not self.keeps_metadata:
                        copy.ClearField("controller_metadata")
                    if query.HasField("time_since_last_hit") and self.since_hit_ns is not None:
                        copy.time_since_last_hit.elapsed_ns = self.since_hit_ns
                    if query.HasField("counter_data"):
                        copy.counter_data.packet_count, copy.counter_data.byte_count = 3, 180
        return response

    async def SetForwardingPipelineConfig(
        self, request: p4r.SetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.SetForwardingPipelineConfigResponse:
        self.config = request.config
        self.pushes += 1
        self.entries.clear()
        self.digest_configs.clear()
        return p4r.SetForwardingPipelineConfigResponse()

    async def GetForwardingPipelineConfig(
        self, request: p4r.GetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.GetForwardingPipelineConfigResponse:
        response = p4r.GetForwardingPipelineConfigResponse()
        if self.config is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "No forwarding pipeline config set")
        else:
            response.config.cookie.CopyFrom(self.config.cookie)
        return response

    async def Capabilities(self, request: p4r.CapabilitiesRequest, context: Any) -> p4r.CapabilitiesResponse:
        if self.silence is not None:
            await self.silence.wait()
        return p4r.CapabilitiesResponse(p4runtime_api_version="1.3.0")

    async def StreamChannel(
        self, requests: AsyncIterator[p4r.StreamMessageRequest], context: Any
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        self._next += 1
        number = self._next
        answers: asyncio.Queue[p4r.StreamMessageResponse] = asyncio.Queue()
        reader = asyncio.create_task(self._requests(number, requests, answers, context))
        try:
            while True:
                yield await answers.get()
        finally:
            reader.cancel()
            if self.streams.pop(number, None) is not None:
                self._announce()

    async def _requests(
        self,
        number: int,
        requests: AsyncIterator[p4r.StreamMessageRequest],
        answers: asyncio.Queue[p4r.StreamMessageResponse],
        context: Any,
    ) -> None:
        async for request in requests:
            kind = request.WhichOneof("update")
            if kind == "arbitration":
                election = request.arbitration.election_id
                self.streams[number] = (election.high << 64 | election.low, answers)
                self._announce()
            elif kind == "packet":
                self.packet_outs.append(request.packet)
                self.on_packet_out(request.packet)
            elif kind == "digest_ack":
                self.acks.append(request.digest_ack)

    def _announce(self) -> None:
        """Tell every stream who is primary: OK to that one, ALREADY_EXISTS to the others."""
        primary = self.primary()
        for number, (_, answers) in self.streams.items():
            message = p4r.StreamMessageResponse()
            message.arbitration.device_id = self.device_id
            message.arbitration.election_id.low = self.streams[primary][0] if primary is not None else 0
            message.arbitration.status.code = 0 if number == primary else 6
            answers.put_nowait(message)
