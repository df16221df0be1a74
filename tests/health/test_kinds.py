"""Each kind of check, on servers that answer well, wrongly, late and not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from fullnat.config.model import Check
from fullnat.health.connect import Target
from fullnat.health.failed import Unusable, Weight
from fullnat.health.prober import Prober

from topo.process import poll

from .conftest import HOST, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nwell"


async def _asked(check: Check, target: Target) -> str:
    found, _ = await Prober(check, target, lambda: None)._once()
    return found


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
    return Check(**{"type": "http", "timeout": 5.0, **changes})


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
    for seconds in (1.0, 4.0, 16.0):  # until it gets as far as having started something
        found = asyncio.run(_asked(script(command, timeout=seconds), Target(HOST, 80, False)))
        assert found == f"the program has not ended in {seconds:g} s"
        if pids.exists() and pids.read_text():
            break
    child = Path("/proc", pids.read_text().strip(), "stat")

    def gone() -> bool:
        try:
            return child.read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    poll(gone, 10, "what the program has started has ended")


@pytest.mark.parametrize(
    ("check", "error"),
    [
        (script("/nowhere/at/all"), FileNotFoundError),
        (script("/bin/true", user="nobody-at-all"), Unusable),
        (http(tls=True, ca_file="/nowhere/at/all"), Unusable),
        (http(tls=True, ca_file="/etc/passwd"), Unusable),
        (Check(type="tcp", source=ip_address("192.0.2.254")), OSError),
        (Check(type="tcp", source=ip_address("::1")), OSError),
        (Check(type="tcp", device="no-such-device"), OSError),
    ],
)
def test_what_cannot_be_checked_says_nothing_of_the_server(check: Check, error: type[Exception]) -> None:
    async def ask() -> None:
        async with serving(OK) as target:
            await _asked(check, target)

    with pytest.raises(error):
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([b"220-me\r\n220 me\r\n", b"250 good day\r\n", b"221 bye\r\n"], ""),
        ([b"220 me\r\n", b"250-me\r\n250 SIZE\r\n", b"221 bye\r\n"], ""),
        ([b"554 no service\r\n"], "greeting: '554 no service', not 220"),
        ([b"220 me\r\n", b"501 who\r\n"], "HELO: '501 who', not 250"),
        ([b"220 me\r\n"], "no answer of SMTP to HELO"),
        ([b"220-" + b"x" * 9000], "no answer of SMTP to greeting"),
    ],
)
def test_mail(lines: list[bytes], reason: str) -> None:
    said = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, line in enumerate(lines):
            if number:
                said.append(await reader.readline())
            writer.write(line)
        writer.write_eof()

    async def ask() -> str:
        async with await asyncio.start_server(serve, HOST, 0) as server:
            target = Target(HOST, server.sockets[0].getsockname()[1], False)
            return await _asked(Check(type="smtp", host="lb.example"), target)

    assert asyncio.run(ask()) == reason
    assert said == [b"HELO lb.example\r\n", b"QUIT\r\n"][: len(said)]


class Echo(asyncio.DatagramProtocol):
    """Answers one thing alone."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data == b"ask":
            self._transport.sendto(b"answer", addr)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payload": b"ask".hex(), "require_reply": True}, ""),
        ({"payload": b"other".hex(), "require_reply": True}, "no answer in 0.5 s"),
        ({"payload": b"other".hex()}, ""),
        ({"port": True}, "connection refused"),
    ],
)
def test_datagrams(changes: dict[str, Any], reason: str) -> None:
    closed = changes.pop("port", False)

    async def ask() -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, (HOST, 0))
        target = Target(HOST, transport.get_extra_info("sockname")[1], False)
        if closed:
            transport.close()
            await asyncio.sleep(0)
        try:
            return await _asked(Check(type="udp", timeout=0.5, **changes), target)
        finally:
            transport.close()

    assert asyncio.run(ask()) == reason


