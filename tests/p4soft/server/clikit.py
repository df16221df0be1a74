"""Runs the p4soft command in a process of its own, on the fake engine."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parent
DRIVER = """
import functools, os, sys
os.environ["GRPC_VERBOSITY"] = "NONE"
import fake_engine
from p4soft import cli, embedded, launch
launch.Switch = functools.partial(embedded.Switch, engine_factory=fake_engine.FakeEngine)
sys.exit(cli.main(sys.argv[1:]))
"""


@asynccontextmanager
async def running(
    *arguments: str, command: Sequence[str] = ("-c", DRIVER)
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command in a process of its own (on the fake engine), and the address it says it listens on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, *arguments, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"p4soft: listening on (\S+)\n", line)
        assert found, (line, (await process.communicate())[1])
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def fails(*arguments: str) -> tuple[int | None, str]:
    """Exit status and standard error of a command that should not start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DRIVER, *arguments, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(20):
        output, errors = await process.communicate()
    assert output == b""
    return process.returncode, errors.decode()


async def stop(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[str, str]:
    process.send_signal(number)
    async with asyncio.timeout(20):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors
    return output.decode(), errors.decode()
