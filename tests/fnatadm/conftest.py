from __future__ import annotations

import asyncio
import io
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, TextIO

import pytest
from api.apikit import Api, served
from fullnat.fnatadm.main import run


class Done(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path) as made:
        yield made


@pytest.fixture
def fnatadm(api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line, on the controller's socket."""

    async def call(line: str, stdin: str | TextIO | None = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin) if isinstance(stdin, str) else stdin)
        monkeypatch.setattr("fullnat.cli.controlclient.control_socket", lambda: api.path)
        capsys.readouterr()
        status = await asyncio.to_thread(run, shlex.split(line))
        return Done(status, *capsys.readouterr())

    return call
