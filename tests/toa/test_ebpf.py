"""``toa-attach``: unmodified programs without any library see clients, as the kernel tells them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fullnat_toa import Trusted
from fullnat_toa.ebpf import attach
from fullnat_toa.ebpf.bpf import BpfError

from topo import cgroups
from topo.process import Process, poll
from topo.rawtcp import Wire, toa

from .conftest import KERNEL, KERNEL6, LOCAL, LOCAL6, PORT, SERVER, TRUSTED, Said, hear, set_sysctl

CLIENT, CLIENT6 = ("203.0.113.9", 40000), ("2001:db8::9", 40000)
V4, V6_LVS, V6_DPVS = toa(*CLIENT), toa(*CLIENT6, kind=253), toa(*CLIENT6)
MSS = b"\x02\x04\x05\xb4"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def cgroup() -> Iterator[Path]:
    """A cgroup of our own, with the programs."""
    if reason := cgroups.unavailable():
        pytest.skip(reason)
    with cgroups.made("toa-test") as path:
        try:
            attach.attach(path, Trusted(TRUSTED))
        except BpfError as error:
            pytest.skip(f"the kernel does not allow the programs: {error}")
        yield path


Start = Callable[..., Process]


@pytest.fixture
def start(cgroup: Path, network: str, wire: Wire, tmp_path: Path) -> Iterator[Start]:
    """Start server.py in the cgroup."""
    running: list[Process] = []

    def start(mode: str = "plain", host: str = "0.0.0.0") -> Process:
        command = cgroups.within(cgroup, [sys.executable, "-S", str(SERVER), mode, host, str(PORT)])
        process = Process("server", command, namespace=network, logs=tmp_path)
        running.append(process)
        poll(lambda: "ready" in process.output or not process.running, 10, "the server listens")
        process.check_running()
        return process

    yield start
    for process in running:
        process.kill()


def call(
    wire: Wire, options: bytes, local: tuple[str, int] = LOCAL, *, target: str = KERNEL, syn: bytes | None = None
) -> Said:
    """A connection with these options in the ACK, and in the SYN unless that has its own."""
    return hear(wire.connect((target, PORT), local, options if syn is None else syn, ack_options=options))


def everywhere(said: Said, address: tuple[object, ...]) -> None:
    ways = ("accept", "getpeername", "dup", "thread", "child")
    assert {way: said[way] for way in ways} == dict.fromkeys(ways, address)


def six(address: tuple[str, int]) -> tuple[object, ...]:
    host, port = address
    return (host if ":" in host else f"::ffff:{host}", port, 0, 0)


def test_ipv4(start: Start, wire: Wire) -> None:
    start()
    everywhere(call(wire, V4), CLIENT)
    everywhere(call(wire, V4 + b"\x01\x01\x08\x0a" + b"\0" * 8), CLIENT)


@pytest.mark.parametrize("options", [b"", MSS, MSS + V4, bytes([254, 6]) + V4[2:], bytes([253, 8]) + V4[2:], V6_DPVS])
def test_real_peer(start: Start, wire: Wire, options: bytes) -> None:
    """No TOA, not the first option, another length or kind, or an IPv6 client on an IPv4 socket."""
    start()
    everywhere(call(wire, options), LOCAL)


@pytest.mark.parametrize("peer", ["10.2.0.99", "10.2.0.104", "203.0.113.66"])
def test_forged(start: Start, wire: Wire, peer: str) -> None:
    start()
    everywhere(call(wire, V4, (peer, 5000)), (peer, 5000))


@pytest.mark.parametrize(
    ("target", "local", "options", "client"),
    [
        (KERNEL6, LOCAL6, V6_LVS, six(CLIENT6)),
        (KERNEL6, LOCAL6, V6_DPVS, six(CLIENT6)),
        (KERNEL6, LOCAL6, V4, six(CLIENT)),
        (KERNEL6, ("fd00:0:0:1::1", 5), V4, six(("fd00:0:0:1::1", 5))),
        (KERNEL, LOCAL, V4, six(CLIENT)),
        (KERNEL, LOCAL, V6_DPVS, six(CLIENT6)),
        (KERNEL, ("192.0.2.7", 99), V4, six(("192.0.2.7", 99))),
    ],
)
def test_dual_stack(
    start: Start, wire: Wire, target: str, local: tuple[str, int], options: bytes, client: tuple[object, ...]
) -> None:
    start("plain", "::")
    everywhere(call(wire, options, local, target=target), client)


def test_toa_in_the_ack_only(start: Start, wire: Wire) -> None:
    """As DPVS has it since 1.9.6, and after a SYN cookie: the handshake's last segment is enough."""
    start()
    everywhere(call(wire, V4, syn=MSS), CLIENT)
    set_sysctl("ipv4/tcp_syncookies", "2")
    everywhere(call(wire, V4, syn=MSS), CLIENT)


def test_programs_without_libc(start: Start, wire: Wire) -> None:
    """A system call of the program's own, as Go's and static programs': the kernel tells it the client too."""
    start("second")
    assert call(wire, V4) == {"accept": CLIENT}
    assert call(wire, toa("203.0.113.10", 1)) == {"getpeername": ("203.0.113.10", 1), "reused": True}


def test_same_ports_again(start: Start, wire: Wire) -> None:
    start()
    for number in range(10):
        everywhere(call(wire, toa(f"203.0.113.{number}", number)), (f"203.0.113.{number}", number))
    everywhere(call(wire, b""), LOCAL)


def test_commands(cgroup: Path, start: Start, wire: Wire) -> None:
    """Attach replaces, detach ends it for running programs, errors are told in a line."""

    def run(name: str, *arguments: str, status: int = 0) -> str:
        done = subprocess.run([BIN / name, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    start()
    assert run("toa-detach", "--cgroup", str(cgroup)) == f"detached from {cgroup}\n"
    everywhere(call(wire, V4), LOCAL)
    assert "nothing of ours is attached" in run("toa-detach", "--cgroup", str(cgroup), status=1)
    for _ in range(2):
        said = run("toa-attach", "--cgroup", str(cgroup), "--trusted", TRUSTED)
        assert said == f"attached to {cgroup}, trusted: 10.2.0.100/30, fd00::/64\n"
        everywhere(call(wire, V4), CLIENT)
    assert "cannot" in run("toa-attach", "--cgroup", "/", "--trusted", TRUSTED, status=1)
    assert "does not appear" in run("toa-attach", "--cgroup", str(cgroup), "--trusted", "10.300.0.0", status=2)
