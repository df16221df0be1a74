"""SetForwardingPipelineConfig, GetForwardingPipelineConfig, Capabilities, and the order of checks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any, Literal

import grpc.aio
import pytest
from finsy.proto import p4i, p4r
from p4kit import (
    CODE,
    CONFIG,
    DELETE,
    DEVICE,
    INSERT,
    MODIFY,
    P4INFO,
    Client,
    action,
    config,
    session,
    table_id,
    write_request,
)
from p4soft.api import PipelineError
from p4soft.embedded import Switch
from p4soft.engine import NativeEngine
from p4soft.server.errors import Code

SET = p4r.SetForwardingPipelineConfigRequest
GET = p4r.GetForwardingPipelineConfigRequest
SESSIONS = p4r.TableEntry(table_id=table_id("session"))


async def push_code(client: Client, **fields: Any) -> grpc.StatusCode:
    try:
        await client.push(**fields)
    except grpc.aio.AioRpcError as error:
        return error.code() if error.details() else CODE.INTERNAL
    return CODE.OK


async def get(client: Client, kind: Any = GET.ALL) -> p4r.GetForwardingPipelineConfigResponse:
    found: p4r.GetForwardingPipelineConfigResponse
    found = await client.stub.GetForwardingPipelineConfig(GET(device_id=DEVICE, response_type=kind))
    return found


async def test_there_is_no_config_at_first(client: Client) -> None:
    assert await get(client) == p4r.GetForwardingPipelineConfigResponse()


async def test_the_config_reads_back_in_all_four_forms(client: Client) -> None:
    await client.open(1)
    await client.push(message=config(cookie=2**63))
    cookie = p4r.ForwardingPipelineConfig.Cookie(cookie=2**63)
    assert (await get(client)).config == config(cookie=2**63)
    assert (await get(client, GET.COOKIE_ONLY)).config == p4r.ForwardingPipelineConfig(cookie=cookie)
    assert (await get(client, GET.P4INFO_AND_COOKIE)).config == p4r.ForwardingPipelineConfig(
        cookie=cookie, p4info=P4INFO
    )
    assert (await get(client, GET.DEVICE_CONFIG_AND_COOKIE)).config == p4r.ForwardingPipelineConfig(
        cookie=cookie, p4_device_config=CONFIG
    )
    await client.push(message=config())
    found = await get(client, GET.COOKIE_ONLY)
    assert found.HasField("config")
    assert not found.config.HasField("cookie")


async def test_commit_clears_and_verify_does_not(primary: Client) -> None:
    await primary.write((INSERT, session(1)))
    assert await push_code(primary, action=SET.VERIFY) == CODE.OK
    assert await primary.read(SESSIONS) == [session(1)]
    assert await push_code(primary) == CODE.OK
    assert await primary.read(SESSIONS) == []


async def test_reconcile_keeps_entries_of_the_same_config(primary: Client) -> None:
    await primary.write((INSERT, session(1)))
    assert await push_code(primary, action=SET.RECONCILE_AND_COMMIT, message=config(cookie=9)) == CODE.OK
    assert await primary.read(SESSIONS) == [session(1)]
    assert (await get(primary, GET.COOKIE_ONLY)).config.cookie.cookie == 9


async def test_reconcile_loads_the_first_config(client: Client) -> None:
    await client.open(1)
    assert await push_code(client, action=SET.RECONCILE_AND_COMMIT) == CODE.OK
    await client.write((INSERT, session(1)))


async def test_writes_after_save_appear_with_commit(primary: Client) -> None:
    await primary.write((INSERT, session(1)))
    assert await push_code(primary, action=SET.COMMIT) == CODE.NOT_FOUND
    assert await push_code(primary, action=SET.VERIFY_AND_SAVE, message=config(cookie=3)) == CODE.OK
    assert await primary.read(SESSIONS) == []
    written = session(2, metadata=b"m", controller_metadata=4, action=action("session_drop"))
    default = p4r.TableEntry(
        table_id=table_id("last"), is_default_action=True, action=action("to_cpu", b"\x07"), metadata=b"d"
    )
    group = p4r.MulticastGroupEntry(multicast_group_id=1, replicas=[p4r.Replica(port=b"\x01", instance=1)])
    await primary.write(
        (INSERT, written), (INSERT, session(3)), (DELETE, session(3)), (MODIFY, default), (INSERT, group)
    )
    assert await primary.refused(INSERT, session(2)) == Code.ALREADY_EXISTS
    assert await primary.read(SESSIONS) == [written]
    assert await push_code(primary, action=SET.COMMIT) == CODE.OK
    assert await primary.read(SESSIONS) == [written]
    assert await primary.read(p4r.TableEntry(table_id=table_id("last"), is_default_action=True)) == [default]
    assert await primary.read(p4r.MulticastGroupEntry()) == [group]
    assert (await get(primary, GET.COOKIE_ONLY)).config.cookie.cookie == 3
    assert await push_code(primary, action=SET.COMMIT) == CODE.NOT_FOUND


async def test_commit_takes_no_config(primary: Client) -> None:
    await primary.push(action=SET.VERIFY_AND_SAVE)
    request = SET(device_id=DEVICE, action=SET.COMMIT, config=config())
    request.election_id.low = 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await primary.stub.SetForwardingPipelineConfig(request)
    assert caught.value.code() == CODE.INVALID_ARGUMENT


def _without(field: Literal["p4info", "p4_device_config"]) -> p4r.ForwardingPipelineConfig:
    message = config()
    message.ClearField(field)
    return message


def _info(change: Callable[[p4i.P4Info], None]) -> p4r.ForwardingPipelineConfig:
    message = config()
    change(message.p4info)
    return message


def _rename(field: str) -> Callable[[p4i.P4Info], None]:
    def change(info: p4i.P4Info) -> None:
        getattr(info, field)[0].preamble.name = "nowhere"

    return change


def _widen_key(info: p4i.P4Info) -> None:
    next(t for t in info.tables if t.preamble.alias == "session").match_fields[0].bitwidth = 33


def _change_kind(info: p4i.P4Info) -> None:
    next(t for t in info.tables if t.preamble.alias == "route").match_fields[0].match_type = p4i.MatchField.EXACT


def _drop_field(info: p4i.P4Info) -> None:
    del next(t for t in info.tables if t.preamble.alias == "session").match_fields[0]


def _widen_param(info: p4i.P4Info) -> None:
    next(a for a in info.actions if a.preamble.alias == "forward").params[0].bitwidth = 16


def _widen_register(info: p4i.P4Info) -> None:
    info.registers[0].type_spec.bitstring.bit.bitwidth = 64


def _widen_digest(info: p4i.P4Info) -> None:
    info.type_info.structs["seen_t"].members[0].type_spec.bitstring.bit.bitwidth = 31


WRONG = {
    "nothing": (p4r.ForwardingPipelineConfig(), "p4_device_config"),
    "no program": (_without("p4_device_config"), "p4_device_config"),
    "no p4info": (_without("p4info"), "p4info"),
    "not JSON": (config(device_config=b"\x7fELF"), "p4_device_config is not a BMv2 JSON file: it is not JSON"),
    "another JSON": (config(device_config=b"{}"), "it is JSON, but not what p4c-bm2-ss writes"),
    "other JSON": (config(device_config=b"[]"), "JSON"),
    "incomplete JSON": (config(device_config=b'{"pipelines": [{}], "header_types": []}'), "JSON"),
    "table": (_info(_rename("tables")), "table nowhere"),
    "action": (_info(_rename("actions")), "action nowhere"),
    "counter": (_info(_rename("counters")), "counter nowhere"),
    "meter": (_info(_rename("meters")), "meter nowhere"),
    "register": (_info(_rename("registers")), "register nowhere"),
    "digest": (_info(_rename("digests")), "digest nowhere"),
    "key width": (_info(_widen_key), "MyIngress.session"),
    "key kind": (_info(_change_kind), "MyIngress.route"),
    "key fields": (_info(_drop_field), "MyIngress.session"),
    "parameter width": (_info(_widen_param), "MyIngress.forward"),
    "register width": (_info(_widen_register), "register"),
    "digest width": (_info(_widen_digest), "seen_t"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "kind", [SET.VERIFY, SET.VERIFY_AND_SAVE, SET.VERIFY_AND_COMMIT], ids=["verify", "save", "commit"]
)
async def test_a_wrong_config_is_refused_and_the_old_one_stays(fake_primary: Client, name: str, kind: Any) -> None:
    message, expected = WRONG[name]
    await fake_primary.write((INSERT, session(1)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await fake_primary.push(action=kind, message=message)
    assert caught.value.code() == CODE.INVALID_ARGUMENT
    assert expected in (caught.value.details() or "")
    assert await fake_primary.read(SESSIONS) == [session(1)]


@pytest.mark.parametrize(
    "kind", [SET.VERIFY, SET.VERIFY_AND_SAVE, SET.VERIFY_AND_COMMIT], ids=["verify", "save", "commit"]
)
async def test_what_the_engine_refuses_is_refused_and_the_old_one_stays(primary: Client, kind: Any) -> None:
    await primary.write((INSERT, session(1)))
    document = json.loads(CONFIG)
    for item in document["actions"]:
        for primitive in item["primitives"]:
            if primitive["op"] == "mark_to_drop":
                primitive["op"] = "p4soft_refuses_this"
    wrong = config(device_config=json.dumps(document).encode())
    assert await push_code(primary, action=kind, message=wrong) == CODE.INVALID_ARGUMENT
    assert await primary.read(SESSIONS) == [session(1)]


async def test_others_are_served_while_a_pipeline_compiles(
    fake_primary: Client, fake_switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go = threading.Semaphore(0), threading.Semaphore(0)

    def prepare(config: bytes) -> None:
        started.release()
        assert go.acquire(timeout=30)

    monkeypatch.setattr(fake_switch.engine, "prepare", prepare, raising=False)
    await fake_primary.write((INSERT, session(1)))
    pushes = [asyncio.create_task(fake_primary.push()) for _ in range(2)]
    assert await asyncio.to_thread(started.acquire, timeout=30)
    await fake_primary.write((INSERT, session(2)))
    assert len(await fake_primary.read(SESSIONS)) == 2
    assert not started.acquire(blocking=False), "two pushes at once"
    go.release(2)
    await asyncio.gather(*pushes)
    assert await fake_primary.read(SESSIONS) == []


def test_what_was_compiled_ahead_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = NativeEngine(DEVICE, None)
    engine.prepare(CONFIG)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_compile", None)
        assert engine.load(CONFIG).tables
    engine.prepare(b"no JSON")
    with pytest.raises(PipelineError):
        engine.load(b"no JSON")
    engine.prepare(b"no JSON")
    assert engine.load(CONFIG).tables
    engine.close()


async def test_an_unset_action_is_refused(primary: Client) -> None:
    assert await push_code(primary, action=SET.UNSPECIFIED) == CODE.INVALID_ARGUMENT


async def test_checks_come_in_the_order_of_the_specification(client: Client) -> None:
    async def code(call: Any) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        return caught.value.code()

    async def drain(call: Any) -> None:
        async for _ in call:
            pass

    wrong = write_request((INSERT, session(1)), election=9)
    wrong.device_id = DEVICE + 1
    stub = client.stub
    assert await code(stub.Write(wrong)) == CODE.NOT_FOUND
    assert await code(stub.Write(write_request(election=9, role="nobody"))) == CODE.NOT_FOUND
    assert await code(stub.Write(write_request(election=9))) == CODE.PERMISSION_DENIED
    assert await code(stub.Write(write_request(election=None))) == CODE.PERMISSION_DENIED
    assert await code(stub.SetForwardingPipelineConfig(SET(device_id=DEVICE + 1))) == CODE.NOT_FOUND
    assert await code(stub.SetForwardingPipelineConfig(SET(device_id=DEVICE))) == CODE.PERMISSION_DENIED
    assert await code(drain(stub.Read(p4r.ReadRequest(device_id=DEVICE + 1)))) == CODE.NOT_FOUND
    assert await code(drain(stub.Read(p4r.ReadRequest(device_id=DEVICE)))) == CODE.FAILED_PRECONDITION
    assert await code(stub.GetForwardingPipelineConfig(GET(device_id=DEVICE + 1))) == CODE.NOT_FOUND
    await client.open(9)
    assert await code(stub.Write(write_request(election=9))) == CODE.FAILED_PRECONDITION
    await client.push(election=9)
    for atomicity in (p4r.WriteRequest.ROLLBACK_ON_ERROR, p4r.WriteRequest.DATAPLANE_ATOMIC):
        request = write_request((INSERT, session(1)), election=9)
        request.atomicity = atomicity
        assert await code(stub.Write(request)) == CODE.UNIMPLEMENTED
    assert await client.read(SESSIONS) == []


async def test_reading_needs_no_stream(primary: Client) -> None:
    await primary.write((INSERT, session(1)))
    primary.primary_stream.cancel()
    assert await primary.read(SESSIONS) == [session(1)]


async def test_capabilities(client: Client) -> None:
    answer = await client.stub.Capabilities(p4r.CapabilitiesRequest())
    assert answer.p4runtime_api_version == "1.5.0"
    assert await client.stub.Capabilities(p4r.CapabilitiesRequest(device_id=DEVICE)) == answer
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.stub.Capabilities(p4r.CapabilitiesRequest(device_id=DEVICE + 1))
    assert caught.value.code() == CODE.NOT_FOUND
