"""The fullnat command: what users see, and one line for their mistakes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from app.fake_core import FakeCore
from click.testing import CliRunner, Result
from fullnat.app import daemon
from fullnat.app.control import ControlServer
from fullnat.app.runner import CoreRunner
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.cli.main import main
from fullnat.cli.rates import rates
from fullnat.cli.stats import sections
from fullnat.config import file
from fullnat.p4constants import DropReason, ToaResult
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

from cli.samples import CONFIG_TEXT, LOCALS, SERVICES, VIEWS


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


class Running:
    """A control socket, with a fake core and switch behind it, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.switch = FakeSwitch()
        self.metrics: tuple[str, int] = ("127.0.0.1", 0)
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._main()))
        self._thread.start()
        assert self._started.wait(10)

    async def _main(self) -> None:
        compiled = program.load()
        core = FakeCore(file.parse(CONFIG_TEXT))
        core.views, core.service_views, core.local_views = VIEWS, SERVICES, LOCALS
        address = await self.switch.start()
        runner = CoreRunner(core)
        owner = SwitchOwner(
            runner,
            lambda: Client(GrpcTransport(address), compiled, device_id=1, election_id=lambda: 1),
        )
        tasks = [asyncio.create_task(runner.run()), asyncio.create_task(owner.run())]
        await until(lambda: owner.serving)
        schema = owner.client.schema  # type: ignore[union-attr]
        self.switch.counters[schema.server_in_counter.id, 3] = (10, 1000)
        self.switch.counters[schema.server_out_counter.id, 3] = (20, 2000)
        self.switch.counters[schema.drop_counter.id, DropReason.NO_SESSION] = (5, 300)
        self.switch.counters[schema.toa_counter.id, ToaResult.OK] = (6, 0)
        snapshots = Snapshots(runner, owner)
        control = ControlServer(self.path, snapshots)
        await control.start()
        self._started.set()
        await self._stop.wait()
        await control.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.switch.stop()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    controller = Running(tmp_path_factory.mktemp("ctl") / "fullnat.sock")
    yield controller.path
    controller.stop()


# ---------------------------------------------------------------------------------------------- sessions


def test_sessions_are_shown_as_a_plain_table_when_piped(running: Path) -> None:
    result = invoke("sessions", "--control-socket", running)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "pro  expire  state        source          virtual          local          destination     in pkts  out pkts",
        "TCP  01:30   ESTABLISHED  192.0.2.9:1024  203.0.113.80:80  10.0.1.1:5000  10.0.0.11:8080  1        3",
        "TCP  -       SYN_RECV     192.0.2.8:1025  203.0.113.80:80  10.0.1.2:5001  10.0.0.12:8080  -        -",
    ]


def test_sessions_as_json_lines_have_stable_names(running: Path) -> None:
    result = invoke("sessions", "--json", "--control-socket", running)
    first, second = (json.loads(line) for line in result.output.splitlines())
    assert first == {
        "protocol": "tcp",
        "client": "192.0.2.9:1024",
        "virtual": "203.0.113.80:80",
        "local": "10.0.1.1:5000",
        "server": "10.0.0.11:8080",
        "state": "ESTABLISHED",
        "phase": "installed",
        "age": 4.5,
        "expires": 90.25,
        "session_id": 1,
        "delta": 77,
        "in_packets": 1,
        "in_bytes": 2,
        "out_packets": 3,
        "out_bytes": 4,
    }
    assert (second["expires"], second["in_packets"]) == (None, None)


