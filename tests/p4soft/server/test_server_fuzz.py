"""Damaged requests: whatever parses is answered with a status that blames the client, and the service goes on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_engine import FakeEngine
from finsy.proto import p4r
from google.protobuf.message import DecodeError, Message
from p4kit import (
    CPU_PORT,
    DELETE,
    DEVICE,
    IDS,
    INSERT,
    MODIFY,
    acl,
    arbitration,
    between,
    config,
    entity,
    optional,
    route,
    session,
    table_id,
    ternary,
    write_request,
)
from p4soft.embedded import native_engine
from p4soft.server.errors import Code, RpcError
from p4soft.server.service import P4RuntimeService
from p4switch import ENGINES

ROUNDS = 3000


def entities() -> list[Message]:
    register = p4r.RegisterEntry(register_id=IDS["registers.last_id"])
    register.index.index = 1
    register.data.bitstring = b"\x01"
    counter = p4r.CounterEntry(counter_id=IDS["counters.port_counter"], data=p4r.CounterData(packet_count=1))
    counter.index.index = 7
    meter = p4r.MeterEntry(meter_id=IDS["meters.port_meter"], config=p4r.MeterConfig(cir=1, pir=2))
    digest = p4r.DigestEntry(digest_id=IDS["digests.seen_t"])
    digest.config.max_list_size = 10
    return [
        session(1, idle_timeout_ns=5, controller_metadata=6, metadata=b"m", counter_data=p4r.CounterData()),
        session(2),
        route(meter_config=p4r.MeterConfig(cir=1, pir=1)),
        acl(3, b"\x08\0", ternary(2, b"\x01", b"\x01"), between(3, b"\x01", b"\x02"), optional(4, b"\x01")),
        p4r.TableEntry(table_id=table_id("last"), is_default_action=True),
        p4r.DirectCounterEntry(table_entry=session(1), data=p4r.CounterData(packet_count=1)),
        p4r.DirectMeterEntry(table_entry=route(), config=p4r.MeterConfig(cir=1, pir=1)),
        p4r.MulticastGroupEntry(multicast_group_id=1, replicas=[p4r.Replica(port=b"\x01", instance=1)]),
        p4r.CloneSessionEntry(session_id=1, replicas=[p4r.Replica(egress_port=1)]),
        register,
        counter,
        meter,
        digest,
    ]


def damaged(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del data[at : at + chance.randint(1, 3)]
        else:
            data[at:at] = chance.randbytes(chance.randint(1, 3))
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def holders(message: Message) -> list[Message]:
    """``message`` and every message in it."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            found += holders(item)
    return found


def change(message: Message, chance: random.Random) -> None:
    """Change one field somewhere in ``message`` to something else of its type, or clear it, or repeat it."""
    holder = chance.choice(holders(message))
    field: Any = chance.choice(list(holder.DESCRIPTOR.fields))
    if chance.random() < 0.2:
        holder.ClearField(field.name)
    elif field.is_repeated:
        items = getattr(holder, field.name)
        if field.message_type is not None:
            items.add().CopyFrom(chance.choice(items)) if len(items) and chance.random() < 0.7 else items.add()
    elif field.message_type is not None:
        getattr(holder, field.name).SetInParent()
    elif field.cpp_type == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            setattr(holder, field.name, chance.randbytes(chance.choice([0, 1, 1, 2, 4, 4, 5, 20])))
    elif field.cpp_type == field.CPPTYPE_BOOL:
        setattr(holder, field.name, chance.random() < 0.5)
    else:
        signed = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
        small = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32, field.CPPTYPE_ENUM)
        top = 2**31 - 1 if small else 2**63 - 1
        setattr(holder, field.name, chance.choice([0, 1, 2, 3, 8, 255, 65536, top, -1 if signed else 5]))


def outcome(call: Callable[[], object]) -> list[Code]:
    """The codes a call ends with: of the call, and of each of its updates or requests."""
    try:
        call()
    except RpcError as error:
        return [error.code, *(detail.code if detail is not None else Code.OK for detail in error.details)]
    return [Code.OK]


