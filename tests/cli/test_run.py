"""``fullnat run``: what it refuses, and its process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fullnat.app.options import Options
from fullnat.app.switches import transports
from p4rt.waiting import until

from cli.controllerkit import invoke
from cli.samples import CONFIG_TEXT


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-i", "1@veth1"], "-i, --cpu-port and --grpc-server-addr belong to --embedded"),
        (["--workers", "2"], "--workers belongs to --embedded"),
        (["--embedded", "--workers", "65"], "65 is not in the range 1<=x<=64"),
        (["--embedded", "--spread", "hash"], "'hash' is not one of 'flow', 'port'"),
        (["--cpu-port", "9"], "-i, --cpu-port and --grpc-server-addr belong to --embedded"),
        (["--grpc-server-addr", ""], "-i, --cpu-port and --grpc-server-addr belong to --embedded"),
        (["--embedded", "--grpc-addr", "127.0.0.1:9559"], "--grpc-addr is where a switch is connected to"),
        (["--embedded", "-i", "1@a", "-i", "2@a"], "an interface is given to two ports"),
        (["--embedded", "-i", "veth1"], "'veth1' is not PORT@INTERFACE"),
        (["--embedded", "-i", "600@veth1"], "'600@veth1' is not PORT@INTERFACE"),
        (["--embedded", "-i", "1@a", "-i", "1@b"], "a port number is given to two interfaces"),
        (["--embedded", "-i", "255@a"], "port 255 is the CPU port"),
        (["--metrics-addr", "9100"], "'9100' is not HOST:PORT"),
        (["--election-id", "0"], "0 is not in the range"),
        (["--election-id", str(1 << 128)], "is not in the range"),
        (["--device-id", str(1 << 64)], "is not in the range"),
        (["--grpc-tls-ca", "a", "--grpc-tls-cert", "b"], "--grpc-tls-cert and --grpc-tls-key go together"),
        (["--grpc-tls-cert", "b", "--grpc-tls-key", "c"], "TLS needs --grpc-tls-ca"),
        (["--grpc-tls-server-name", "x"], "TLS needs --grpc-tls-ca"),
        (["--grpc-tls-ca", "a", "--embedded"], "--grpc-tls-ca is for a switch that is connected to"),
    ],
)
def test_run_refuses_a_wrong_command_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    result = invoke("run", tmp_path / "c.toml", *arguments)
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize(
    "address",
    ["", "junk", ":9559", "host:", "host:port", "host:0", "host:70000", "a b:1", "::1:9559", "unix:", "http://host:80"],
)
def test_run_refuses_what_is_no_address_of_a_switch(tmp_path: Path, address: str) -> None:
    result = invoke("run", tmp_path / "c.toml", "--grpc-addr", address)
    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == (
        f"Error: Invalid value for '--grpc-addr': {address!r} is neither HOST:PORT nor unix:PATH"
    )


@pytest.mark.parametrize(
    "address", ["switch:9559", "[::1]:9559", "dns:///switch:9559", "ipv4:192.0.2.7:1", "ipv6:[::1]:2", "unix:/a b"]
)
def test_run_takes_the_addresses_of_grpc(tmp_path: Path, address: str) -> None:
    result = invoke("run", tmp_path / "none.toml", "--grpc-addr", address)
    assert (result.exit_code, result.output) == (1, f"{tmp_path / 'none.toml'}: No such file or directory\n")


def test_run_reports_a_wrong_configuration(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("punt_rate = 0")
    result = invoke("run", config, "--state-dir", tmp_path / "state", "--control-socket", tmp_path / "s")
    assert result.exit_code == 1
    assert f"{config}:1: punt_rate: 0 is not a number" in result.output
    assert "Traceback" not in result.output


def test_run_reports_an_unusable_state_directory(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(CONFIG_TEXT)
    (tmp_path / "state").write_text("a file")
    result = invoke("run", config, "--state-dir", tmp_path / "state", "--control-socket", tmp_path / "s")
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: state directory {tmp_path / 'state'}: ")


def test_run_reports_an_unusable_ca(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(CONFIG_TEXT)
    options = ["--state-dir", tmp_path / "state", "--control-socket", tmp_path / "s", "--grpc-tls-ca", config]
    result = invoke("run", config, *options)
    assert result.exit_code == 1
    assert result.output == f"Error: {config} holds no CA certificate in PEM form (--grpc-tls-ca)\n"


@pytest.mark.parametrize(("address", "warned"), [("192.0.2.7:9559", True), ("127.0.0.1:9559", False)])
async def test_plain_text_over_the_network_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, address: str, warned: bool
) -> None:
    options = Options(config=tmp_path, state_dir=tmp_path, control_socket=tmp_path, grpc_addr=address)
    with caplog.at_level(logging.WARNING):
        async with contextlib.AsyncExitStack() as stack:
            connect = await transports(options, stack)
            for _ in range(2):
                await connect().close()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warned
    assert all(line.startswith(f"P4Runtime to {address} goes over the network in plain text") for line in said)


# ---------------------------------------------------------------------------------------------- the process


@contextlib.contextmanager
def running(config: Path, state: Path, control: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``fullnat run`` without a switch, whose standard error is ``log``; killed at the end, if it still runs."""
    command = [sys.executable, "-m", "fullnat.cli.main", "run", str(config), "--grpc-addr", "127.0.0.1:1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--state-dir", str(state), "--control-socket", str(control)], stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_process_runs_reloads_and_ends(tmp_path: Path) -> None:
    config, path = tmp_path / "c.toml", tmp_path / "ctl"
    config.write_text(CONFIG_TEXT)
    log = tmp_path / "log"
    with running(config, tmp_path / "state", path, log) as process:
        asyncio.run(until(lambda: invoke("stats", "--control-socket", path).exit_code == 0, 30))
        assert json.loads(invoke("stats", "--json", "--control-socket", path).output)["services"]
        config.write_text(CONFIG_TEXT + "nonsense = 1\n")
        process.send_signal(signal.SIGHUP)
        asyncio.run(until(lambda: "the old one stays" in log.read_text()))
        assert "nonsense: unknown option" in log.read_text()
        config.write_text(CONFIG_TEXT)
        process.send_signal(signal.SIGHUP)
        asyncio.run(until(lambda: "configuration reloaded" in log.read_text()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()
    assert not path.exists()
    secret = tmp_path / "state" / "secret"
    assert (secret.stat().st_mode & 0o777, len(secret.read_bytes())) == (0o600, 32)


def test_a_reload_that_is_asked_for_during_the_start_follows_it(tmp_path: Path) -> None:
    """The configuration is a pipe, so that the start takes as long as we like; a reload is whoever reads it again."""
    config, path = tmp_path / "c.toml", tmp_path / "ctl"
    os.mkfifo(config)
    log = tmp_path / "log"
    with running(config, tmp_path / "state", path, log) as process:
        _answer(config, lambda: process.send_signal(signal.SIGHUP))
        asyncio.run(until(lambda: path.exists() or process.poll() is not None, 30))
        assert process.poll() is None
        _answer(config, lambda: None)
        asyncio.run(until(lambda: "configuration reloaded" in log.read_text()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()


def _answer(pipe: Path, first: Callable[[], None]) -> None:
    """Whoever reads ``pipe`` gets the configuration, after ``first``."""
    found: list[int] = []

    def opened() -> bool:
        with contextlib.suppress(OSError):
            found.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(found)

    asyncio.run(until(opened, 30))
    first()
    with open(found[0], "w", encoding="utf-8") as writer:
        writer.write(CONFIG_TEXT)


def test_a_build_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "fullnat.toml").write_text(CONFIG_TEXT)
    state = ["--state-dir", tmp_path / "state", "--control-socket", tmp_path / "socket"]
    answer = invoke("run", tmp_path / "fullnat.toml", "--program", tmp_path / "nothing", *state)
    assert answer.exit_code == 1
    (line,) = answer.output.splitlines()
    assert line.startswith("Error: the compiled P4 program cannot be read: ")
    assert "nothing/fullnat.p4info.txtpb" in line
