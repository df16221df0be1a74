"""README's two commands on interfaces as Linux sets them up: nothing is switched off anywhere."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from topo import counters, namespaces
from topo.model import Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.process import poll
from topo.stack import Stack

from .conftest import Sizes

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example.toml"
SERVICE = "http://203.0.113.80/file"
SERVERS = ("s1", "s2")
SERVER = """
import hashlib, http.server, shutil, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[1], "rb") as file:
            self.answer(200, file.seek(0, 2))
            file.seek(0)
            shutil.copyfileobj(file, self.wfile, 1 << 20)
    def do_PUT(self):
        hash = hashlib.blake2b()
        left = int(self.headers["Content-Length"])
        while left and (data := self.rfile.read(min(left, 1 << 20))):
            hash.update(data)
            left -= len(data)
        self.answer(200, 128)
        self.wfile.write(hash.hexdigest().encode())
    def answer(self, status, length):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
server = http.server.ThreadingHTTPServer(("", 8080), Handler)
print("ready", flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """The client is the router that docs/example.toml has for everything."""
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    to_vip = HostRoute(prefix=IPv4Network("203.0.113.0/24"), gateway=IPv4Address("192.0.2.1"))
    to_locals = HostRoute(prefix=IPv4Network("10.0.1.0/24"), gateway=IPv4Address("10.0.0.1"))
    client = Host(name="c1", address=IPv4Interface("192.0.2.254/24"), routes=(to_vip,))
    servers = tuple(
        Host(name=name, address=IPv4Interface(f"10.0.0.{i}/24"), routes=(to_locals,))
        for i, name in enumerate(SERVERS, 11)
    )
    subnets = (Subnet(name="clients", port=1, hosts=(client,)), Subnet(name="servers", port=2, hosts=servers))
    with Network(Topology(subnets=subnets)) as made:
        yield made


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
@pytest.mark.parametrize(("where", "workers"), [("p4soft", 1), ("embedded", 1), ("embedded", 2)])
def test_the_two_commands(network: Network, sizes: Sizes, tmp_path: Path, where: str, workers: int) -> None:
    """curl, a large transfer each way, the same bytes, and nobody has seen a wrong checksum."""
    content = hashlib.blake2b(b"seed").digest() * (sizes.transfer // 64)
    file = tmp_path / "file"
    file.write_bytes(content)
    servers = [
        network.start(name, f"{name}-{where}{workers}", [sys.executable, "-c", SERVER, file]) for name in SERVERS
    ]
    for server in servers:
        poll(lambda server=server: "ready" in server.output, 10, "the server listens")  # type: ignore[misc]
    stack = Stack(network, EXAMPLE.read_text(), where, workers=workers)
    stack.start()
    for turn in range(3):
        out = tmp_path / f"got{turn}"
        network.start("c1", f"get{turn}", ["curl", "-sS", "--max-time", "100", "-o", out, SERVICE]).result(110)
        assert out.read_bytes() == content
        out.unlink()
        put = network.start("c1", f"put{turn}", ["curl", "-sS", "--max-time", "100", "-T", file, SERVICE]).result(110)
        assert put == hashlib.blake2b(content).hexdigest()
    hosts = ("c1", *SERVERS)
    assert [counters.errors(network.namespace(name)) for name in hosts] == [{}] * len(hosts)
    log = stack.controller if stack.switch is None else stack.switch
    assert log is not None
    stack.stop()
    said = log.err.read_text()
    for port in (1, 2):
        assert f"port {port} (sw{port}): offloads on" in said
    if stack.switch is not None:
        rows = [line.split() for line in stack.switch.output.splitlines() if "  sw" in line]
        assert len(rows) == 2
        for row in rows:
            numbers = [int(value) for value in row[2:-2]]
            received, sent = numbers[3], numbers[8]
            assert received > 0
            assert sent > 0
            assert numbers[4] == 0, "too large"
            assert row[-2:] == ["on", "up"]
    for server in servers:
        server.stop()
