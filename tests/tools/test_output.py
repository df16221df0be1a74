"""Commands whose standard output is full, closed, or read by nobody any more: one line at most, no traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from topo.process import poll

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "p4soft" / "programs" / "initial"
BIN = str(Path(sys.executable).parent)
FULL = Path("/dev/full")
COMMANDS = {
    "fullnat check": [f"{BIN}/fullnat", "check", "tests/tools/plain.toml"],
    "fullnat --help": [f"{BIN}/fullnat", "--help"],
    "fullnat run --help": [f"{BIN}/fullnat", "run", "--help"],
    "p4soft --help": [f"{BIN}/p4soft", "--help"],
    "p4soft": [f"{BIN}/p4soft", "--grpc-server-addr", "127.0.0.1:0"],
    "p4soft explain": [f"{BIN}/p4soft", "explain", f"{PROGRAM}.json"],
    "p4soft explain --c": [f"{BIN}/p4soft", "explain", "--c", f"{PROGRAM}.json"],
    "p4soft entries": [
        *(f"{BIN}/p4soft", "entries", f"{PROGRAM}.json", f"{PROGRAM}.p4info.txtpb", f"{PROGRAM}.entries.txtpb"),
    ],
    "toa-check --help": [f"{BIN}/toa-check", "--help"],
    "fullnat toa-check --help": [f"{BIN}/fullnat", "toa-check", "--help"],
    "bench --help": [sys.executable, "-m", "bench", "--help"],
    "demo --help": [sys.executable, "-m", "demo", "--help"],
    "topo --help": [sys.executable, "-m", "topo", "--help"],
}
NAMES = {"fullnat": "Error", "toa-check": "Error"}
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def subject(command: str) -> str:
    """What lines about this command begin with."""
    name = command.split()[0]
    return NAMES.get(name, name)


def run(words: Sequence[str], output: int, unbuffered: str = "") -> tuple[int, str]:
    """Exit status and standard error."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        words, stdout=output, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60, check=False, env=environment
    )
    return done.returncode, done.stderr


def test_there_is_one_such_module() -> None:
    copies = ("runtime/fullnat/cli", "softswitch/p4soft", "toa/python/fullnat_toa/cli")
    assert len({(ROOT / copy / "output.py").read_text() for copy in copies}) == 1


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_full_is_one_line_and_status_1(command: str, unbuffered: str) -> None:
    with FULL.open("w") as full:
        status, errors = run(COMMANDS[command], full.fileno(), unbuffered)
    assert (status, errors) == (1, f"{subject(command)}: cannot write to standard output: No space left on device\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_nobody_reads_is_no_line(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        status, errors = run(COMMANDS[command], writer)
    finally:
        os.close(writer)
    assert status in (0, 1)
    assert errors == ""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "p4soft"])
def test_an_output_that_is_not_there_is_no_mistake(command: str) -> None:
    words = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMANDS[command]]
    assert run(words, subprocess.DEVNULL) == (0, "")


@needs_full
def test_toa_check_cannot_tell_what_it_found() -> None:
    with FULL.open("w") as full:
        words = [f"{BIN}/toa-check", "--listen", "127.0.0.1:0", "--timeout", "30"]
        process = subprocess.Popen(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        where = process.stderr.readline().split(": ")[0].rpartition(":")[2]
        socket.create_connection(("127.0.0.1", int(where)), 10).close()
        errors = process.communicate(timeout=30)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert errors == "Error: cannot write to standard output: No space left on device\n"


@needs_full
def test_p4soft_that_cannot_show_its_statistics_has_stopped_all_the_same(tmp_path: Path) -> None:
    """Its reader goes after the first line; whoever comes afterwards writes to nobody."""
    path = tmp_path / "s"
    words = [f"{BIN}/p4soft", "--grpc-server-addr", f"unix:{path}", "--stats", "0.1"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"p4soft: listening on unix:{path}\n"
        process.stdout.close()
        poll(path.exists, 10, "it listens")
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert process.stderr is not None
        errors = process.stderr.read()
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert "Traceback" not in errors