class Names(asyncio.DatagramProtocol):
    """A name server: it takes a question of other messages first, and answers with ``code``."""

    def __init__(self, code: int) -> None:
        self._code = code
        self.asked: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.asked.append(data)
        other = bytes((data[0] ^ 1, data[1]))
        for answer in (b"short", data, other + b"\x81\x83", data[:2] + bytes((0x81, 0x80 | self._code))):
            self._transport.sendto(answer + data[len(answer) :] if len(answer) == 4 else answer, addr)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, ""),
        (2, "the answer says: server failure"),
        (3, "the answer says: no such name"),
        (5, "the answer says: refused"),
        (9, "the answer says: code 9"),
    ],
)
def test_a_name_server_says_by_its_answer(code: int, reason: str) -> None:
    server = Names(code)

    async def ask() -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, (HOST, 0))
        target = Target(HOST, transport.get_extra_info("sockname")[1], False)
        try:
            return await _asked(Check(type="dns", timeout=2.0, name="www.example.org", record="AAAA"), target)
        finally:
            transport.close()

    assert asyncio.run(ask()) == reason
    (question,) = server.asked
    assert question[2:] == b"\x01\x00\x00\x01" + bytes(6) + b"\x03www\x07example\x03org\x00\x00\x1c\x00\x01"


def test_a_name_server_that_is_silent_or_not_there() -> None:
    async def ask() -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, (HOST, 0))
        target = Target(HOST, transport.get_extra_info("sockname")[1], False)
        silent = await _asked(Check(type="dns", timeout=0.2), target)
        transport.close()
        await asyncio.sleep(0)
        assert await _asked(Check(type="dns", timeout=5.0), target) == "connection refused"
        return silent

    assert asyncio.run(ask()) == "no answer in 0.2 s"


NOBODY = Target(HOST, 80, False)


async def _weighed(check: Check) -> tuple[str, Weight | None]:
    return await Prober(check, NOBODY, lambda: None)._once()


@pytest.mark.parametrize(
    ("text", "changes", "found"),
    [
        (None, {}, ("", None)),
        ("", {}, ("", None)),
        ("0\n", {}, ("", None)),
        ("7 # maintenance\n", {}, ("the file says 7", None)),
        ("-1", {}, ("the file says -1", None)),
        ("0", {"reverse": True}, ("the file says 0", None)),
        ("1", {"reverse": True}, ("", None)),
        ("3", {"factor": 2}, ("", Weight(6, is_whole=False))),
        ("3", {"factor": 2, "reverse": True}, ("", Weight(-6, is_whole=False))),
        (None, {"factor": 1}, ("", Weight(0, is_whole=False))),
    ],
)
def test_a_file_says_a_number(tmp_path: Path, text: str | None, changes: dict[str, Any], found: object) -> None:
    path = tmp_path / "number"
    if text is not None:
        path.write_text(text)
    assert asyncio.run(_weighed(Check(type="file", file=str(path), **changes))) == found


@pytest.mark.parametrize("text", ["well", "99999999999", b"\xff\xfe"])
def test_a_file_that_says_no_number_says_nothing_of_the_server(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "number"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Unusable):
        asyncio.run(_weighed(Check(type="file", file=str(path))))
    os.unlink(path)
    os.mkfifo(path)
    with pytest.raises(Unusable):
        asyncio.run(_weighed(Check(type="file", file=str(path))))


def test_a_program_says_a_weight(tmp_path: Path) -> None:
    """keepalived: misc_dynamic."""
    dynamic = {"dynamic": True}
    assert asyncio.run(_weighed(script(program(tmp_path, "exit 12"), **dynamic))) == ("", Weight(10, is_whole=True))
    assert asyncio.run(_weighed(script(program(tmp_path, "exit 2"), **dynamic))) == ("", Weight(0, is_whole=True))
    assert asyncio.run(_weighed(script(program(tmp_path, "exit 1"), **dynamic))) == ("the program says 1", None)
    assert asyncio.run(_weighed(script(program(tmp_path, "exit 0"), **dynamic))) == ("", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets are root's")
@pytest.mark.parametrize("target", [Target(HOST, 0, False), Target("::1", 0, True)])
def test_echo(target: Target) -> None:
    assert asyncio.run(_asked(Check(type="ping", timeout=5.0), target)) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets are root's")
def test_no_echo() -> None:
    """An address that the test host has no way to, or that does not answer."""
    assert asyncio.run(_asked(Check(type="ping", timeout=0.3), Target("192.0.2.254", 0, False))) != ""
