"""The traffic tools notice what they are there to notice. On loopback, without root."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.tools import build
from topo.process import Process, poll
from topo.world import lines

REQUEST = struct.Struct("=IIQQQ")
ANSWER = struct.Struct("=II28sI")
MAGIC = 0x464E4C31
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not on PATH")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Process, int]]:
    """An echo_server on loopback and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(build.tool("echo_server")), "--address", "127.0.0.1", "--port", str(port), "--name", "s9"]
    process = Process("server", command, namespace=None, logs=tmp_path)
    try:
        poll(lambda: "ready" in process.output, 10, "the server listens")
        yield process, port
    finally:
        process.stop()


def load(port: int, *options: str) -> tuple[int, dict[str, Any]]:
    command = [str(build.tool("conn_load")), "--to", f"127.0.0.1:{port}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("close", ["fin", "half", "server", "rst"])
def test_every_byte_both_ways(server: tuple[Process, int], close: str) -> None:
    process, port = server
    status, report = load(port, "-n", "50", "-c", "10", "--request", "70001", "--answer", "130003", "--close", close)
    assert (status, report["ok"], report["failures"]) == (0, 50, {})
    assert (report["sent"], report["received"]) == (50 * 70001, 50 * 130003)
    if close == "rst":
        poll(lambda: len(lines(process, "reset")) == 50, 5, "the server saw the resets")
    process.stop()
    stats = lines(process, "stats")[-1]
    assert (stats["accepted"], stats["exchanges"], stats["corrupted"]) == (50, 50, 0)
    assert (stats["received"], stats["sent"]) == (50 * 70001, 50 * 130003)
    assert (stats["with_toa"], stats["without_toa"]) == (0, 50)


def test_server_notices_corruption(server: tuple[Process, int]) -> None:
    process, port = server
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(REQUEST.pack(MAGIC, 0, 7, 100, 0) + bytes(100))
        magic, corrupted, *_toa = ANSWER.unpack(sock.recv(ANSWER.size, socket.MSG_WAITALL))
    assert (magic, corrupted) == (MAGIC, 1)
    process.stop()
    assert lines(process, "stats")[-1]["corrupted"] == 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (ANSWER.pack(MAGIC, 0, bytes(28), 0) + bytes(100), "corrupted bytes"),
        (ANSWER.pack(MAGIC, 1, bytes(28), 0), "corrupted bytes"),
        (ANSWER.pack(MAGIC, 0, bytes(28), 0), "closed early"),
        (b"", "closed early"),
    ],
)
def test_client_notices_a_bad_answer(answer: bytes, failure: str) -> None:
    def serve() -> None:
        connection, _peer = listener.accept()
        with connection:
            connection.recv(REQUEST.size, socket.MSG_WAITALL)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        status, report = load(listener.getsockname()[1], "--answer", "100")
        thread.join(5)
    assert (status, report["ok"], report["failures"]) == (1, 0, {failure: 1})


def test_client_names_failures(server: tuple[Process, int]) -> None:
    process, port = server
    assert load(port, "--toa")[1]["failures"] == {"wrong or no TOA": 1}
    process.signal(signal.SIGSTOP)
    assert load(port, "--timeout", "0.3")[1]["failures"] == {"timeout": 1}
    process.kill()
    assert load(port, "-n", "3")[1]["failures"] == {"Connection refused": 3}


def test_silence_of_a_transfer_is_told(server: tuple[Process, int], tmp_path: Path) -> None:
    process, port = server
    command = [str(build.tool("conn_load")), "--to", f"127.0.0.1:{port}", "-n", "3", "-c", "3", "--progress"]
    command += ["--answer", "10000000", "--throttle", "30000000"]
    client = Process("client", command, namespace=None, logs=tmp_path)
    poll(lambda: any(line["received"] for line in lines(client, "progress")), 10, "the transfers run")
    process.signal(signal.SIGSTOP)
    stalled = lines(client, "progress")[-1]["seconds"]

    def stands() -> bool:
        now = lines(client, "progress")[-4:]
        return now[0]["seconds"] > stalled and len({line["received"] for line in now}) == 1

    poll(stands, 10, "nothing comes any more")
    process.signal(signal.SIGCONT)
    client.result(20)
    (report,) = lines(client, "report")
    assert (report["ok"], report["failures"]) == (3, {})
    assert 500_000 < report["silence_us"] < 10_000_000
    assert report["unanswered"] == {"connections": 0, "us": 0}


def test_connections_that_nobody_answers_at_first_are_told(tmp_path: Path) -> None:
    """A listener whose queue is full answers no SYN."""

    def serve() -> None:
        for _ in range(3):
            connection, _peer = listener.accept()
            with connection:
                connection.recv(REQUEST.size, socket.MSG_WAITALL)
                connection.sendall(ANSWER.pack(MAGIC, 0, bytes(28), 0))
                connection.recv(1)

    def asking() -> bool:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        return sum(row[2].endswith(f":{port:04X}") and row[3] == "02" for row in rows) == 2

    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        command = [str(build.tool("conn_load")), "--to", f"127.0.0.1:{port}", "-n", "3", "-c", "3", "--rate", "20"]
        client = Process("client", [*command, "--answer", "0"], namespace=None, logs=tmp_path)
        poll(asking, 10, "two of them are not answered")
        thread = threading.Thread(target=serve)
        thread.start()
        client.result(20)
        thread.join(5)
    (report,) = lines(client, "report")
    assert (report["ok"], report["unanswered"]["connections"]) == (3, 2)
    assert 20_000 < report["unanswered"]["us"] < 500_000


def test_rate_is_kept(server: tuple[Process, int]) -> None:
    """No faster than asked for."""
    report = load(server[1], "-n", "101", "-c", "50", "--rate", "200")[1]
    assert report["ok"] == 101
    assert report["seconds"] >= 0.5


def test_http_tells_the_peer(server: tuple[Process, int]) -> None:
    with socket.create_connection(("127.0.0.1", server[1]), 5) as sock:
        for _ in range(2):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head, _, body = sock.recv(4096).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            port = sock.getsockname()[1]
            assert json.loads(body) == {"server": "s9", "peer": f"127.0.0.1:{port}", "toa": None, "toa_options": 0}
        sock.sendall(b"GET /bytes/100000 HTTP/1.0\r\n\r\n")
        received = b""
        while part := sock.recv(65536):
            received += part
    assert len(received.partition(b"\r\n\r\n")[2]) == 100_000


@pytest.mark.parametrize("name", build.TOOLS)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_compiles_without_warnings(name: str, compiler: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not on PATH")
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.tool(name).exists()
