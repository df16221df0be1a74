"""A small synchronous P4Runtime client: everything by the names of the P4Info, over gRPC.

Errors of the switch come up as :class:`grpc.RpcError`; a name the P4Info does not have is a KeyError.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
from finsy.proto import p4i, p4r, p4r_grpc, rpc_code
from google.protobuf import text_format

_Message = TypeVar("_Message")


class Masked(NamedTuple):
    """Of a ternary field: bits of the mask that are zero match anything."""

    value: int
    mask: int


class Range(NamedTuple):
    """Both ends belong to it."""

    low: int
    high: int


Value = int | Masked | Range | tuple[int, int]
"""A match value; of an LPM field: (value, prefix length)."""


@dataclass(frozen=True)
class Entry:
    """One table entry. ``idle_ns`` 0 means: never reported idle."""

    table: str
    match: Mapping[str, Value]
    action: str = ""
    params: Mapping[str, int] = field(default_factory=dict)
    idle_ns: int = 0
    cookie: int = 0
    priority: int = 0


@dataclass(frozen=True)
class PacketIn:
    metadata: Mapping[str, int]
    payload: bytes


def to_bytes(value: int) -> bytes:
    """The shortest big-endian string that holds ``value``: P4Runtime's canonical form."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


class Schema:
    """The objects of a P4Info by name."""

    def __init__(self, path: Path) -> None:
        self.p4info = text_format.Parse(path.read_text(), p4i.P4Info())
        self.tables = {t.preamble.name: t for t in self.p4info.tables}
        self.actions = {a.preamble.name: a for a in self.p4info.actions}
        self.counters = {c.preamble.name: c for c in self.p4info.counters}
        self.meters = {m.preamble.name: m for m in self.p4info.meters}
        self.registers = {r.preamble.name: r for r in self.p4info.registers}
        self.digests = {d.preamble.name: d for d in self.p4info.digests}
        self.packet_metadata = {
            header.preamble.name: {m.name: m for m in header.metadata}
            for header in self.p4info.controller_packet_metadata
        }

    def table_entry(self, entry: Entry) -> Any:
        """The p4.v1.TableEntry of ``entry``."""
        table = self.tables[entry.table]
        message = p4r.TableEntry(
            table_id=table.preamble.id,
            controller_metadata=entry.cookie,
            idle_timeout_ns=entry.idle_ns,
            priority=entry.priority,
        )
        fields = {f.name: f for f in table.match_fields}
        for name, value in entry.match.items():
            if isinstance(value, tuple) and not isinstance(value, Range) and value[1] == 0:
                continue  # P4Runtime leaves out what matches anything
            match = message.match.add(field_id=fields[name].id)
            if isinstance(value, Masked):
                match.ternary.value, match.ternary.mask = to_bytes(value.value & value.mask), to_bytes(value.mask)
            elif isinstance(value, Range):
                match.range.low, match.range.high = to_bytes(value.low), to_bytes(value.high)
            elif isinstance(value, tuple):
                match.lpm.value, match.lpm.prefix_len = to_bytes(value[0]), value[1]
            else:
                match.exact.value = to_bytes(value)
        if entry.action:
            action = self.actions[entry.action]
            message.action.action.action_id = action.preamble.id
            for param in action.params:
                message.action.action.params.add(param_id=param.id, value=to_bytes(entry.params[param.name]))
        return message


