"""``fullnat upgrade --check`` beside a controller and a switch that run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fullnat.app.upgrade import installed
from fullnat.cli.controlclient import NobodyListens, ask
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

from cli.samples import CONFIG_TEXT


async def upgrade(*arguments: str) -> tuple[int | None, list[str]]:
    command = ["-m", "fullnat.cli.main", "upgrade", *arguments]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    return process.returncode, output.decode().splitlines()


@asynccontextmanager
async def controller(tmp_path: Path, *arguments: str) -> AsyncIterator[Path]:
    """Runs until it answers; its control socket."""
    (tmp_path / "fullnat.toml").write_text(CONFIG_TEXT)
    path = tmp_path / "fullnat.sock"
    command = ["-m", "fullnat.cli.main", "run", str(tmp_path / "fullnat.toml"), *arguments]
    command += ["--state-dir", str(tmp_path / "state"), "--control-socket", str(path)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _state(path: Path) -> str:
    try:
        return str(next(ask(path, "stats"))["switch"]["state"])
    except NobodyListens:
        return "not there"


async def _until(path: Path, state: str) -> None:
    """Asking blocks, and the fake switch is of this loop."""
    async with asyncio.timeout(90):
        while True:
            if await asyncio.to_thread(_state, path) == state:
                return
            await asyncio.sleep(0.05)


async def test_beside_a_running_controller_and_switch(tmp_path: Path) -> None:
    switch = FakeSwitch()
    address = await switch.start()
    try:
        nobody = str(tmp_path / "fullnat.sock")
        status, lines = await upgrade("--check", "--grpc-addr", address, "--control-socket", nobody)
        assert (status, lines) == (
            0,
            [
                f"controller: none runs here, {installed()} is installed",
                "program: the switch runs none, ours will be pushed",
                "sessions: there are none",
            ],
        )
        async with controller(tmp_path, "--grpc-addr", address) as path:
            await _until(path, "serving")
            where = ("--check", "--grpc-addr", address, "--control-socket", str(path))
            status, lines = await upgrade(*where)
            assert status == 0
            assert lines[0] == f"controller: {installed()} runs and is installed"
            assert lines[2] == "sessions: 0 go on; the new controller adopts them"

            assert switch.config is not None
            switch.config.cookie.cookie += 1
            status, lines = await upgrade(*where)
            assert status == 3
            assert lines[1].startswith("program: the switch runs another (cookie ")
            assert lines[-1] == "sessions: 0 end, because a pushed program empties the switch"
        await until(lambda: not path.exists())
    finally:
        await switch.stop()


async def test_an_embedded_switch_and_none_at_all(tmp_path: Path) -> None:
    async with controller(tmp_path, "--embedded") as path:
        await _until(path, "serving")
        status, lines = await upgrade("--check", "--control-socket", str(path))
        assert (status, lines[1:]) == (
            3,
            [
                "program: the same as the embedded switch runs",
                "sessions: 0 end, because the switch ends with the controller",
            ],
        )
    where = ("--control-socket", str(path), "--grpc-addr", f"unix:{tmp_path}/none")
    status, (line,) = await upgrade("--check", *where)
    assert (status, line) == (
        1,
        f"Error: no P4Runtime server answers at unix:{tmp_path}/none: No such file or directory",
    )
    status, lines = await upgrade(*where)
    assert status == 2


async def test_the_control_socket_for_the_switchs(tmp_path: Path) -> None:
    async with controller(tmp_path, "--embedded") as path:
        await _until(path, "serving")
        status, (line,) = await upgrade("--check", "--control-socket", f"{path}.none", "--grpc-addr", f"unix:{path}")
    assert (status, line) == (
        1,
        f"Error: no P4Runtime server answers at unix:{path}: it is a "
        f"controller's control socket: --control-socket {path}, and --grpc-addr of its switch",
    )
