"""Whether the units' filter of system calls lets through what the services call."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click import ClickException
from fullnat.cli.controlclient import ask

from install.unitkit import UNITS, Unit
from topo import namespaces
from topo.process import Process, poll

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"),
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]
METRICS = "127.0.0.1:19560"


def calls(group: str) -> set[str]:
    """The system calls of one of systemd's groups, and of those in it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = re.findall(r"^ +(@?[a-z]\w*(?:-\w+)*)$", said.stdout, flags=re.MULTILINE)
    return {call for name in names for call in (calls(name) if name.startswith("@") else {name})}


def allowed(unit: str) -> set[str]:
    """By SystemCallFilter=."""
    found: set[str] = set()
    for line in Unit.read(UNITS / unit).settings["SystemCallFilter"]:
        for group in line.removeprefix("~").split():
            found = found - calls(group) if line.startswith("~") else found | calls(group)
    return found


def called(trace: Path) -> set[str]:
    return set(re.findall(r"^\d+ +([a-z]\w*)\(", trace.read_text(), flags=re.MULTILINE))


def _state(path: Path) -> str:
    try:
        return str(next(ask(path, "stats"))["switch"]["state"])
    except ClickException:
        return "not there"


def test_nothing_is_called_that_is_filtered(tmp_path: Path) -> None:
    """Start, a pipeline, an interface, questions, a reload, stop."""
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    (tmp_path / "fullnat.toml").write_text("")
    beside = Path(sys.executable).parent
    address, control = f"unix:{tmp_path}/switch", tmp_path / "control"
    commands = {
        "p4soft": ["p4soft", "--device-id", "1", "--cpu-port", "255", "--grpc-server-addr", address, "-i", "1@lo"],
        "fullnat": ["fullnat", "run", str(tmp_path / "fullnat.toml"), "--grpc-addr", address],
    }
    commands["fullnat"] += ["--state-dir", str(tmp_path / "state"), "--control-socket", str(control)]
    commands["fullnat"] += ["--metrics-addr", METRICS]
    running = []
    for name, (program, *arguments) in commands.items():
        words = ["strace", "-D", "-f", "-qq", "-o", tmp_path / f"{name}.trace", beside / program, *arguments]
        running.append(Process(name, [str(word) for word in words], namespace=None, logs=tmp_path))
    try:
        poll(lambda: _state(control) == "serving", 120, "the controller serves the switch", 0.2)
        assert list(ask(control, "sessions")) == []
        with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=10) as answer:
            assert b"fullnat_switch_up 1" in answer.read()
        running[1].signal(signal.SIGHUP)
    finally:
        for process in reversed(running):
            process.stop()
    for name in commands:
        made = called(tmp_path / f"{name}.trace")
        assert {"openat", "socket", "epoll_wait"} <= made
        assert made - allowed(f"{name}.service") == set(), name
