"""The wheel in an environment of its own: serves without compiling anything, and leaves nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import wheels
from topo import namespaces, standard
from topo.world import world

pytestmark = [pytest.mark.timeout(1500)]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A virtual environment with the wheel and what it needs."""
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    try:
        others = wheels.fetch(VERSION, tmp_path / "wheels")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"what the wheel needs cannot be had here: {error}")
    ours = request.getfixturevalue("wheel")
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    install: list[str | Path] = [place / "bin/pip", "install", "--quiet", "--no-index", "--no-deps", ours, *others]
    subprocess.run(install, check=True)
    return place


def test_install_serve_uninstall(environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("P4SOFT_CACHE_DIR", str(cache))
    monkeypatch.delenv("P4SOFT_CC", raising=False)
    with world(start=False) as everything:
        network, stack = everything.network, everything.stack
        ports = [f"{s.port}@{s.switch_interface}" for s in network.topology.subnets]
        command: list[str | Path] = [environment / "bin/fullnat", "run", stack.config_path, "--embedded"]
        command += [word for port in ports for word in ("-i", port)]
        command += ["--state-dir", stack.state, "--control-socket", stack.socket]
        stack.controller = network.start(network.topology.switch, "controller", command)
        stack.wait_ready()
        curl = ["curl", "-sS", "-m", "10", f"http://{standard.VIP}/"]
        assert '"toa": "10.1.0.1:' in network.start("c1", "curl", curl).result(20)
        assert stack.controller.stop() == 0
    assert not cache.exists(), "something was compiled"
    subprocess.run([environment / "bin/pip", "uninstall", "--quiet", "--yes", "p4-fullnat"], check=True)
    left = [path for path in environment.rglob("*") if "fullnat" in path.name or "p4soft" in path.name]
    assert left == []
