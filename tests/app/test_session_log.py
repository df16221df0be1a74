"""The session log: its lines, where they go, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from fullnat.app.session_log import Datagrams, File, SessionLog, Target, record_json, target
from fullnat.core.interface import ProbeResult
from fullnat.core.journal import CLOSED, OPENED, Record
from fullnat.net.flow import Endpoint, v4
from p4rt.entries import session
from p4rt.waiting import until

ENTRY = session(1, client=v4(0xC0000209), client_port=1024, local_port=5000, delta=77)
REAL, VIRTUAL = Endpoint(v4(0x0A00000B), 8080), Endpoint(v4(0xCB007150), 80)
OPENING = Record(OPENED, 10.0, ENTRY, REAL, "fullnat", VIRTUAL)
CLOSING = Record(
    CLOSED, 12.5, ENTRY, REAL, "fullnat", VIRTUAL, "TIME_WAIT", "finished", 10.0, ProbeResult(0.1, 1, 2, 3, 4)
)
OFFSET = 1_700_000_000.0
COMMON = {
    "protocol": "tcp",
    "client": "192.0.2.9:1024",
    "virtual": "203.0.113.80:80",
    "local": "10.0.1.1:5000",
    "server": "10.0.0.11:8080",
    "mode": "fullnat",
    "service": "203.0.113.80:80",
    "session_id": 1,
}


def test_lines_have_stable_names() -> None:
    opened = {"time": "2023-11-14T22:13:30.000Z", "event": "opened", **COMMON}
    assert list(record_json(OPENING, OFFSET).items()) == list(opened.items())
    assert record_json(CLOSING, OFFSET) == {
        "time": "2023-11-14T22:13:32.500Z",
        "event": "closed",
        **COMMON,
        "why": "finished",
        "state": "TIME_WAIT",
        "seconds": 2.5,
        "in_packets": 1,
        "in_bytes": 2,
        "out_packets": 3,
        "out_bytes": 4,
    }
    unknown = record_json(CLOSING._replace(counters=None, began=None), OFFSET)
    assert [unknown[name] for name in ("seconds", "in_packets", "out_bytes")] == [None] * 3


async def test_a_file_that_is_rotated(tmp_path: Path) -> None:
    path, old = tmp_path / "sessions", tmp_path / "sessions.1"
    log = SessionLog(target(str(path)), OFFSET)
    log.put(OPENING)
    await until(lambda: log.written == 1)
    path.rename(old)
    log.reopen()
    await until(path.exists)
    log.put(CLOSING)
    log.close()
    assert [json.loads(line)["event"] for line in old.read_text().splitlines()] == ["opened"]
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["closed"]
    assert path.stat().st_mode & 0o777 == 0o640 & ~_umask()


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def test_a_line_that_has_no_room_spoils_no_other(tmp_path: Path) -> None:
    """What is there of it ends with a line end, and those before it count as written."""
    file = File(tmp_path / "sessions")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        assert file.write(["first", "second"]) == 1
        with pytest.raises(OSError, match="File too large"):
            file.write(["third"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.write(["fourth"]) == 1
    file.close()
    assert (tmp_path / "sessions").read_text() == "first\nseco\nfourth\n"


def test_a_pipe_that_nobody_reads_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        File(tmp_path / "pipe")


async def test_a_socket_that_comes_later(tmp_path: Path) -> None:
    """What is written before somebody listens is lost, and counted."""
    path = tmp_path / "s"
    log = SessionLog(target(f"unix:{path}"), OFFSET)
    log.put(OPENING)
    await until(lambda: log.dropped == 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(10)
        log.put(CLOSING)
        line = await asyncio.to_thread(listener.recv, 65536)
    assert json.loads(line)["why"] == "finished"
    log.close()
    assert log.counts == {"written": 1, "dropped": 1}


def test_syslog_has_its_head(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.settimeout(10)
        Datagrams(tmp_path / "log", is_syslog=True).write(["{}"])
        head, _, rest = listener.recv(65536).decode().partition(" fullnat[")
    assert head.startswith("<134>")
    assert len(head) == len("<134>Nov 30 10:00:00")
    assert rest == f"{os.getpid()}]: {{}}"


class Stuck(Target):
    """Takes nothing until it is told."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.lines: list[str] = []

    def write(self, lines: Sequence[str]) -> int:
        self.goes_on.wait(30)
        self.lines += lines
        return len(lines)

    def close(self) -> None:
        return


async def test_nobody_waits_for_it() -> None:
    """The queue is bounded: what has no room is counted."""
    stuck = Stuck()
    log = SessionLog(stuck, OFFSET, waiting=4)
    log.put(OPENING)
    await until(lambda: log.depth == 0)
    for _ in range(10):
        log.put(CLOSING)
    assert (log.depth, log.dropped) == (4, 6)
    stuck.goes_on.set()
    log.close()
    assert log.counts == {"written": 5, "dropped": 6}
    assert len(stuck.lines) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
async def test_a_disk_that_is_full_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    log = SessionLog(File(Path("/dev/full")), OFFSET)
    for count in (1, 2):
        log.put(OPENING)
        await until(lambda count=count: log.dropped == count)  # type: ignore[misc]
    log.close()
    assert caplog.messages == ["the session log cannot be written: No space left on device"]
