"""``fullnat top`` at a terminal (a pty), over a pipe, and what it changes."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api.apikit import Api, served
from cli.controllerkit import Running, invoke
from fullnat.api.identity import Grants, Identity, Role
from fullnat.cli.controlclient import ask
from fullnat.top import readings
from fullnat.top.views import VIEWS, View

from top.ptykit import AtTerminal

Start = Callable[..., AtTerminal]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    controller = Running(tmp_path_factory.mktemp("ctl") / "fullnat.sock")
    yield controller.path
    controller.stop()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path) as made:
        yield made


@pytest.fixture
def start() -> Iterator[Start]:
    begun = []

    def begin(path: Path, *arguments: object, **options: Any) -> AtTerminal:
        begun.append(AtTerminal("--control-socket", path, "-d", "0.2", *arguments, **options))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def test_views_keys_and_the_end(running: Path, start: Start) -> None:
    """On 80x24 everything has room; the terminal is as before at the end."""
    top = start(running)
    shown = top.until("TCP 203.0.113.80:80", "switch serving")
    assert len(shown) == 24
    assert all(len(line) <= 80 for line in shown)
    assert shown[0].startswith("fullnat top ")
    assert shown[1] == "Services: 1 total, 0 without quorum   Servers: 2 total, 1 take new, 0 down"
    assert shown[3].startswith("Drops/s: ")
    assert shown[4].split() == ["SERVICE", "STATE", "SCHED", "UP", "*ACTIVE", "OTHER", "NEW/s", "INp/s", "OUTp/s"]
    assert shown[5].split() == ["TCP", "203.0.113.80:80", "part", "wrr", "1/2", "3", "5", "0", "0", "0"]
    assert "\x1b[33m" in top.frame or "\x1b[7m" in top.frame

    top.press("2")
    shown = top.until("10.0.0.11:8080", "10.0.0.12:8080")
    assert [line.split()[0] for line in shown[5:7]] == ["10.0.0.11:8080", "10.0.0.12:8080"]
    top.press("R")
    top.until("^ACTIVE")
    assert [line.split()[0] for line in top.screen[5:7]] == ["10.0.0.12:8080", "10.0.0.11:8080"]
    top.press("<")
    top.until("^WEIGHT", without="^ACTIVE")
    top.press("Z")
    top.until(", frozen")
    top.press("Z")
    top.until("10.0.0.11:8080", without=", frozen")
    top.press("/0.12\r")
    top.until("only 0.12", without="10.0.0.11:8080")
    top.press("\x1b")
    top.until("1:services", without="only 0.12")
    top.press("h")
    top.until("fullnat top: keys", "take the chosen server or service out")
    top.press(" 3")
    top.until("192.0.2.9:1024", "192.0.2.8:1025", "ESTABLISHED")
    top.press("/client=192.0.2.8\r")
    top.until("192.0.2.8:1025", without="192.0.2.9:1024")
    top.press("\t")
    top.until("LOCAL ADDRESS", "10.0.1.1")
    top.press("5")
    top.until("REASON", "no_session")
    top.press("q")
    assert top.ended() == 0
    assert top.written.endswith("\x1b[?1049l\x1b[?25h")
    assert termios.tcgetattr(top.slave) == top.before


@pytest.mark.parametrize("how", ["\x03", signal.SIGTERM, signal.SIGHUP])
def test_ends_leave_the_terminal_as_it_was(running: Path, start: Start, how: str | signal.Signals) -> None:
    top = start(running)
    top.until("TCP 203.0.113.80:80")
    if isinstance(how, str):
        top.press(how)
    else:
        top.process.send_signal(how)
    assert top.ended() == 0
    assert termios.tcgetattr(top.slave) == top.before


@pytest.mark.parametrize(("columns", "lines"), [(40, 8), (20, 5), (200, 60)])
def test_any_size(running: Path, start: Start, columns: int, lines: int) -> None:
    top = start(running, columns=columns, lines=lines)
    shown = top.until("fullnat top", "SERVICE", "TCP")
    assert len(shown) <= lines
    assert all(len(line) <= columns for line in shown)
    top.resize(100, 30)
    top.process.send_signal(signal.SIGWINCH)
    top.until("INp/s", "OTHER", "TCP 203.0.113.80:80", lines=30)


@pytest.mark.parametrize(
    ("options", "environment"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "vt100"})]
)
def test_without_colour(running: Path, start: Start, options: list[str], environment: dict[str, str]) -> None:
    top = start(running, *options, environment=environment)
    top.until("TCP 203.0.113.80:80")
    assert not [code for code in ("\x1b[3", "\x1b[1;3") if code in top.written]


def test_a_controller_that_goes_is_said_and_found_again(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "s"
    top = start(path)
    top.until("fullnat top: no controller is running: nobody listens at ")
    controller = Running(path)
    try:
        top.until("TCP 203.0.113.80:80", "switch serving")
    finally:
        controller.stop()
    top.until("s ago: no controller is running", "TCP 203.0.113.80:80")
    top.press("q")
    assert top.ended() == 0


async def test_drains_and_enables(api: Api, start: Start) -> None:
    """By the same commands as the page."""
    top = start(api.path, "--view", "servers")

    def weights() -> list[int]:
        return [settings.weight for service in api.model.services.values() for settings in service.servers.values()]

    await asyncio.to_thread(top.until, "10.0.0.11:8080")
    top.press("D")
    await asyncio.to_thread(top.until, "Drain 10.0.0.11:8080 of tcp 203.0.113.80:80")
    top.press("\x1b")
    await asyncio.to_thread(top.until, "10.0.0.11:8080", without="Drain ")
    assert weights() == [1]
    top.press("D30\r")
    shown = await asyncio.to_thread(top.until, ": draining (for ", "203.0.113.80:80     out ")
    assert weights() == [0]
    assert "out" in shown[5].split()
    top.press("E\r")
    await asyncio.to_thread(top.until, "203.0.113.80:80     up ")
    assert weights() == [1]
    top.press("Enonsense\r")
    await asyncio.to_thread(top.until, "'nonsense': ")
    assert weights() == [1]


async def test_who_may_only_look(api: Api, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role is the API's own word."""
    monkeypatch.setattr(Grants, "of_socket", lambda *_: Identity("visitor", Role.READ))
    top = start(api.path, "--view", "servers")
    await asyncio.to_thread(top.until, "10.0.0.11:8080")
    top.press("D")
    await asyncio.to_thread(top.until, "the role read may look, and change nothing")


