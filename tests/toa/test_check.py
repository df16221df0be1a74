"""``toa-check``: what it says to every way in which TOA may fail to arrive."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from topo.process import Process, poll
from topo.rawtcp import Wire, toa

from .conftest import KERNEL, KERNEL6, LOCAL, LOCAL6, PORT, TRUSTED, Said, set_sysctl

CLIENT = "203.0.113.9:40000"
V4 = toa("203.0.113.9", 40000)
COMMAND = [Path(sys.executable).with_name("toa-check")]
FULL = b"\x02\x04\x05\xb4\x04\x02" + b"\x08\x0a" + b"\0" * 8 + b"\x03\x03\x07" + b"\x01" * 17


@pytest.fixture
def run(network: str, wire: Wire, tmp_path: Path) -> Iterator[list[Process]]:
    """The process, once a test has started it by check()."""
    running: list[Process] = []
    yield running
    for process in running:
        process.kill()


def check(run: list[Process], network: str, tmp_path: Path, *options: str, host: str = KERNEL) -> Process:
    name = f"[{host}]" if ":" in host else host
    process = Process("check", [*COMMAND, "--listen", f"{name}:{PORT}", *options], namespace=network, logs=tmp_path)
    run.append(process)
    poll(lambda: "listening" in process.err.read_text() or not process.running, 20, "toa-check listens")
    process.check_running()
    return process


def ask(wire: Wire, options: bytes, local: tuple[str, int] = LOCAL, target: str = KERNEL) -> Said:
    """The finding, as the caller gets it over HTTP."""
    connection = wire.connect((target, PORT), local, options)
    connection.send(b"GET / HTTP/1.0\r\n\r\n")
    head, _, body = connection.read_until(b"}\n").partition(b"\r\n\r\n")
    connection.reset()
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    return dict(json.loads(body))


def test_findings(run: list[Process], network: str, wire: Wire, tmp_path: Path) -> None:
    process = check(run, network, tmp_path, "--trusted", TRUSTED, "--json", "--count", "7")
    set_sysctl("ipv4/tcp_syncookies", "1")
    found = [
        ask(wire, V4),
        ask(wire, V4 + toa("192.0.2.66", 6)),
        ask(wire, toa("2001:db8::9", 7)),
        ask(wire, V4, ("192.0.2.7", 7)),
        ask(wire, b"\x02\x04\x05\xb4", ("192.0.2.7", 8)),
        ask(wire, b"\x02\x04\x05\xb4"),
        ask(wire, FULL),
    ]
    assert [(said["verdict"], said["client"], said["toa_options"]) for said in found] == [
        ("ok", CLIENT, 1),
        ("ok", CLIENT, 2),
        ("ok", "[2001:db8::9]:7", 1),
        ("untrusted", CLIENT, 1),
        ("direct", None, 0),
        ("no_toa", None, 0),
        ("options_full", None, 0),
    ]
    assert found[0]["advice"] == "TOA arrives from the local address 10.2.0.101"
    for said, words in zip(
        found[1:],
        (
            "1 more TOA options follow, which the balancer should have removed",
            "TOA arrives",
            "192.0.2.7 is not in --trusted",
            "a direct connection",
            "option kinds: 2). If 10.2.0.101 is not a local address",
            "the client's SYN uses 56 of 60 header bytes",
        ),
        strict=True,
    ):
        assert words in said["advice"]
    assert process.wait(10) == 1
    assert [json.loads(line) for line in process.output.splitlines()] == found
    assert process.err.read_text().splitlines()[-1] == "7 connections, 3 with a usable TOA"


def test_syn_cookies(run: list[Process], network: str, wire: Wire, tmp_path: Path) -> None:
    process = check(run, network, tmp_path, "--once")
    set_sysctl("ipv4/tcp_syncookies", "2")
    said = ask(wire, b"\x02\x04\x05\xb4" + V4)
    assert (said["verdict"], said["client"]) == ("cookie", None)
    assert "net.ipv4.tcp_syncookies is 2" in said["advice"]
    assert process.wait(10) == 1


@pytest.mark.parametrize(
    ("host", "local", "peer"), [(KERNEL, LOCAL, "10.2.0.101:5000"), (KERNEL6, LOCAL6, "[fd00::101]:5000")]
)
def test_without_a_list(
    run: list[Process], network: str, wire: Wire, tmp_path: Path, host: str, local: tuple[str, int], peer: str
) -> None:
    """Everything is good that has TOA, and the text says what is to be configured."""
    process = check(run, network, tmp_path, "--once", host=host)
    assert ask(wire, V4, local, host)["verdict"] == "unchecked"
    assert process.wait(10) == 0
    assert process.output.startswith(
        f"good  client {CLIENT}  peer {peer}  unchecked: TOA arrives from the local address {local[0]}: put "
    )


def test_nobody_comes() -> None:
    command: list[str | Path] = [*COMMAND, "--listen", "127.0.0.1:0", "--timeout", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Error: nobody connected: is the VIP's service on this address and port" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--listen", "192.0.2.1:80"], 1, "Error: cannot listen on 192.0.2.1:80: Cannot assign requested address"),
        (["--listen", "[2001:db8::1]:80"], 1, "Error: cannot listen on [2001:db8::1]:80: Cannot assign requested"),
        (["--listen", f"{'a' * 64}.example:80"], 1, f"Error: cannot listen on {'a' * 64}.example:80: "),
        ([], 2, "Error: the following arguments are required: --listen"),
        (["--listen", "nowhere"], 2, "'nowhere' is not HOST:PORT"),
        (["--listen", "127.0.0.1:65536"], 2, "'127.0.0.1:65536' is not HOST:PORT"),
        (["--listen", "127.0.0.1:\u00b2"], 2, "'127.0.0.1:\u00b2' is not HOST:PORT"),
        (["--listen", "127.0.0.1:0", "--trusted", "10.2.0.300"], 2, "'10.2.0.300' does not appear to be"),
        (["--listen", "127.0.0.1:0", "--once", "--count", "2"], 2, "--count: not allowed with argument --once"),
        (["--listen", "127.0.0.1:0", "--count", "0"], 2, "'0' is not a number of connections, 1 or more"),
        (["--listen", "127.0.0.1:0", "--timeout", "inf"], 2, "'inf' is not a number of seconds above 0"),
    ],
)
def test_mistakes(arguments: list[str], status: int, message: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_reader_goes(network: str, wire: Wire, tmp_path: Path) -> None:
    """Whoever reads the findings may stop reading them."""
    script = f"{COMMAND[0]} --listen {KERNEL}:{PORT} --count 2 | true"
    process = Process("check", ["sh", "-c", script], namespace=network, logs=tmp_path)
    try:
        poll(lambda: "listening" in process.err.read_text() or not process.running, 20, "toa-check listens")
        process.check_running()
        connection = wire.connect((KERNEL, PORT), LOCAL, V4)
        process.wait(10)
        connection.reset()
        assert process.err.read_text().splitlines()[1:] == []
    finally:
        process.kill()
