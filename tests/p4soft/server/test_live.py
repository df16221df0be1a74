"""Rates of the ports: --stats."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from p4soft.api import Offload, PortStats
from p4soft.cli import main, parse
from p4soft.live import Meter, PortRate, plain, short

HERE = Path(__file__).parent
DRIVER = """
import functools, os, sys
os.environ["GRPC_VERBOSITY"] = "NONE"
import fake_engine
from p4soft import cli, embedded, launch
launch.Switch = functools.partial(embedded.Switch, engine_factory=fake_engine.FakeEngine)
sys.exit(cli.main(sys.argv[1:]))
"""
COMMAND = [sys.executable, "-c", DRIVER, "-i", "1@lo", "--grpc-server-addr", "127.0.0.1:0", "--stats", "0.1"]

HEADER = (
    "port  interface  rx pkt/s  rx bit/s  rx drop/s  rx large/s  rx oversize/s  tx pkt/s  tx bit/s  tx drop/s"
    "  tx large/s  offloads  link"
)


def test_rates_are_differences_per_second() -> None:
    stats = [PortStats(2, "b", 10, 1000, 1, 5, 500, 0), PortStats(1, "a")]
    clock = [100.0]
    meter = Meter(lambda: stats, lambda: clock[0])
    stats = [
        PortStats(
            2, "b", 30, 3000, 1, 5, 500, 4, rx_large=6, tx_large=8, rx_oversize=10, offload=Offload.RECEIVE, link="up"
        ),
        PortStats(1, "a", 2, 200, 0, 1, 64, 0),
    ]
    clock[0] += 2.0
    assert meter.sample() == [
        PortRate(1, "a", (1.0, 800.0, 0.0, 0.0, 0.0, 0.5, 256.0, 0.0, 0.0)),
        PortRate(2, "b", (10.0, 8000.0, 0.0, 3.0, 5.0, 0.0, 0.0, 2.0, 4.0), "receive", "up"),
    ]
    clock[0] += 1.0
    assert meter.sample() == [PortRate(1, "a", (0.0,) * 9), PortRate(2, "b", (0.0,) * 9, "receive", "up")]


def test_ports_that_come_go_and_come_again() -> None:
    stats = [PortStats(1, "a", 10)]
    clock = [0.0]
    meter = Meter(lambda: stats, lambda: clock[0])
    stats = [PortStats(2, "b", 7)]
    clock[0] += 1
    assert meter.sample() == [PortRate(2, "b", (7.0, *(0.0,) * 8))]
    stats = [PortStats(2, "b", 3)]
    clock[0] += 1
    assert meter.sample() == [PortRate(2, "b", (3.0, *(0.0,) * 8))]


def test_plain_text() -> None:
    values = (1.4, 1234567.0, 0.0, 2.0, 0.0, 0.0, 99.6, 0.0, 3.0)
    text = plain([PortRate(1, "veth1", values, "on", "up"), PortRate(10, "e", (0.0,) * 9)])
    assert text.splitlines() == [
        HEADER,
        "   1      veth1         1   1234567          0           2              0         0       100          0"
        "           3        on    up",
        "  10          e         0         0          0           0              0         0         0          0"
        "           0         -     -",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.4, "0"),
        (999.4, "999"),
        (999.6, "1.00 k"),
        (9_994, "9.99 k"),
        (9_996, "10.0 k"),
        (99_960, "100 k"),
        (1_234_567, "1.23 M"),
        (999_600_000, "1.00 G"),
        (2.5e12, "2.50 T"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "inf", "0.01", "100000"])
def test_other_intervals_are_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--stats={value}"]) == 2
    assert "is not a number of seconds, 0.1 to 86400" in capsys.readouterr().err
    assert parse(["--stats", "0.5"]).stats == 0.5
    assert parse([]).stats is None


async def test_blocks_in_a_pipe() -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(20):
        lines = [(await process.stdout.readline()).decode() for _ in range(7)]
        process.send_signal(signal.SIGTERM)
        output, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert lines[1:] == [HEADER + "\n", lines[2], "\n"] * 2
    assert lines[2].split() == ["1", "lo", *["0"] * 9, "-", "-"]
    assert b"rx packets" in output


async def test_a_table_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    text = b""

    async def read_until(pattern: bytes) -> None:
        nonlocal text
        while not re.search(pattern, text, re.DOTALL):
            text += await asyncio.to_thread(os.read, ours, 65536)

    try:
        async with asyncio.timeout(20):
            await read_until(rb"listening on .*drop/s.* lo .*drop/s.* lo ")
            process.send_signal(signal.SIGTERM)
            await read_until(rb"rx packets.*\n.*\n")
            _, errors = await process.communicate()
    finally:
        os.close(ours)
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert "\u2502".encode() in text
