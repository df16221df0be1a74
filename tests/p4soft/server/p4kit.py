"""Builds P4Runtime messages by the names of the kinds.p4 program, and makes the common calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from finsy.proto import p4i, p4r, rpc_status
from google.protobuf import text_format

PROGRAMS = Path(__file__).parent.parent / "programs"
DEVICE = 7
CPU_PORT = 255
INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
CODE = grpc.StatusCode


def read_p4info(name: str = "kinds") -> p4i.P4Info:
    return text_format.Parse((PROGRAMS / f"{name}.p4info.txtpb").read_text(), p4i.P4Info())


P4INFO = read_p4info()
CONFIG = (PROGRAMS / "kinds.json").read_bytes()
PROGRAM_FIELDS = ("tables", "actions", "counters", "direct_counters", "meters", "direct_meters", "registers", "digests")
IDS: dict[str, int] = {
    f"{field}.{item.preamble.alias}": item.preamble.id for field in PROGRAM_FIELDS for item in getattr(P4INFO, field)
}


def table_id(name: str) -> int:
    return IDS[f"tables.{name}"]


def action_id(name: str) -> int:
    return IDS[f"actions.{name}"]


def config(cookie: int | None = None, device_config: bytes = CONFIG) -> p4r.ForwardingPipelineConfig:
    message = p4r.ForwardingPipelineConfig(p4info=P4INFO, p4_device_config=device_config)
    if cookie is not None:
        message.cookie.cookie = cookie
    return message


def action(name: str, *params: bytes) -> p4r.TableAction:
    message = p4r.TableAction()
    message.action.action_id = action_id(name)
    for number, value in enumerate(params, 1):
        message.action.params.add(param_id=number, value=value)
    return message


def exact(field: int, value: bytes) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field, exact=p4r.FieldMatch.Exact(value=value))


def session_match(number: int = 1) -> list[p4r.FieldMatch]:
    source = (0x0A000000 + number).to_bytes(4, "big")
    return [exact(1, source), exact(2, b"\xc0\xa8\x01\x01"), exact(3, b"\x06"), exact(4, b"\x01")]


def session(number: int = 1, **fields: Any) -> p4r.TableEntry:
    """Entry ``number`` of the exact table; without an action only if ``action=None``."""
    chosen = fields.pop("action", action("set_session", b"\x07", b"\x02", b"\xaa\xbb"))
    return p4r.TableEntry(table_id=table_id("session"), match=session_match(number), action=chosen, **fields)


def route(prefix: bytes = b"\x0a\0\0\0", length: int = 8, port: bytes = b"\x03", **fields: Any) -> p4r.TableEntry:
    match = p4r.FieldMatch(field_id=1, lpm=p4r.FieldMatch.LPM(value=prefix, prefix_len=length))
    matches = [match] if length else []
    return p4r.TableEntry(table_id=table_id("route"), match=matches, action=action("forward", port), **fields)


def acl(priority: int = 10, ethertype: bytes = b"\x08\0", *matches: p4r.FieldMatch, **fields: Any) -> p4r.TableEntry:
    chosen = fields.pop("action", action("to_cpu", b"\x05"))
    return p4r.TableEntry(
        table_id=table_id("acl"),
        match=[exact(1, ethertype), *matches],
        action=chosen,
        priority=priority,
        **fields,
    )


def ternary(field: int, value: bytes, mask: bytes) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field, ternary=p4r.FieldMatch.Ternary(value=value, mask=mask))


def between(field: int, low: bytes, high: bytes) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field, range=p4r.FieldMatch.Range(low=low, high=high))


def optional(field: int, value: bytes) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field, optional=p4r.FieldMatch.Optional(value=value))


def lpm(field: int, value: bytes, length: int) -> p4r.FieldMatch:
    return p4r.FieldMatch(field_id=field, lpm=p4r.FieldMatch.LPM(value=value, prefix_len=length))


def entity(message: Any) -> p4r.Entity:
    """``message`` (a TableEntry, CounterEntry ...) as an Entity."""
    if isinstance(message, p4r.MulticastGroupEntry):
        message = p4r.PacketReplicationEngineEntry(multicast_group_entry=message)
    elif isinstance(message, p4r.CloneSessionEntry):
        message = p4r.PacketReplicationEngineEntry(clone_session_entry=message)
    fields = p4r.Entity.DESCRIPTOR.fields
    name = next(field.name for field in fields if field.message_type is message.DESCRIPTOR)
    return p4r.Entity(**{name: message})


def write_request(*updates: tuple[Any, Any], election: int | None = 1, role: str = "") -> p4r.WriteRequest:
    request = p4r.WriteRequest(device_id=DEVICE, role=role)
    if election is not None:
        request.election_id.low = election
    for kind, message in updates:
        request.updates.add(type=kind, entity=entity(message))
    return request


def arbitration(
    election: int | None, role: str | None = None, device: int = DEVICE, high: int = 0
) -> p4r.StreamMessageRequest:
    request = p4r.StreamMessageRequest()
    request.arbitration.device_id = device
    if role is not None:
        request.arbitration.role.name = role
    if election is not None:
        request.arbitration.election_id.high = high
        request.arbitration.election_id.low = election
    return request


def errors_of(error: grpc.aio.AioRpcError) -> list[tuple[int, str]]:
    """(code, message) of every p4.v1.Error in a batch error's trailer."""
    raw = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = rpc_status.Status.FromString(raw)
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    found = []
    for packed in status.details:
        detail = p4r.Error()
        assert packed.Unpack(detail)
        found.append((detail.canonical_code, detail.message))
    return found


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Give the event loop turns until ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (the condition is not something one could wait for)
            await asyncio.sleep(0.001)


