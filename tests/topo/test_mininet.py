"""``python -m topo``: mininet's prompt and the test without prompt, on both switches; and nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from pyroute2 import netns

from topo import doctor, lab, mininet_find, namespaces, routed, stack
from topo.model import Host
from topo.netns import Network

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """``python -m topo``; whatever it made is gone when it ends."""
    command = [sys.executable, "-m", "topo", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            out, _ = process.communicate(typed, timeout=110)
        finally:
            process.kill()
    names = [*netns.listnetns(), *os.listdir(tempfile.gettempdir())]
    assert [name for name in names if name.startswith(f"fnat-{process.pid}-")] == []
    return subprocess.CompletedProcess(command, process.returncode, out)


@pytest.fixture
def need_network() -> None:
    if reason := namespaces.unavailable() or mininet_find.unavailable() or lab.unavailable():
        pytest.skip(reason)


@pytest.mark.usefixtures("need_network")
@pytest.mark.parametrize("switch", ["p4soft", "bmv2"])
def test_without_prompt(switch: str) -> None:
    """curl and iperf3 through the VIP; a server is killed, one added, the controller killed."""
    if reason := stack.unavailable(switch):
        pytest.skip(reason)
    done = run("--switch", switch, "--test")
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    assert done.stdout.count("✓") == 19


@pytest.mark.usefixtures("need_network")
def test_prompt() -> None:
    """The prompt knows mininet's commands and ours, on a network with another MTU and with loss."""
    typed = [
        "c1 ip -o link show eth0",
        "c1 curl -s http://10.9.0.1/",
        "c1 ping -c 20 -i 0.01 -q r1",
        "server kill s2",
        "serve s1",
        "c2 curl -s http://10.9.0.1/",
        "controller kill",
        "controller kill",
        "controller start",
        "fullnat sessions",
        "exit",
    ]
    done = run("--mtu", "1400", "--loss", "0.5", typed="\n".join(typed) + "\n")
    assert done.returncode == 0, done.stdout
    for expected in (
        "mtu 1400",
        '"toa": "10.10.0.1:',
        "20 packets transmitted",
        '{"server": "s1", "peer": "10.8.0.',
        "controller kill|start; it is not running",
        "destination",
        "Worth trying",
    ):
        assert expected in done.stdout, done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.usefixtures("need_network")
def test_prompt_on_a_terminal() -> None:
    """What nodes print appears there too, where rich takes standard error for its own while things start."""
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "topo", "--no-controller"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        assert process.stdin is not None
        process.stdin.write(b"c1 echo it is $((6 * 7))\nexit\n")
        process.stdin.close()
        shown = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert process.returncode == 0, shown
    assert b"it is 42" in shown, shown


@pytest.fixture
def away() -> Iterator[str]:
    """A network namespace of its own: mn(8) names interfaces in, and sets limits of, the one that it is started in."""
    full = namespaces.create("mn")
    yield full
    namespaces.remove(full)


@pytest.mark.usefixtures("need_network")
def test_nodes_stand_alone(away: str, tmp_path: Path) -> None:
    """mn(8) takes p4soft as its switch from topo/mininet_nodes.py."""
    if shutil.which("mn") is None:
        pytest.skip("mn is not on PATH")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = ["mn", "--custom", str(ROOT / "topo" / "mininet_nodes.py"), "--switch", f"p4soft,log_dir={tmp_path}"]
    command += ["--controller", "none", "--topo", "single,2", "--test", "none"]
    with namespaces.inside(away):
        done = subprocess.run(
            command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert "s1: p4soft, P4Runtime at 127.0.0.1:9559, device 1" in done.stderr


def test_bare_namespaces() -> None:
    """The same description on bare namespaces: clients reach the VIP's network by their router only."""
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    if shutil.which("ping") is None:
        pytest.skip("ping is not on PATH")
    with Network(routed.topology(routed.Options(mtu=1300))) as network:
        assert network.address("c1") == IPv4Interface("10.10.0.1/24").ip
        with network.inside("r1"):
            assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
            assert Path("/proc/thread-self/net/dev").read_text().count(":") == 5
        ping = network.start("c1", "ping", ["ping", "-c", "1", "-W", "5", "10.1.0.1"])
        assert "1 received" in ping.result(10)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mode", "nat"), "--mode nat: the program has no such mode; it has fullnat"),
        (("--family", "6"), "--family 6: the program forwards IPv4 only"),
        (("--mtu", "100"), "--mtu 100: must be 576 to 9000"),
        (("--loss", "90"), "--loss 90: must be 0 to 50 percent"),
        (("--bare",), "--bare has no prompt"),
    ],
)
def test_refusals(words: tuple[str, ...], message: str) -> None:
    """What the program cannot do (yet) is refused in one line."""
    done = run(*words)
    assert done.returncode == 2
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_missing_mininet_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mininet_find, "_DIST_PACKAGES", ("/nowhere",))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(mininet_find.MininetMissing, match="apt-get install mininet"):
        mininet_find.use()


def test_a_router_needs_an_address_inside() -> None:
    host = Host(name="h", address=None)
    with pytest.raises(ValueError, match="r: hosts behind a router need its address inside"):
        Host(name="r", address=None, behind=(host,))


def test_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is missing is no error, and is listed with what it would enable and how to get it."""
    monkeypatch.setattr(shutil, "which", lambda *_words, **_more: None)
    assert doctor.main() == 0
    printed = capsys.readouterr().out
    assert "--  iperf3" in printed
    assert "make topo, make topo-test: apt-get install iperf3" in printed
    assert "TARGET=bmv2: every test and network on the reference switch: docs/installing-p4c.md" in printed
    assert "ok  Python 3.11 or newer" in printed
