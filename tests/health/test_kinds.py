"""Each kind of check, on servers that answer well, wrongly, late and not at all."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from fullnat.config.model import Check
from fullnat.health.connect import Target
from fullnat.health.prober import Prober

from .conftest import HOST, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nwell"


async def _asked(check: Check, target: Target) -> str:
    return await Prober(check, target, lambda: None)._once()


def asked(check: Check, answer: bytes | None) -> str:
    async def ask() -> str:
        async with serving(answer) as target:
            return await _asked(check, target)

    return asyncio.run(ask())


def free() -> Target:
    """A port where nobody listens."""

    async def found() -> Target:
        async with serving(b"") as target:
            return target

    return asyncio.run(found())


def http(**changes: Any) -> Check:
    return Check(type="http", timeout=5.0, **changes)


@pytest.mark.parametrize(
    ("check", "answer", "reason"),
    [
        (Check(type="tcp"), None, ""),
        (http(), OK, ""),
        (http(digest=hashlib.md5(b"well").hexdigest()), OK, ""),
        (http(status="404,500-503"), b"HTTP/1.0 502 Bad Gateway\n\n", ""),
        (http(), b"HTTP/1.1 500 Internal Server Error\r\n\r\n", "status 500, not 200-299"),
        (http(status="301"), OK, "status 200, not 301"),
        (http(), b"SSH-2.0-OpenSSH_9.2\r\n", "no answer of HTTP"),
        (http(), b"", "no answer of HTTP"),
        (http(), b"HTTP/1.1 2x0 OK\r\n\r\n", "no answer of HTTP"),
        (http(), b"x" * 200_000, "no answer of HTTP"),
        (http(digest="0" * 32), b"HTTP/1.1 200 OK\r\nA: b\r\n", "the answer ends in its headers"),
        (Check(type="http", timeout=0.2), None, "no answer in 0.2 s"),
    ],
)
def test_what_an_answer_says(check: Check, answer: bytes | None, reason: str) -> None:
    assert asked(check, answer) == reason


def test_another_body_is_told_by_its_digest() -> None:
    found = hashlib.md5(b"well").hexdigest()
    assert asked(http(digest="0" * 32), OK) == f"a body with digest {found}, not {'0' * 32}"


@pytest.mark.parametrize("check", [Check(type="tcp"), http()])
def test_a_closed_port_is_refused(check: Check) -> None:
    assert asyncio.run(_asked(check, free())) == "connection refused"


def test_no_tls_is_a_reason() -> None:
    assert asked(http(tls=True), OK).startswith("TLS: ")


def test_the_source_is_the_one_asked_for() -> None:
    async def ask() -> str:
        peers = []

        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.append(writer.get_extra_info("peername")[0])
            writer.write(OK)
            writer.close()

        server = await asyncio.start_server(serve, HOST, 0)
        async with server:
            target = Target(HOST, server.sockets[0].getsockname()[1], False)
            assert await _asked(http(source=IPv4Address("127.0.0.9")), target) == ""
        return str(peers[0])

    assert asyncio.run(ask()) == "127.0.0.9"


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "check me"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return f"'{path}'"


def script(command: str, **changes: Any) -> Check:
    return Check(type="script", command=command, **changes)


def test_a_program_says_by_its_status(tmp_path: Path) -> None:
    target = Target(HOST, 80, False)
    good = program(tmp_path, 'test "$FULLNAT_SERVER:$FULLNAT_PORT:$1:$2" = "127.0.0.1:80:a b:$HOME"')
    assert asyncio.run(_asked(script(f"{good} 'a b' '$HOME'"), target)) == "the program says 1"
    assert asyncio.run(_asked(script(f"{good} 'a b'"), target)) == ""
    assert asyncio.run(_asked(script(program(tmp_path, "exit 3")), target)) == "the program says 3"
    assert asyncio.run(_asked(script(program(tmp_path, "exit 3"), exit_status="0,2-255"), target)) == ""
    killed = asyncio.run(_asked(script(program(tmp_path, "kill -9 $$")), target))
    assert killed == "the program was ended by signal 9"


def test_a_program_that_hangs_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = program(tmp_path, f"sleep 1000 & echo $! >{pids}; wait")
    found = asyncio.run(_asked(script(command, timeout=1.0), Target(HOST, 80, False)))
    assert found == "the program has not ended in 1 s"
    child = Path("/proc", pids.read_text().strip(), "stat")
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_is_not_there_says_nothing_of_the_server() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(_asked(script("/nowhere/at/all"), Target(HOST, 80, False)))