class Client:
    """A P4Runtime client over any stub (gRPC or in-process)."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub
        self._streams: list[Any] = []
        self.primary_stream: Any = None

    async def open(self, election: int | None = 1, role: str | None = None) -> tuple[Any, p4r.StreamMessageResponse]:
        """A stream that has taken part in arbitration, and the answer to that."""
        stream = self.stream()
        await stream.write(arbitration(election, role))
        return stream, await self.next(stream)

    def stream(self) -> Any:
        stream = self.stub.StreamChannel()
        self._streams.append(stream)
        return stream

    async def next(self, stream: Any) -> Any:
        return await asyncio.wait_for(stream.read(), 10)

    async def ended(self, stream: Any) -> grpc.StatusCode:
        """Read a stream to its end; the status it ended with."""
        try:
            while await self.next(stream) is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code()
        return await stream.code()

    async def push(self, *, election: int = 1, action: Any = None, message: Any = None) -> None:
        actions = p4r.SetForwardingPipelineConfigRequest
        request = actions(device_id=DEVICE, action=actions.VERIFY_AND_COMMIT if action is None else action)
        request.election_id.low = election
        if action != actions.COMMIT:
            request.config.CopyFrom(message if message is not None else config())
        await self.stub.SetForwardingPipelineConfig(request)

    async def write(self, *updates: tuple[Any, Any], election: int | None = 1, role: str = "") -> None:
        await self.stub.Write(write_request(*updates, election=election, role=role))

    async def refused(self, kind: Any, message: Any) -> int:
        """The canonical code a single update is refused with."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.write((kind, message))
        assert caught.value.code() == CODE.UNKNOWN, caught.value
        (found,) = errors_of(caught.value)
        assert found[1], "an error needs a message"
        return found[0]

    async def read(self, *queries: Any) -> list[Any]:
        """What a read returns, unwrapped from its entities."""
        request = p4r.ReadRequest(device_id=DEVICE, entities=[entity(query) for query in queries])
        found = []
        async for response in self.stub.Read(request):
            for item in response.entities:
                message = getattr(item, item.WhichOneof("entity"))
                if isinstance(message, p4r.PacketReplicationEngineEntry):
                    message = getattr(message, str(message.WhichOneof("type")))
                found.append(message)
        return found

    async def read_code(self, *queries: Any) -> list[int]:
        """The per-request codes a read fails with."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.read(*queries)
        assert caught.value.code() == CODE.UNKNOWN, caught.value
        return [code for code, _ in errors_of(caught.value)]

    def close(self) -> None:
        for stream in self._streams:
            stream.cancel()