class Client:
    """One P4Runtime session as primary controller. Not for several threads at a time."""

    def __init__(self, address: str, device_id: int, p4info: Path, config: Path) -> None:
        self.schema = Schema(p4info)
        self._config = config
        self._device_id = device_id
        # A configuration of some megabytes, and reads of whole counters, pass the default limit of 4 MB.
        options = [("grpc.max_receive_message_length", 256 << 20), ("grpc.max_send_message_length", 256 << 20)]
        self._channel = grpc.insecure_channel(address, options=options)
        self._stub = p4r_grpc.P4RuntimeStub(self._channel)
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._arbitrations: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._packet_ins: queue.SimpleQueue[PacketIn] = queue.SimpleQueue()
        self._digests: dict[str, queue.SimpleQueue[tuple[int, ...]]] = {
            name: queue.SimpleQueue() for name in self.schema.digests
        }
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._failure: grpc.RpcError | None = None
        # A clock reading is newer than the id of any session that a killed run left behind.
        self._election_id = p4r.Uint128(high=0, low=time.time_ns())

    def connect(self, timeout: float = 20.0) -> None:
        """Become primary controller. Raises TimeoutError, or what the switch ended the stream with."""
        grpc.channel_ready_future(self._channel).result(timeout)
        self._send(arbitration=p4r.MasterArbitrationUpdate(device_id=self._device_id, election_id=self._election_id))
        stream = self._stub.StreamChannel(iter(self._requests.get, None))
        threading.Thread(target=self._receive, args=(stream,), name="p4runtime-stream", daemon=True).start()
        try:
            answer = self._arbitrations.get(timeout=timeout)
        except queue.Empty:
            raise self._failure or TimeoutError("no answer to arbitration") from None
        if answer.status.code != rpc_code.OK:
            raise RuntimeError(f"not the primary controller: {answer.status.message}")

    def close(self) -> None:
        self._requests.put(None)
        self._channel.close()

    def push(self) -> None:
        """Load the pipeline."""
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=self._device_id,
            election_id=self._election_id,
            action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT,
        )
        request.config.p4info.CopyFrom(self.schema.p4info)
        request.config.p4_device_config = self._config.read_bytes()
        self._stub.SetForwardingPipelineConfig(request, timeout=120)

    def _send(self, **message: Any) -> None:
        self._requests.put(p4r.StreamMessageRequest(**message))

    def _receive(self, stream: Iterable[Any]) -> None:
        names = {m.id: n for n, m in self.schema.packet_metadata["packet_in"].items()}
        digests = {digest.preamble.id: name for name, digest in self.schema.digests.items()}
        try:
            for message in stream:
                kind = message.WhichOneof("update")
                if kind == "packet":
                    metadata = {names[m.metadata_id]: int.from_bytes(m.value, "big") for m in message.packet.metadata}
                    self._packet_ins.put(PacketIn(metadata, message.packet.payload))
                elif kind == "digest":
                    self._send(
                        digest_ack=p4r.DigestListAck(digest_id=message.digest.digest_id, list_id=message.digest.list_id)
                    )
                    for data in message.digest.data:
                        members = data.struct.members
                        self._digests[digests[message.digest.digest_id]].put(
                            tuple(int.from_bytes(m.bitstring, "big") for m in members)
                        )
                elif kind == "idle_timeout_notification":
                    for entry in message.idle_timeout_notification.table_entry:
                        self._idle.put(entry)
                elif kind == "arbitration":
                    self._arbitrations.put(message.arbitration)
        except grpc.RpcError as error:
            self._failure = error

    # Messages from the switch

    def packet_in(self, deadline: float) -> PacketIn | None:
        """The next packet-in, or None at ``deadline`` (time.monotonic)."""
        return _next(self._packet_ins, deadline)

    def digest(self, name: str, deadline: float) -> tuple[int, ...] | None:
        """The members of the next digest of that name, or None at ``deadline``."""
        return _next(self._digests[name], deadline)

    def idle(self, deadline: float) -> Any:
        """The next idle entry (p4.v1.TableEntry), or None at ``deadline``."""
        return _next(self._idle, deadline)

    def packet_out(self, metadata: Mapping[str, int], payload: bytes) -> None:
        packet = p4r.PacketOut(payload=payload)
        for name, description in self.schema.packet_metadata["packet_out"].items():
            packet.metadata.add(metadata_id=description.id, value=to_bytes(metadata[name]))
        self._send(packet=packet)

    # Writes

    def _write(self, kind: int, entities: Sequence[Any]) -> None:
        request = p4r.WriteRequest(device_id=self._device_id, election_id=self._election_id)
        for entity in entities:
            request.updates.add(type=kind, entity=entity)
        self._stub.Write(request, timeout=30)

    def insert(self, *entries: Entry) -> None:
        self._write(p4r.Update.INSERT, [p4r.Entity(table_entry=self.schema.table_entry(e)) for e in entries])

    def modify(self, *entries: Entry) -> None:
        self._write(p4r.Update.MODIFY, [p4r.Entity(table_entry=self.schema.table_entry(e)) for e in entries])

    def delete(self, *entries: Entry) -> None:
        keys = [Entry(e.table, e.match, priority=e.priority) for e in entries]
        self._write(p4r.Update.DELETE, [p4r.Entity(table_entry=self.schema.table_entry(e)) for e in keys])

    def enable_digest(self, name: str) -> None:
        """Ask for every digest at once, alone."""
        config = p4r.DigestEntry.Config(max_timeout_ns=1_000_000, max_list_size=1, ack_timeout_ns=1_000_000)
        entry = p4r.DigestEntry(digest_id=self.schema.digests[name].preamble.id, config=config)
        self._write(p4r.Update.INSERT, [p4r.Entity(digest_entry=entry)])

    def set_meter(self, name: str, index: int, rate: int | None, burst: int = 1) -> None:
        """Let ``rate`` a second pass and the rest be red; None: everything is green."""
        entry = p4r.MeterEntry(meter_id=self.schema.meters[name].preamble.id, index=p4r.Index(index=index))
        if rate is not None:
            entry.config.CopyFrom(p4r.MeterConfig(cir=rate, cburst=burst, pir=rate, pburst=burst))
        self._write(p4r.Update.MODIFY, [p4r.Entity(meter_entry=entry)])

    # Reads

    def _read(self, entities: Iterable[Any]) -> Iterator[Any]:
        for response in self._stub.Read(p4r.ReadRequest(device_id=self._device_id, entities=entities), timeout=30):
            yield from response.entities

    def counters(self, cells: Iterable[tuple[str, int | None]]) -> dict[tuple[str, int], tuple[int, int]]:
        """Packets and bytes by (counter, index); index None reads every cell of the counter."""
        names = {c.preamble.id: name for name, c in self.schema.counters.items()}
        entities = []
        for name, index in cells:
            entry = p4r.CounterEntry(counter_id=self.schema.counters[name].preamble.id)
            if index is not None:
                entry.index.index = index
            entities.append(p4r.Entity(counter_entry=entry))
        found = [entity.counter_entry for entity in self._read(entities)]
        return {(names[c.counter_id], c.index.index): (c.data.packet_count, c.data.byte_count) for c in found}

    def clear_counter(self, name: str, index: int) -> None:
        """Have the cell begin at zero."""
        entry = p4r.CounterEntry(counter_id=self.schema.counters[name].preamble.id, index=p4r.Index(index=index))
        entry.data.packet_count = 0
        self._write(p4r.Update.MODIFY, [p4r.Entity(counter_entry=entry)])

    def direct_counter(self, entry: Entry) -> tuple[int, int]:
        """Packets and bytes that hit ``entry``."""
        key = self.schema.table_entry(Entry(entry.table, entry.match, priority=entry.priority))
        question = p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=key))
        (answer,) = self._read([question])
        data = answer.direct_counter_entry.data
        return data.packet_count, data.byte_count

    def register(self, name: str, index: int) -> int:
        entry = p4r.RegisterEntry(register_id=self.schema.registers[name].preamble.id, index=p4r.Index(index=index))
        (answer,) = self._read([p4r.Entity(register_entry=entry)])
        return int.from_bytes(answer.register_entry.data.bitstring, "big")

    def since_hit(self, entry: Entry) -> float:
        """Seconds since ``entry``, which must have an idle timeout, was hit or inserted."""
        key = self.schema.table_entry(Entry(entry.table, entry.match, priority=entry.priority))
        key.time_since_last_hit.SetInParent()
        (answer,) = self._read([p4r.Entity(table_entry=key)])
        return float(answer.table_entry.time_since_last_hit.elapsed_ns) / 1e9

    def entries(self, *tables: str) -> list[Any]:
        """All entries (p4.v1.TableEntry) of the tables named."""
        ids = [self.schema.tables[name].preamble.id for name in tables]
        questions = [p4r.Entity(table_entry=p4r.TableEntry(table_id=i)) for i in ids]
        return [entity.table_entry for entity in self._read(questions)]


def _next(messages: queue.SimpleQueue[_Message], deadline: float) -> _Message | None:
    with contextlib.suppress(queue.Empty):
        return messages.get(timeout=max(0.0, deadline - time.monotonic()))
    return None