# ---------------------------------------------------------------------------------------------- printed


def test_a_pipe_gets_it_once(running: Path) -> None:
    result = invoke("top", "--control-socket", running)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[4].split()[-2:] == ["INb/s", "OUTb/s"]
    assert [line.split()[1] for line in lines[5:]] == ["203.0.113.80:80"]


def test_batch_prints_so_many(running: Path) -> None:
    command = ["-b", "-n", "3", "-d", "0.1", "--view", "servers", "-w", "60", "--control-socket", str(running)]
    done = subprocess.run(
        [Path(sys.executable).parent / "fullnat", "top", *command], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("10.0.0.12:8080") == 3
    assert max(map(len, done.stdout.splitlines())) <= 60
    assert "\x1b" not in done.stdout


def test_the_first_that_is_printed_of_drops_has_rates(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are between two readings. Reasons that there have been none of are no rows."""
    dropped = itertools.count(1000, 50)

    def asked(path: Path | None, call: str, parameters: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        for found in ask(path, call, parameters):
            if call == "stats":
                found["drops"]["no_session"] = {"packets": next(dropped), "bytes": 0}
            yield found

    monkeypatch.setattr(readings, "ask", asked)
    result = invoke("top", "-b", "-n", "1", "-d", "0.1", "--view", "drops", "--control-socket", running)
    heading, *rows = result.output.splitlines()[4:]
    assert (result.exit_code, heading.split()) == (0, ["REASON", "*PPS", "BPS", "PACKETS", "BYTES"])
    ((reason, rate, _, packets, _),) = [row.split() for row in rows]
    assert (reason, packets) == ("no_session", "1.05k")
    assert 0 < float(rate) <= 500


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-o", "nonsense"], "-o nonsense: services have SERVICE, STATE, SCHED, UP, ACTIVE"),
        (["--view", "sessions", "--filter", "client="], "--filter: client= is not NAME=VALUE"),
        (["-d", "0"], "Invalid value for '-d'"),
    ],
)
def test_wrong_options(running: Path, options: list[str], says: str) -> None:
    result = invoke("top", "--control-socket", running, *options)
    assert result.exit_code == 2
    assert says in result.output


def test_nobody_there(tmp_path: Path) -> None:
    result = invoke("top", "-b", "-n", "1", "--control-socket", tmp_path / "s")
    assert result.exit_code == 1
    assert result.output == f"Error: no controller is running: nobody listens at {tmp_path / 's'}\n"


def test_sessions_of_an_unknown_filter(running: Path) -> None:
    result = invoke("top", "--view", "sessions", "--filter", "colour=red", "--control-socket", running)
    assert result.exit_code == 1
    assert "unknown filter 'colour'" in result.output
    assert json.dumps(result.output).count("\\n") == 1


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_headings_have_room(view: View) -> None:
    """With the mark of the column that rows are sorted by."""
    names = [column.name for column in view.columns]
    assert len(set(names)) == len(names)
    assert view.sorted_by in names
    assert all(column.width > len(column.name) for column in view.columns[1:])
