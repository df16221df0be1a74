"""The control socket and the metrics endpoint: who may have them, and what they answer without a switch."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from app.fake_core import FakeCore
from fullnat.app.control import ControlError, ControlServer
from fullnat.app.metrics import serve_metrics
from fullnat.app.runner import CoreRunner
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.config import file
from fullnat.p4rt.client import Client

from cli.samples import CONFIG_TEXT


def small_snapshots() -> Any:
    core = FakeCore(file.parse(CONFIG_TEXT))
    runner = CoreRunner(core)
    return Snapshots(runner, SwitchOwner(runner, Client))  # type: ignore[arg-type]


async def ask(path: Path, line: bytes) -> list[dict[str, Any]]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line + b"\n")
    writer.write_eof()
    answers = [json.loads(answer) for answer in (await reader.read()).splitlines()]
    writer.close()
    return answers


async def test_a_second_controller_cannot_have_the_control_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first, second = (ControlServer(path, small_snapshots()) for _ in range(2))
    await first.start()
    with pytest.raises(ControlError, match="another controller"):
        await second.start()
    assert path.stat().st_mode & 0o777 == 0o600
    await first.stop()
    assert not path.exists()


async def test_the_socket_of_a_dead_controller_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    server = ControlServer(path, small_snapshots())
    await server.start()
    assert await ask(path, b'{"command": "ping"}') == [{"end": True}]
    await server.stop()


async def test_a_file_in_place_of_the_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ControlError, match="is no socket"):
        await ControlServer(path, small_snapshots()).start()
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("request_line", "error"),
    [
        (b"nonsense", "a request is a JSON object with a command"),
        (b"[1]", "a request is a JSON object with a command"),
        (b"[" * 60_000, "a request is a JSON object with a command"),
        (b'{"command": "dance"}', "unknown command 'dance'"),
    ],
)
async def test_wrong_requests_are_answered(tmp_path: Path, request_line: bytes, error: str) -> None:
    server = ControlServer(tmp_path / "s", small_snapshots())
    await server.start()
    assert await ask(tmp_path / "s", request_line) == [{"error": error}]
    await server.stop()


async def test_statistics_without_a_switch_say_so(tmp_path: Path) -> None:
    found = await small_snapshots().stats()
    assert found["switch"]["state"] == "disconnected"
    assert found["switch_counters"] is False
    assert found["drops"] == {}


async def test_metrics_are_served(unused_tcp_port: int) -> None:
    stop = await serve_metrics(("127.0.0.1", unused_tcp_port), small_snapshots())

    async def get(path: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    answer = await get("/metrics")
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "fullnat_switch_up 0.0" in answer
    assert "fullnat_syn_received_total 4.0" in answer
    assert (await get("/")).startswith("HTTP/1.1 404 ")
    with pytest.raises(ControlError, match="cannot serve metrics"):
        await serve_metrics(("127.0.0.1", unused_tcp_port), small_snapshots())
    await stop()
