"""``fullnat run`` as a service manager has it: started with a socket to tell things to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from p4rt.waiting import until

from cli.samples import CONFIG_TEXT


class Manager:
    def __init__(self, path: Path) -> None:
        self.lines: list[str] = []
        """Everything that was said, in its order, without the beats and what comes with others."""
        self.beats = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                words = self._socket.recv(4096).decode().splitlines()
                self.beats += words[0] == "WATCHDOG=1"
                self.lines += words if words[0] != "WATCHDOG=1" else []

    def said(self, *lines: str) -> bool:
        self.listen()
        return self.lines[: len(lines)] == list(lines)

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def controller(config: Path, tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Manager]]:
    """Its switch is nowhere, which keeps no controller from being ready."""
    manager = Manager(tmp_path / "notify")
    where = ["--state-dir", str(tmp_path / "state"), "--control-socket", str(tmp_path / "run" / "fullnat.sock")]
    command = ["-m", "fullnat.cli.main", "run", str(config), "--grpc-addr", f"unix:{tmp_path}/none", *where]
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=environment)
    try:
        yield process, manager
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        manager.close()


async def test_start_reload_stop(tmp_path: Path) -> None:
    config = tmp_path / "fullnat.toml"
    config.write_text(CONFIG_TEXT)
    async with controller(config, tmp_path) as (process, manager):
        await until(lambda: manager.said("READY=1"))
        assert manager.lines[1].startswith("STATUS=disconnected")
        beats = manager.beats
        await until(lambda: manager.said() and manager.beats >= beats + 3)

        manager.lines.clear()
        process.send_signal(signal.SIGHUP)
        await until(lambda: manager.said("RELOADING=1") and "READY=1" in manager.lines)

        config.write_text("nonsense = 1\n")
        manager.lines.clear()
        process.send_signal(signal.SIGHUP)
        await until(lambda: manager.said("RELOADING=1") and "READY=1" in manager.lines)
        assert manager.lines[-1] == "STATUS=the configuration has errors; the old one stays"

        manager.lines.clear()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        assert manager.said("STOPPING=1")
