"""PTF's own runner on the packet tests, as ptf_tests/README.md says: for switches that are already running."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from ptf_tests.targets import PORTS, TARGETS, P4softInProcess, TargetUnavailable
from topo import namespaces

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["p4soft-veth", "bmv2"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A running switch in a network of its own, which the test is in too; the address of its P4Runtime server."""
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    full = namespaces.create("ptf")
    try:
        with namespaces.inside(full):
            with IPRoute() as ip:
                ip.link("set", index=ip.link_lookup(ifname="lo")[0], state="up")
            target = TARGETS[request.param]()
            assert not isinstance(target, P4softInProcess)
            try:
                target.start()
            except TargetUnavailable as reason:
                pytest.skip(str(reason))
            try:
                yield target.address
            finally:
                target.stop()
    finally:
        namespaces.remove(full)


def test_standard_invocation(address: str, tmp_path: Path) -> None:
    """``ptf --test-dir ptf_tests`` runs them against a switch that it did not start."""
    command = [str(Path(sys.executable).with_name("ptf")), "--test-dir", "ptf_tests", "--pypath", "."]
    for port in PORTS:
        command += ["--interface", f"{port}@pt{os.getpid()}t{port}"]
    command += ["--socket-recv-size", "10240", "--log-dir", str(tmp_path), "--test-params", f"grpc='{address}'"]
    done = subprocess.run(
        [*command, "test_toa", "test_tables"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_toa.ToaInFin ... ok" in done.stderr
    assert "OK (skipped=" in done.stderr
