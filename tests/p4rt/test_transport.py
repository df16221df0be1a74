"""Servers by their addresses, and messages larger than what flow control lets through at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from finsy.proto import p4r
from fullnat.core.interface import Op
from fullnat.p4rt import grpc_transport
from fullnat.p4rt.errors import ConnectionLost
from fullnat.p4rt.grpc_transport import GrpcTransport

from p4rt.conftest import Connect
from p4rt.entries import session
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

LARGE = 20 << 20


async def why(address: str) -> str:
    """What is said of a connection that does not come about; empty when it does."""
    transport = GrpcTransport(address)
    try:
        await transport.open_stream()
        await transport.ask()
    except ConnectionLost as error:
        return str(error)
    finally:
        await transport.close()
    return ""


@pytest.mark.parametrize("form", ["{}", "dns:{}", "dns:///{}", "ipv4:{}"])
async def test_forms_of_an_address(switch: FakeSwitch, form: str) -> None:
    assert await why(form.format(switch.address)) == ""  # type: ignore[attr-defined]


async def test_an_ipv6_address() -> None:
    switch = FakeSwitch()
    _, _, port = (await switch.start("[::1]:0")).rpartition(":")
    assert await why(f"[::1]:{port}") == ""
    await switch.stop()


@pytest.mark.parametrize("form", ["unix:{}", "unix://{}"])
async def test_a_unix_socket(tmp_path: Path, form: str) -> None:
    switch = FakeSwitch()
    await switch.start(f"unix:{tmp_path / 'p4rt.sock'}")
    assert await why(form.format(tmp_path / "p4rt.sock")) == ""
    await switch.stop()
    assert await why(f"unix:{tmp_path / 'nobody.sock'}") == (
        f"no P4Runtime server answers at unix:{tmp_path / 'nobody.sock'}: No such file or directory"
    )


async def test_addresses_that_are_none() -> None:
    assert await why("switch") == "no P4Runtime server answers at switch: switch is not HOST:PORT or unix:PATH"
    assert await why("127.0.0.1:99999") == (
        "no P4Runtime server answers at 127.0.0.1:99999: 127.0.0.1:99999 is not HOST:PORT or unix:PATH"
    )
    assert await why("no.such.host.invalid:1") == (
        "no P4Runtime server answers at no.such.host.invalid:1: there is no such host"
    )


async def test_a_server_of_something_else() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert await why(address) == f"no P4Runtime server answers at {address}: who listens there speaks something else"
    server.close()


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr("fullnat.p4rt.grpc_transport.CONNECT_SECONDS", 0.1)
    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert await why(address) == f"no P4Runtime server answers at {address}"
    server.close()


async def test_messages_larger_than_any_window(switch: FakeSwitch) -> None:
    transport = GrpcTransport(switch.address)  # type: ignore[attr-defined]
    config = p4r.ForwardingPipelineConfig(p4_device_config=bytes(range(256)) * (LARGE // 256))
    await transport.set_pipeline(p4r.SetForwardingPipelineConfigRequest(config=config))
    assert switch.config == config
    entry = p4r.TableEntry(table_id=1, metadata=bytes(LARGE))
    switch.entries[1, b""] = entry
    request = p4r.ReadRequest(entities=[p4r.Entity(table_entry=p4r.TableEntry(table_id=1))])
    responses = [p4r.ReadResponse.FromString(found) async for found in transport.read(request.SerializeToString())]
    assert [entity.table_entry for response in responses for entity in response.entities] == [entry]
    await transport.close()


async def test_a_connection_that_is_closed_ends_what_is_under_way(connect: Connect, switch: FakeSwitch) -> None:
    client = await connect()
    await client.receive()
    switch.gate = asyncio.Event()
    write = asyncio.create_task(client.write(client.schema.encode(Op.INSERT, session(1))))
    await until(lambda: switch.writing)
    await client.close()
    with pytest.raises(ConnectionLost, match="the connection was closed"):
        await write
    switch.gate.set()


async def test_a_write_that_is_not_answered_is_a_lost_connection(
    connect: Connect, switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(grpc_transport.DEADLINES, "Write", 0.05)
    client = await connect()
    await client.receive()
    switch.gate = asyncio.Event()
    with pytest.raises(ConnectionLost, match=r"did not answer Write within 0\.05 s"):
        await client.write(client.schema.encode(Op.INSERT, session(1)))
    switch.gate.set()
