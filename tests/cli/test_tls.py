"""``fullnat run`` over TLS, as a process against p4soft as a process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from click import ClickException
from fullnat.cli.controlclient import ask
from p4rt.certificates import Authority
from p4rt.switches import running
from p4rt.waiting import until

from cli.samples import CONFIG_TEXT

NAME = "switch.example"


@contextlib.asynccontextmanager
async def controller(directory: Path, address: str, *words: str | Path) -> AsyncIterator[Path]:
    """The running controller; its log."""
    config, log = directory / "c.toml", directory / "log"
    config.write_text(CONFIG_TEXT + '[[route]]\nprefix = "0.0.0.0/0"\ngateway = "10.0.0.2"\n')
    command: list[str | Path] = [sys.executable, "-m", "fullnat.cli.main", "run", config, "--grpc-addr", address]
    command += ["--state-dir", directory / "state", "--control-socket", directory / "socket", *words]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stderr=output)
    try:
        yield log
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def state(directory: Path) -> str:
    try:
        return str(next(ask(directory / "socket", "stats"))["switch"]["state"])
    except ClickException:
        return ""


async def test_mutual_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    switch, own = authority.issue(NAME), authority.issue("controller")
    words: list[str | Path] = ["--grpc-server-ssl", "--grpc-server-cert", switch.cert, "--grpc-server-key", switch.key]
    words += ["--grpc-server-cacert", authority.pair.cert, "--grpc-server-with-client-auth"]
    tls: list[str | Path] = ["--grpc-tls-ca", authority.pair.cert, "--grpc-tls-server-name", NAME]
    async with running("p4soft", *words) as address:
        async with controller(tmp_path, address, *tls, "--grpc-tls-cert", own.cert, "--grpc-tls-key", own.key) as log:
            await until(lambda: state(tmp_path) == "serving", 60)
        assert "no switch" not in log.read_text()
        async with controller(tmp_path, address, *tls) as log:
            await until(lambda: "no switch" in log.read_text(), 30)
            await asyncio.to_thread(_attempts, tmp_path)
        (line,) = log.read_text().splitlines()
        assert line.endswith(
            f"no switch: no P4Runtime server answers at {address}: whoever listens there ends the connection; it wants "
            "a client certificate that its CA has signed: see --grpc-tls-cert and --grpc-tls-key; trying again"
        )


def _attempts(directory: Path) -> None:
    """The reason is shown as well."""
    switch = next(ask(directory / "socket", "stats"))["switch"]
    assert switch["state"] == "disconnected"
    assert "--grpc-tls-cert" in switch["reason"]