@pytest.mark.parametrize(
    ("filters", "clients"),
    [
        (["client=192.0.2.9"], ["192.0.2.9:1024"]),
        (["client=192.0.2.9:1024"], ["192.0.2.9:1024"]),
        (["client=192.0.2.9:1"], []),
        (["virtual=203.0.113.80", "state=syn_recv"], ["192.0.2.8:1025"]),
        (["server=10.0.0.11"], ["192.0.2.9:1024"]),
        (["protocol=tcp"], ["192.0.2.9:1024", "192.0.2.8:1025"]),
    ],
)
def test_sessions_can_be_selected(running: Path, filters: list[str], clients: list[str]) -> None:
    options = [part for value in filters for part in ("--filter", value)]
    result = invoke("sessions", "--json", "--control-socket", running, *options)
    assert [json.loads(line)["client"] for line in result.output.splitlines()] == clients


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("virtual", "203.0.113.81", "there is no virtual server 203.0.113.81"),
        ("virtual", "203.0.113.80:81", "there is no virtual server 203.0.113.80:81"),
        ("server", "10.0.0.13", "there is no real server 10.0.0.13"),
        ("local", "10.0.1.9:5000", "there is no local address 10.0.1.9:5000"),
        ("state", "OPEN", "unknown state 'OPEN'; there are NONE, ESTABLISHED, SYN_SENT, "),
        ("protocol", "sctp", "unknown protocol 'sctp'; there are tcp"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_filter_that_names_what_is_not_there_is_one_line(
    running: Path, name: str, value: str, says: str, options: tuple[str, ...]
) -> None:
    result = invoke("sessions", *options, "--filter", f"{name}={value}", "--control-socket", running)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {says}")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    "options", ["client=192.0.2.7", "local=10.0.1.1:9", "state=close_wait", "server=10.0.0.11:8080,client=192.0.2.8"]
)
def test_a_filter_that_selects_nothing_of_what_is_there_is_an_empty_list(running: Path, options: str) -> None:
    filters = [part for value in options.split(",") for part in ("--filter", value)]
    result = invoke("sessions", "--json", "--control-socket", running, *filters)
    assert (result.exit_code, result.output) == (0, "")


def test_a_wrong_filter_is_one_line(running: Path) -> None:
    result = invoke("sessions", "--filter", "colour=red", "--control-socket", running)
    assert result.exit_code == 1
    assert result.output == (
        "Error: unknown filter 'colour'; there are client, virtual, local, server, state, protocol\n"
    )
    assert invoke("sessions", "--filter", "colour", "--control-socket", running).exit_code == 2


# ---------------------------------------------------------------------------------------------- stats


def test_stats_as_json(running: Path) -> None:
    found = json.loads(invoke("stats", "--json", "--control-socket", running).output)
    service = found["services"][0]
    assert {name: service[name] for name in ("protocol", "virtual", "scheduler", "active", "inactive")} == {
        "protocol": "tcp",
        "virtual": "203.0.113.80:80",
        "scheduler": "rr",
        "active": 3,
        "inactive": 5,
    }
    assert service["servers"][0] == {
        "server": "10.0.0.11:8080",
        "mode": "fullnat",
        "weight": 1,
        "draining": False,
        "active": 2,
        "inactive": 4,
        "connections": 9,
        "unanswered": 2,
        "in_packets": 10,
        "in_bytes": 1000,
        "out_packets": 20,
        "out_bytes": 2000,
    }
    assert (service["connections"], service["unanswered"], service["in_packets"]) == (10, 3, 10)
    assert found["drops"]["no_session"] == {"packets": 5, "bytes": 300}
    assert found["toa"]["ok"]["packets"] == 6
    assert set(found["punts"]) >= {"service_syn", "arp"}
    assert found["local_addresses"][0]["address"] == "10.0.1.1"
    assert found["switch"]["state"] == "serving"
    assert found["switch_counters"] is True


def test_stats_as_tables(running: Path) -> None:
    lines = invoke("stats", "--control-socket", running).output.splitlines()
    rows = {" ".join(line.split()) for line in lines}
    assert {
        "# Services",
        "TCP 203.0.113.80:80 rr 3 5 10 3 10 20 1000 2000",
        "-> 10.0.0.11:8080 fullnat 1 2 4 9 2 10 20 1000 2000",
        "-> 10.0.0.12:8080 (draining) nat 0 1 1 1 1 0 0 0 0",
        "# Local addresses",
        "10.0.1.1 7 8 0 0",
        "# Drops by reason",
        "no_session 5 300",
        "syn_received 4",
    } <= rows


