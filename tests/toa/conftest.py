"""A server under libtoa_preload, or on fullnat_toa, in a network of its own; the client is made of single packets."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.tools import toa
from topo import namespaces
from topo.process import Process, poll
from topo.rawtcp import TUN, Connection, Wire

HERE = Path(__file__).parent
SERVER = HERE / "server.py"
TRUSTED = "10.2.0.100/30,fd00::/64"
LOCAL, LOCAL6 = ("10.2.0.101", 5000), ("fd00::101", 5000)
"""A local address of the balancer, as the server's peer."""
KERNEL, KERNEL6 = "10.77.0.1", "fd77::1"
"""The addresses of the server."""
PORT = 8080


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libtoa_preload.so, as ``make toa`` builds it."""
    if reason := toa.unavailable():
        pytest.skip(reason)
    return toa.library(tmp_path_factory.mktemp("toa"))


@pytest.fixture(scope="session")
def network() -> Iterator[str]:
    """The name of a namespace with IPv6 and a loopback."""
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    if not TUN.exists():
        pytest.skip(f"{TUN} is missing")
    name = namespaces.create("toa")
    try:
        yield name
    finally:
        namespaces.remove(name)


@pytest.fixture
def wire(network: str) -> Iterator[Wire]:
    with namespaces.inside(network):
        set_sysctl("ipv4/tcp_syncookies", "1")
        with Wire() as made:
            yield made


def set_sysctl(name: str, value: str) -> None:
    """In the calling thread's namespace."""
    Path("/proc/sys/net", name).write_text(value)


StartServer = Callable[..., Process]


@pytest.fixture
def start_server(network: str, wire: Wire, tmp_path: Path, library: Path) -> Iterator[StartServer]:
    """Start server.py with the library in ``mode``; ``trusted`` None: the variable is unset."""
    with contextlib.ExitStack() as running:

        def start(mode: str = "plain", *where: str, trusted: str | None = TRUSTED, **more: str) -> Process:
            env = {"LD_PRELOAD": str(library), "TOA_DEBUG": "1", **more}
            if trusted is not None:
                env["TOA_TRUSTED"] = trusted
            command: list[str | Path] = [sys.executable, "-S", SERVER, mode, *(where or ("0.0.0.0", str(PORT)))]
            process = Process("server", command, namespace=network, logs=tmp_path, env=env)
            running.callback(process.kill)
            poll(lambda: "ready" in process.output or not process.running, 10, "the server listens")
            process.check_running()
            return process

        yield start


Said = dict[str, Any]


def hear(connection: Connection) -> Said:
    """What the server tells on the connection, which is then reset."""
    said = json.loads(connection.read_line())
    connection.reset()
    return {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
