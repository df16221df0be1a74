"""The API's socket and the metrics endpoint: who may have them, and what they answer without a switch."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from app.fake_core import FakeCore
from fullnat.api.handlers import Handlers
from fullnat.api.listener import ApiError, Listener, Where
from fullnat.api.server import Dispatcher
from fullnat.app.changes import Changes
from fullnat.app.metrics import serve_metrics
from fullnat.app.runner import CoreRunner
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.cli import controlclient
from fullnat.config import file
from fullnat.p4rt.client import Client

from cli.samples import CONFIG_TEXT


def small_runner() -> CoreRunner:
    return CoreRunner(FakeCore(file.parse(CONFIG_TEXT)))


def small_snapshots() -> Any:
    runner = small_runner()
    return Snapshots(runner, SwitchOwner(runner, Client))  # type: ignore[arg-type]


def small_api(path: Path) -> Listener:
    return Listener(Where(path), Dispatcher(Handlers(small_snapshots(), Changes(small_runner(), path))))


async def test_a_second_controller_cannot_have_the_control_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first, second = small_api(path), small_api(path)
    await first.start()
    with pytest.raises(ApiError, match="another controller"):
        await second.start()
    assert path.stat().st_mode & 0o777 == 0o600
    await first.stop()
    assert os.listdir(tmp_path) == []


async def test_the_socket_of_a_dead_controller_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    (tmp_path / ".s-gone").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    api = small_api(path)
    await api.start()
    assert not (tmp_path / ".s-gone").exists()
    about = await asyncio.to_thread(lambda: next(controlclient.ask(path, "about")))
    assert (about["switch"], about["role"]) == ("disconnected", "admin")
    await api.stop()


async def test_a_file_in_place_of_the_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ApiError, match="is no socket"):
        await small_api(path).start()
    assert path.read_text() == "precious"


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
    with pytest.raises(ApiError, match="cannot serve metrics"):
        await serve_metrics(("127.0.0.1", unused_tcp_port), small_snapshots())
    await stop()