def test_rates_are_differences_per_second(running: Path) -> None:
    result = invoke("stats", "--rate", "--interval", "0.1", "--json", "--control-socket", running)
    found = json.loads(result.output)
    name = "TCP 203.0.113.80:80 rr"
    assert found["rates"]["services"][name] == dict.fromkeys(
        ("connections", "unanswered", "in_packets", "out_packets", "in_bytes", "out_bytes"), 0.0
    )
    before = found
    later = json.loads(json.dumps(before))
    later["services"][0]["servers"][0]["in_packets"] += 30
    later["services"][0]["in_packets"] += 30
    later["drops"]["no_session"] = {"packets": 105, "bytes": 6300}
    later["punts"]["arp"]["packets"] += 3
    later["toa"]["ok"]["packets"] -= 1
    later["local_addresses"][0]["exhausted"] += 1
    later["controller"] |= {"syn_received": later["controller"]["syn_received"] + 10, "sessions": 7, "new": 2}
    later["switch"]["packet_outs"] += 40
    changed = rates(before, later, 2.0)
    assert changed["services"][name]["in_packets"] == 15.0
    assert changed["services"]["TCP 203.0.113.80:80  -> 10.0.0.11:8080 fullnat"]["in_packets"] == 15.0
    assert changed["drops"]["no_session"] == {"packets": 50.0, "bytes": 3000.0}
    assert (changed["punts"]["arp"]["packets"], changed["toa"]["ok"]["packets"]) == (1.5, 0.0)
    assert changed["local_addresses"] == {"10.0.1.1": {"conflicts": 0.0, "exhausted": 0.5}}
    assert (changed["controller"]["syn_received"], changed["controller"]["new"]) == (5.0, 1.0)
    assert "sessions" not in changed["controller"]
    assert changed["switch"]["packet_outs"] == 20.0


def test_rates_are_shown_of_everything_that_is_counted(running: Path) -> None:
    found = json.loads(invoke("stats", "--json", "--control-socket", running).output)
    later = json.loads(json.dumps(found))
    later["drops"]["no_session"]["packets"] += 3
    later["drops"]["no_session"]["bytes"] += 300
    later["controller"]["syn_received"] += 1
    shown = {title: (columns, rows) for title, columns, rows in sections(later | {"rates": rates(found, later, 2.0)})}
    assert shown["Drops by reason"] == (("reason", "pps", "bit/s"), [("no_session", "1.5", "1200")])
    assert shown["Controller"] == (("counter", "per second"), [("syn_received", "0.5")])
    assert shown["Switch"] == (("counter", "per second"), [("state", "serving")])
    assert shown["Local addresses"][0] == ("address", "used", "free", "conflicts/s", "exhausted/s")
    assert "TOA" not in shown, "nothing has changed"
    assert "in pps" in invoke("stats", "--rate", "--interval", "0.1", "--control-socket", running).output


# ---------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize("command", ["sessions", "stats"])
def test_no_controller_is_one_line(tmp_path: Path, command: str) -> None:
    path = tmp_path / "none.sock"
    result = invoke(command, "--control-socket", path)
    assert result.exit_code == 1
    assert result.output == f"Error: no controller is running: nobody listens at {path}\n"


@pytest.mark.parametrize("answer", [b"junk\n", b"\xff\n", b"5\n", b"null\n", b"[]\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_controller_is_one_line(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "s"

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        result = invoke("stats", "--control-socket", path)
        server.join()
    assert (result.exit_code, result.output) == (1, f"Error: {path}: what answers there is no controller\n")


def test_check(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(CONFIG_TEXT)
    result = invoke("check", config)
    assert (result.exit_code, result.output) == (0, f"{config}: 1 virtual servers, 1 real servers\n")
    config.write_text(CONFIG_TEXT.replace("port = 80\n", "port = 0\nshedule = 1\n"))
    result = invoke("check", config)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{config}:8: [virtual_server 1] port: 0 is not a number from 1 to 65535",
        f"{config}:9: [virtual_server 1] shedule: unknown option; did you mean scheduler?",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-i", "1@veth1"], "-i, --cpu-port and --grpc-server-addr belong to --embedded"),
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
    options = daemon.Options(config=tmp_path, state_dir=tmp_path, control_socket=tmp_path, grpc_addr=address)
    with caplog.at_level(logging.WARNING):
        async with contextlib.AsyncExitStack() as stack:
            connect = await daemon.transports(options, stack)
            for _ in range(2):
                await connect().close()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warned
    assert all(line.startswith(f"P4Runtime to {address} goes over the network in plain text") for line in said)


# ---------------------------------------------------------------------------------------------- the process


def test_the_process_runs_reloads_and_ends(tmp_path: Path) -> None:
    config, path = tmp_path / "c.toml", tmp_path / "ctl"
    config.write_text(CONFIG_TEXT)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fullnat.cli.main", "run", str(config), "--grpc-addr", "127.0.0.1:1"),
                *("--state-dir", str(tmp_path / "state"), "--control-socket", str(path)),
            ],
            stderr=output,
        )
    try:
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
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()
    assert not path.exists()
    secret = tmp_path / "state" / "secret"
    assert (secret.stat().st_mode & 0o777, len(secret.read_bytes())) == (0o600, 32)
