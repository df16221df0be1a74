"""TLS, with and without client certificates, and Unix sockets."""

from __future__ import annotations

import signal
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import grpc.aio
import pytest
from clikit import fails, running, stop
from fake_engine import FakeEngine
from finsy.proto import p4r, p4r_grpc
from p4kit import CPU_PORT, DEVICE, INSERT, Client, session, table_id
from p4soft.defaults import DEVICE_ID
from p4soft.embedded import Switch
from p4soft.server.tls import Tls


def _certificate(directory: Path) -> tuple[Path, Path]:
    key, cert = directory / "key.pem", directory / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl cannot make a certificate here")
    return key, cert


def _tls(key: Path, cert: Path) -> list[str]:
    arguments = ["--grpc-server-ssl", "--grpc-server-cert", str(cert), "--grpc-server-key", str(key)]
    return ["--grpc-server-addr", "localhost:0", *arguments]


async def test_tls(tmp_path: Path) -> None:
    key, cert = _certificate(tmp_path)
    async with running(*_tls(key, cert)) as (_, address):
        async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(cert.read_bytes())) as channel:
            client = Client(p4r_grpc.P4RuntimeStub(channel))
            request = p4r.StreamMessageRequest()
            request.arbitration.device_id, request.arbitration.election_id.low = DEVICE_ID, 1
            stream = client.stream()
            await stream.write(request)
            assert (await client.next(stream)).arbitration.status.code == 0
            client.close()
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())
        other = tmp_path / "other"
        other.mkdir()
        _, wrong = _certificate(other)
        async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(wrong.read_bytes())) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())


async def test_stopping_with_clients_connected_says_nothing(tmp_path: Path) -> None:
    key, cert = _certificate(tmp_path)
    credentials = grpc.ssl_channel_credentials(cert.read_bytes())
    for number in (signal.SIGINT, signal.SIGTERM):
        async with AsyncExitStack() as stack:
            process, address = await stack.enter_async_context(running(*_tls(key, cert), "--device-id", str(DEVICE)))
            channel = await stack.enter_async_context(grpc.aio.secure_channel(address, credentials))
            client = Client(p4r_grpc.P4RuntimeStub(channel))
            await client.open(1)
            _, errors = await stop(process, number)
            client.close()
        assert errors == ""


async def test_large_messages_over_tls(tmp_path: Path) -> None:
    key, cert = _certificate(tmp_path)
    tls = Tls(cert, key)
    async with Switch(DEVICE, CPU_PORT, "localhost:0", tls=tls, engine_factory=FakeEngine) as switch:
        assert switch.address is not None
        credentials = grpc.ssl_channel_credentials(cert.read_bytes())
        async with grpc.aio.secure_channel(switch.address, credentials) as channel:
            client = Client(p4r_grpc.P4RuntimeStub(channel))
            await client.open(1)
            await client.push()
            entries = [session(number, metadata=bytes(4000)) for number in range(1000)]
            await client.write(*((INSERT, entry) for entry in entries))
            found = await client.read(p4r.TableEntry(table_id=table_id("session")))
            assert sorted(e.SerializeToString() for e in found) == sorted(e.SerializeToString() for e in entries)
            client.close()


async def test_a_key_that_does_not_fit_is_one_line_and_status_1(tmp_path: Path) -> None:
    key, _ = _certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, wrong = _certificate(other)
    status, errors = await fails(*_tls(key, wrong))
    assert status == 1
    assert "not usable" in errors


async def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "p4rt"
    for _ in range(2):
        async with running("--grpc-server-addr", f"unix:{path}") as (process, _):
            async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
                await p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())
            status, errors = await fails("--grpc-server-addr", f"unix:{path}")
            assert (status, len(errors.splitlines())) == (1, 1)
            process.kill()  # leaves the socket behind, which the next one may take over
            await process.wait()


async def test_tls_with_client_authentication(tmp_path: Path) -> None:
    key, cert = _certificate(tmp_path)
    arguments = [*_tls(key, cert), "--grpc-server-cacert", str(cert), "--grpc-server-with-client-auth"]
    async with running(*arguments) as (_, address):
        root = cert.read_bytes()
        known = grpc.ssl_channel_credentials(root, key.read_bytes(), root)
        async with grpc.aio.secure_channel(address, known) as channel:
            answer = await p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())
            assert answer.p4runtime_api_version
        async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(root)) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())