@pytest.fixture(params=ENGINES)
def service(request: pytest.FixtureRequest) -> Iterator[P4RuntimeService]:
    engine = FakeEngine(DEVICE, CPU_PORT) if request.param == "fake" else native_engine(DEVICE, CPU_PORT)
    made = P4RuntimeService(engine, DEVICE, CPU_PORT)
    made.open_stream(lambda messages: None).handle(arbitration(1))
    made.load(config())
    yield made
    engine.close()


def test_damaged_writes_and_reads(service: P4RuntimeService) -> None:
    chance = random.Random(20)
    samples = entities()
    seen: Counter[Code] = Counter()
    for _ in range(ROUNDS):
        chosen = chance.sample(samples, 2)
        broken_write = write_request(*((chance.choice([INSERT, MODIFY, DELETE]), message) for message in chosen))
        broken_read = p4r.ReadRequest(device_id=DEVICE, entities=[entity(message) for message in chosen])
        for _ in range(chance.randrange(4)):
            change(broken_write, chance)
            change(broken_read, chance)
        # Past the checks of device and election id, where damage would only be found there.
        broken_write.device_id = broken_read.device_id = DEVICE
        broken_write.role = ""
        broken_write.atomicity = p4r.WriteRequest.CONTINUE_ON_ERROR
        broken_write.election_id.CopyFrom(p4r.Uint128(low=1))
        codes = outcome(lambda request=broken_write: service.write(request))  # type: ignore[misc]
        assert Code.INTERNAL not in codes, broken_write
        seen.update(codes)
        codes = outcome(lambda request=broken_read: list(service.read(request)))  # type: ignore[misc]
        assert Code.INTERNAL not in codes, broken_read
        seen.update(codes)
    for code in (Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.OUT_OF_RANGE):
        assert seen[code] > 10, seen


def test_damaged_stream_messages(service: P4RuntimeService) -> None:
    chance = random.Random(30)
    packet = p4r.StreamMessageRequest()
    packet.packet.payload = b"payload"
    for number in (1, 2, 3):
        packet.packet.metadata.add(metadata_id=number, value=b"\x01")
    ack = p4r.StreamMessageRequest(digest_ack=p4r.DigestListAck(digest_id=IDS["digests.seen_t"], list_id=1))
    samples = [packet, ack, arbitration(2, role="r", high=3)]
    messages: list[p4r.StreamMessageResponse] = []
    seen: Counter[Code] = Counter()
    for _ in range(ROUNDS):
        try:
            request = p4r.StreamMessageRequest.FromString(damaged(chance.choice(samples).SerializeToString(), chance))
        except DecodeError:
            continue
        stream = service.open_stream(messages.extend)
        seen.update(outcome(lambda stream=stream, request=request: stream.handle(request)))  # type: ignore[misc]
        stream.close()
    seen.update(Code(message.error.canonical_code) for message in messages)
    assert Code.INTERNAL not in seen
    for code in (Code.OK, Code.PERMISSION_DENIED, Code.NOT_FOUND):
        assert seen[code] > 10, seen


def test_damaged_pipelines(service: P4RuntimeService) -> None:
    chance = random.Random(40)
    actions = p4r.SetForwardingPipelineConfigRequest
    whole = config()
    seen: Counter[Code] = Counter()
    for _ in range(150):
        request = actions(device_id=DEVICE, action=chance.choice([actions.VERIFY, actions.VERIFY_AND_SAVE]))
        request.election_id.low = 1
        request.config.CopyFrom(whole)
        try:
            if chance.random() < 0.5:
                request.config.p4info.ParseFromString(damaged(whole.p4info.SerializeToString(), chance))
            else:
                request.config.p4_device_config = damaged(whole.p4_device_config, chance)
        except DecodeError:
            continue
        seen.update(outcome(lambda request=request: service.set_pipeline(request)))  # type: ignore[misc]
    assert set(seen) <= {Code.OK, Code.INVALID_ARGUMENT}
    assert seen[Code.INVALID_ARGUMENT] > 10
