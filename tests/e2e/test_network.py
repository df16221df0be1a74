"""The test networks themselves: they go away, also after kill -9, and the bad wire is as bad as asked for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from pyroute2 import netns

from bench.tools import build
from topo import namespaces
from topo.model import Host, Impairment, Subnet, Topology
from topo.netns import Network
from topo.process import poll
from topo.world import lines

ROOT = Path(__file__).resolve().parents[2]
# SIGINT may come in ignored, as it does to whatever a shell starts in the background.
RUN = """
import signal
import time
from topo import standard
from topo.netns import Network
signal.signal(signal.SIGINT, signal.default_int_handler)
with Network(standard.topology()) as network:
    network.start("c1", "sleeper", ["sleep", "1000"])
    print("up", flush=True)
    time.sleep(1000)
"""


@pytest.fixture(autouse=True)
def need_namespaces() -> None:
    if reason := namespaces.unavailable():
        pytest.skip(reason)


def test_start_runs_no_fork_handlers(tmp_path: Path) -> None:
    """gRPC's, in a process with a channel at work, end the child before it has begun."""
    script = """
import os, sys
from pathlib import Path
from topo.process import Process
os.register_at_fork(before=lambda: print("forked", flush=True))
process = Process("child", ["true"], namespace=None, logs=Path(sys.argv[1]))
print("ended with", process.wait(10))
"""
    run = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    assert said == "ended with 0\n"


def traces(pid: int) -> list[str]:
    """Namespaces and log directories of a process."""
    names = [*netns.listnetns(), *os.listdir(tempfile.gettempdir())]
    return [name for name in names if name.startswith(f"fnat-{pid}-")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays(number: signal.Signals) -> None:
    """A run that is interrupted cleans up; one that is killed is cleaned up after by the next."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert run.stdout is not None
    with run.stdout:
        assert run.stdout.readline() == b"up\n"
    assert len(traces(run.pid)) == 9
    inhabitants = [pid for name in traces(run.pid) for pid in namespaces.processes(name)]
    assert len(inhabitants) == 1
    run.send_signal(number)
    run.wait(10)
    if number == signal.SIGKILL:
        with Network(Topology(subnets=())):
            pass
    assert traces(run.pid) == []
    poll(lambda: not Path(f"/proc/{inhabitants[0]}").exists(), 5, "the process in the namespace is gone")


def test_impairment() -> None:
    """A wire that loses 20 % each way lets about 64 % of the echo requests be answered, and reports what it did."""
    if shutil.which("ping") is None:
        pytest.skip("ping is not on PATH")
    ends = [Host(name=name, address=IPv4Interface(f"10.0.0.{number}/24")) for number, name in enumerate("ab", 1)]
    bad = Subnet(name="bad", port=1, hosts=(ends[0],), impairment=Impairment(loss=0.2, reorder=0.1))
    good = Subnet(name="good", port=2, hosts=(ends[1],))
    with Network(Topology(subnets=(bad, good))) as network:
        forwarder = network.start("switch", "forwarder", [build.tool("afp_forward"), "sw1", "sw2"])
        poll(lambda: "ready" in forwarder.output, 10, "the forwarder is ready")
        ping = network.start("a", "ping", ["ping", "-c", "500", "-i", "0.002", "-W", "1", "-q", "10.0.0.2"])
        ping.wait(30)
        wire = network.process("wire-bad")
        wire.stop()
        answered = int(ping.output.partition(" packets transmitted, ")[2].split()[0])
        assert 250 < answered < 390
        for line in lines(wire, "wire"):
            total = line["forwarded"] + line["lost"]
            assert 0.12 < line["lost"] / total < 0.28
            assert 0.04 < line["reordered"] / total < 0.16
