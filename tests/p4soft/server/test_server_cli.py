"""The p4soft command line: options, errors of users, a clean start and stop."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import grpc
import grpc.aio
import pytest
from clikit import fails, running, stop
from finsy.proto import p4r, p4r_grpc
from fullnat.cli import arguments
from fullnat.cli.run import run
from fullnat.config.servers import GRPC_ADDRESS
from p4kit import CONFIG, PROGRAMS, table_id
from p4soft.api import Offload, PortStats
from p4soft.cli import UsageError, main, parse
from p4soft.launch import statistics
from p4switch import NATIVE

PROGRAM = [str(PROGRAMS / "kinds.json"), "--p4info", str(PROGRAMS / "kinds.p4info.txtpb")]


@pytest.mark.parametrize(
    "arguments",
    [
        "-i 1@lo -i 2@eth7 --device-id 4 --grpc-server-addr 127.0.0.1:9 --cpu-port 255",
        "--no-p4 -i 1@lo -i 2@eth7 --device-id 4 -- --grpc-server-addr 127.0.0.1:9 --cpu-port 255",
        "--no-p4 --interface 1@lo --interface=2@eth7 --device-id 4 -L warn -- --grpc-server-addr=127.0.0.1:9 "
        "--cpu-port 255 --drop-port 511",
    ],
)
def test_both_spellings_of_the_options(arguments: str) -> None:
    options = parse(arguments.split())
    assert options.interface == [(1, "lo"), (2, "eth7")]
    assert (options.device_id, options.grpc_server_addr, options.cpu_port) == (4, "127.0.0.1:9", 255)
    assert options.config is None


def test_defaults_are_what_fullnat_expects() -> None:
    options = parse([])
    fullnat = run.make_context("run", ["x.toml"]).params
    assert (options.device_id, options.cpu_port) == (fullnat["device_id"], arguments.CPU_PORT) == (1, 255)
    host, _, port = options.grpc_server_addr.rpartition(":")
    assert (host, port) == ("0.0.0.0", GRPC_ADDRESS.rpartition(":")[2])
    assert (options.workers, options.spread) == (1, "flow")
    assert options.no_offload == set()


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"p4soft, version {version('p4-fullnat')}\n"


def test_offloads_can_be_refused_by_interface() -> None:
    ports = ["-i", "1@lo", "-i", "2@eth7"]
    assert parse([*ports, "--no-offload", "eth7"]).no_offload == {"eth7"}
    assert parse([*ports, "--no-offload", "all"]).no_offload == {"lo", "eth7"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--unknown", "--unknown"),
        ("--no-p4 -- --thrift-port 9090", "--thrift-port"),
        ("-i 1", "PORT@INTERFACE"),
        ("-i x@lo", "PORT@INTERFACE"),
        ("-i 511@lo", "0..510"),
        ("-i 1@lo -i 1@eth0", "two interfaces"),
        ("-i 1@lo -i 2@eth0 -i 3@lo", "interface lo is given to two ports"),
        ("-i 5@lo --cpu-port 5", "CPU port"),
        ("-i 255@lo", "port 255 is the CPU port and cannot be an interface too (--cpu-port)"),
        ("--cpu-port 0", "1..510"),
        ("--cpu-port 511", "1..510"),
        ("--drop-port 510", "511"),
        ("-i 1@lo --no-offload eth0", "eth0"),
        ("--workers 0", "1 to 64"),
        ("--workers -1", "--workers"),
        ("--workers 65", "1 to 64"),
        ("--workers two", "1 to 64"),
        ("--workers 2 --spread packet", "packet"),
        ("--device-id x", "--device-id"),
        ("--device-id -1", "--device-id"),
        ("--device-id 18446744073709551616", "64 bits"),
        ("--log-level loud", "loud"),
        ("--log-console --log-file log", "--log-console"),
        ("prog.json", "--p4info"),
        ("--p4info p4info.txtpb", "--p4info"),
        ("--no-p4 prog.json --p4info p4info.txtpb", "--no-p4"),
        ("--grpc-server-ssl", "--grpc-server-cert"),
        ("--grpc-server-cert x.pem", "--grpc-server-ssl"),
        ("--grpc-server-addr", "--grpc-server-addr"),
        ("--dev 1", "--dev"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    arguments: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError):
        parse(arguments.split())
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert expected in captured.err


def test_statistics_are_a_table() -> None:
    text = statistics(
        [
            PortStats(10, "veth10", 1, 64, offload=Offload.ON, link="no carrier"),
            PortStats(2, "veth2", tx_packets=12345, tx_bytes=9, rx_large=7, tx_large=4, rx_oversize=3),
        ]
    )
    assert [len(line) for line in text.splitlines()] == [len(text.splitlines()[0])] * 3
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["2", "veth2", "0", "0", "0", "7", "3", "12345", "9", "0", "4", "-", "-"],
        ["10", "veth10", "1", "64", "0", "0", "0", "0", "0", "0", "0", "on", "no", "carrier"],
    ]
    heads = "port  interface  rx packets  rx bytes  rx dropped  rx large  rx oversize  tx packets  tx bytes  tx dropped"
    assert text.splitlines()[0] == heads + "  tx large  offloads        link"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_and_stops_cleanly(number: signal.Signals) -> None:
    arguments = [
        *PROGRAM,
        "-i",
        "1@lo",
        "--device-id",
        "7",
        "--",
        "--grpc-server-addr",
        "127.0.0.1:0",
        "--cpu-port",
        "9",
    ]
    async with running(*arguments) as (process, address):
        async with grpc.aio.insecure_channel(address) as channel:
            stub = p4r_grpc.P4RuntimeStub(channel)
            request = p4r.GetForwardingPipelineConfigRequest(device_id=7)
            config = (await stub.GetForwardingPipelineConfig(request)).config
            assert config.p4_device_config == CONFIG
            assert not config.HasField("cookie")
        output, errors = await stop(process, number)
    assert output.splitlines()[0].split()[:2] == ["port", "interface"]
    assert output.splitlines()[1].split() == ["1", "lo", *["0"] * 9, "-", "-"]
    assert "Traceback" not in errors


@pytest.mark.skipif(not NATIVE, reason="no native engine")
@pytest.mark.parametrize("command", [[], ["run"]])
async def test_it_runs_a_program_natively(command: list[str]) -> None:
    arguments = [*command, *PROGRAM, "--grpc-server-addr", "127.0.0.1:0"]
    async with running(*arguments, command=["-m", "p4soft.cli"]) as (process, address):
        async with grpc.aio.insecure_channel(address) as channel:
            request = p4r.ReadRequest(device_id=1)
            request.entities.add().table_entry.table_id = table_id("fixed")
            responses = [response async for response in p4r_grpc.P4RuntimeStub(channel).Read(request)]
            assert sum(len(response.entities) for response in responses) == 1
        output, errors = await stop(process, signal.SIGTERM)
    assert output.split()[:2] == ["port", "interface"]
    assert "Traceback" not in errors


async def test_it_listens_on_a_unix_socket(tmp_path: Path) -> None:
    async with running("--grpc-server-addr", f"unix:{tmp_path}/s") as (_, address):
        assert address == f"unix:{tmp_path}/s"
        async with grpc.aio.insecure_channel(address) as channel:
            answer = await p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())
            assert answer.p4runtime_api_version


async def test_an_address_in_use_is_one_line_and_status_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, errors = await fails("--grpc-server-addr", address)
    assert status == 1
    assert errors == f"p4soft: cannot listen on {address}: the address is in use, or not one of this machine's\n"


@pytest.mark.parametrize("address", ["junk", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:"])
async def test_what_is_no_address_is_one_line_and_status_1(address: str) -> None:
    status, errors = await fails("--grpc-server-addr", address)
    assert (status, errors) == (1, f"p4soft: cannot listen on {address}: it is not HOST:PORT or unix:PATH\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-i", "1@nonexistent0"], "nonexistent0"),
        (["/nonexistent.json", "--p4info", PROGRAM[2]], "/nonexistent.json"),
        ([PROGRAM[0], "--p4info", PROGRAM[0]], "not a P4Info file"),
        ([PROGRAM[0], "--p4info", "/dev/null"], "/dev/null is not a P4Info file: there is nothing in it"),
        ([PROGRAM[2], "--p4info", PROGRAM[2]], "not a BMv2 JSON"),
        (["--pcap", "--no-p4"], "--pcap"),
        (["--packet-in", "tcp://127.0.0.1:0"], "--packet-in"),
        (["--log-file", "/nonexistent/log"], "/nonexistent/log"),
        (["-L", "trace", "--log-file", "/dev/null"], "--log-level trace"),
        (
            ["--grpc-server-ssl", "--grpc-server-cert", "/nonexistent", "--grpc-server-key", "/nonexistent"],
            "/nonexistent",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_start_is_one_line_and_status_1(arguments: Sequence[str], expected: str) -> None:
    status, errors = await fails(*arguments, "--grpc-server-addr", "127.0.0.1:0")
    assert status == 1
    (line,) = errors.splitlines()
    assert line.startswith("p4soft: ")
    assert expected in line


async def test_a_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        async with running("--grpc-server-addr", f"unix:{tmp_path}/switch") as (process, address):
            status = f"STATUS=listening on {address}".encode()
            assert manager.recv(4096) == b"READY=1\n" + status
            assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1\n" + status] * 3
            await stop(process, signal.SIGTERM)
        manager.setblocking(False)
        last = b""
        with contextlib.suppress(BlockingIOError):
            while message := manager.recv(4096):
                last = message
        assert last == b"STOPPING=1"
