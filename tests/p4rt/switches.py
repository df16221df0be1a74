"""Switches as processes of their own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


@asynccontextmanager
async def running(target: str, *words: str | Path) -> AsyncIterator[str]:
    """The switch as a process of its own; its address."""
    beside = Path(sys.executable).with_name(target)
    command = str(beside) if beside.exists() else shutil.which(target)
    if command is None:
        pytest.skip(f"{target} is not on PATH")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    switch = ["--no-p4", "--device-id", "1", "--", "--grpc-server-addr", address, "--cpu-port", "255"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(command, *switch, *words, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(20):
            while not await _listens(address):
                assert process.returncode is None, f"{target} has ended"
                await asyncio.sleep(0.02)
        yield address
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
