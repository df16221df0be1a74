"""The user-space TCP of the demonstration, two hosts on one wire; and the demonstration without root itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from demo.usertcp import ACK, RST, SYN, Connection, ConnectionReset, Host, Segment, build, options, parse

NETWORK = IPv4Network("10.0.0.0/24")
ROOT = Path(__file__).resolve().parents[2]


def pair() -> tuple[Host, Host]:
    """Two hosts; frames arrive in order, later."""
    hosts: list[Host] = []

    def wire(to: int, frame: bytes) -> None:
        asyncio.get_running_loop().call_soon(lambda: hosts[to].handle(frame))

    for number in (0, 1):
        mac = bytes((2, 0, 0, 0, 0, number))
        other = 1 - number
        address = NETWORK[number + 1]
        hosts.append(Host(f"h{number}", address, NETWORK, mac, lambda frame, other=other: wire(other, frame)))  # type: ignore[misc]
    return hosts[0], hosts[1]


async def echo(connection: Connection) -> None:
    while data := await connection.receive_until(b"\n"):
        await connection.send(data)
    connection.close()


async def test_echo_and_close() -> None:
    client, server = pair()
    server.serve = echo
    connection = await client.connect(server.address, 80)
    text = b"x" * 100_000 + b"\n"
    async with asyncio.timeout(10):
        await connection.send(text)
        assert await connection.receive(len(text)) == text
        connection.close()
        assert await connection.receive(1) == b""
    assert client.damaged == server.damaged == 0


async def test_nobody_answers() -> None:
    client, server = pair()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.connect(server.address, 80), 0.05)


@pytest.mark.parametrize(("off", "accepted"), [(0, True), (1, False), (-1, False)])
async def test_reset_only_at_the_expected_number(off: int, accepted: bool) -> None:
    client, server = pair()
    served: list[Connection] = []

    async def keep(connection: Connection) -> None:
        served.append(connection)

    server.serve = keep
    connection = await client.connect(server.address, 80)
    number = (served[0]._next + off) & 0xFFFFFFFF
    server.transmit(Segment(server.packed, 80, client.packed, connection.port, number, 0, RST))
    reset = False
    try:
        await asyncio.wait_for(connection.receive(1), 0.05)
    except ConnectionReset:
        reset = True
    except TimeoutError:
        pass
    assert reset == accepted


def test_segments() -> None:
    made = Segment(b"\n\0\0\1", 1, b"\n\0\0\2", 2, 3, 4, SYN | ACK, b"\x02\x04\x05\xb4", b"abc")
    packet = build(made)
    assert parse(packet + b"padding") == made
    for position in range(len(packet)):
        damaged = bytearray(packet)
        damaged[position] ^= 0x10
        assert parse(bytes(damaged)) != made


def test_options() -> None:
    assert options(b"\x01\x02\x04\x05\xb4\x01\xfe\x08\x00\x50\x0a\x00\x00\x01\x00\x02\x04\x00\x00") == [
        (2, b"\x05\xb4"),
        (254, b"\x00\x50" + IPv4Address("10.0.0.1").packed),
    ]
    assert options(b"\x02\x09\x00") == options(b"\x02") == options(b"\x02\x00") == []


def test_demonstration_without_root(tmp_path: Path) -> None:
    """The whole story holds in one process."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--no-root"],
        cwd=ROOT,
        env={**os.environ, "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it holds" in done.stdout
