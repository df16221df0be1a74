"""The kernel's TCP over IPv6 through a program of p4soft's, on interfaces as Linux sets them up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest
from p4soft.engine import NativeEngine
from pyroute2 import IPRoute

from topo import counters, namespaces
from topo.addresses import assign
from topo.model import Host, Subnet, Topology
from topo.netns import Network
from topo.process import poll

from .conftest import Sizes

RELAY = Path(__file__).resolve().parents[1] / "p4soft" / "programs" / "relay.json"
ADDRESSES = {"c1": "2001:db8::1", "s1": "2001:db8::2"}
PEER = """
import hashlib, socket, sys
address, size, serves = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "serve"
block = hashlib.blake2b(b"seed").digest() * 1024
def send(connection):
    for _ in range(size // len(block)):
        connection.sendall(block)
    connection.shutdown(socket.SHUT_WR)
def digest(connection):
    hash = hashlib.blake2b()
    while data := connection.recv(1 << 20):
        hash.update(data)
    return hash.hexdigest()
if serves:
    listener = socket.create_server((address, 8080), family=socket.AF_INET6)
    print("ready", flush=True)
    connection, _ = listener.accept()
    print(digest(connection), flush=True)
    send(connection)
else:
    connection = socket.create_connection((address, 8080), timeout=100)
    send(connection)
    print(digest(connection))
want = hashlib.blake2b()
for _ in range(size // len(block)):
    want.update(block)
print(want.hexdigest())
"""


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    if not Path("/proc/sys/net/ipv6").exists():
        pytest.skip("the kernel has no IPv6")
    on = tuple((f"ipv6/conf/{which}/disable_ipv6", "0") for which in ("all", "default"))
    hosts = [Host(name=name, address=None, sysctls=on) for name in ADDRESSES]
    subnets = [Subnet(name=host.name, port=port, hosts=(host,)) for port, host in enumerate(hosts, 1)]
    with Network(Topology(subnets=tuple(subnets))) as made:
        for name, address in ADDRESSES.items():
            with made.inside(name):
                Path("/proc/sys/net/ipv6/conf/eth0/accept_dad").write_text("0")
                with IPRoute() as ip:
                    assign(ip, "eth0", ip_interface(f"{address}/64"))
        yield made


def test_bulk_tcp_each_way(network: Network, sizes: Sizes) -> None:
    """The same bytes, by super-segments in and out, and nobody has seen a wrong checksum."""
    engine = NativeEngine(0, None)
    try:
        engine.load(RELAY.read_bytes())
        with network.inside(network.topology.switch):
            for port in (1, 2):
                engine.add_interface(port, f"sw{port}")
        words = [sys.executable, "-c", PEER, ADDRESSES["s1"], str(sizes.transfer)]
        server = network.start("s1", "server", [*words, "serve"])
        poll(lambda: "ready" in server.output, 10, "the server listens")
        got, want = network.start("c1", "client", [*words, "ask"]).result(110).split()
        assert got == want
        assert server.result(10).split() == ["ready", want, want]
        stats = [port for port in engine.port_stats() if port.port in (1, 2)]
        assert len(stats) == 2
        for found in stats:
            assert found.rx_large > 0
            assert found.tx_large > 0
            assert found.rx_oversize == 0
        assert [counters.errors(network.namespace(name)) for name in ADDRESSES] == [{}, {}]
    finally:
        engine.close()
