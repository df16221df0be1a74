"""The kernel's own TCP through another program than FULLNAT, on interfaces as they come."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from enginekit import Bench, with_workers
from p4soft.api import Entry

from topo import counters, namespaces
from topo.model import Host, HostRoute, Subnet, Topology
from topo.netns import Network

pytestmark = with_workers
HOSTS = {"a": "10.1.0.1", "b": "10.2.0.1"}
MACS = {"a": "02:aa:00:00:00:01", "b": "02:bb:00:00:00:01"}
OWN = bytes.fromhex("02f400000001")
BYTES = 100 << 20


@pytest.fixture
def routed(bench: Callable[[str], Bench]) -> Iterator[tuple[Network, Bench]]:
    """Two hosts, and tests/p4soft/programs/router.p4 between them; it knows no ARP, so neither do they."""
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    subnets = []
    for port, (name, address) in enumerate(HOSTS.items(), 1):
        gateway = IPv4Address(address) + 253
        route = HostRoute(prefix=IPv4Network("10.0.0.0/8"), gateway=gateway)
        host = Host(name=name, address=IPv4Interface(f"{address}/24"), routes=(route,), mac=MACS[name])
        subnets.append(Subnet(name=name, port=port, hosts=(host,)))
    with Network(Topology(subnets=tuple(subnets))) as network:
        engine = bench("router")
        for port, (name, address) in enumerate(HOSTS.items(), 1):
            engine.remove_port(port)
            with network.inside("switch"):
                engine.add_interface(port, f"sw{port}")
            key = IPv4Address(address).packed
            connected = engine.action("route", "connected")
            engine.insert(engine.table("route"), Entry(key + b"\0\x20", connected, b""))
            params = struct.pack("!H", port) + bytes.fromhex(MACS[name].replace(":", "")) + OWN
            engine.insert(engine.table("neighbor"), Entry(key, engine.action("neighbor", "forward"), params))
            router = str(IPv4Address(address) + 253)
            network.start(
                name, f"arp-{name}", ["ip", "neigh", "add", router, "lladdr", "02:f4:00:00:00:01", "dev", "eth0"]
            ).result(10)
        yield network, engine
        for port in (1, 2):
            engine.remove_port(port)


def test_a_transfer_each_way(routed: tuple[Network, Bench]) -> None:
    network, engine = routed
    content = hashlib.blake2b(b"seed").digest() * (BYTES // 64)
    got: list[bytes] = []
    with network.inside("b"):
        listener = socket.create_server((HOSTS["b"], 80))

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            digest = hashlib.blake2b()
            for _ in range(BYTES >> 20):
                data = peer.recv(1 << 20, socket.MSG_WAITALL)
                digest.update(data)
            got.append(digest.digest())
            peer.sendall(content)

    server = threading.Thread(target=serve)
    server.start()
    with network.inside("a"):
        client = socket.create_connection((HOSTS["b"], 80), timeout=60)
    with client:
        client.sendall(content)
        digest = hashlib.blake2b()
        while data := client.recv(1 << 20):
            digest.update(data)
    server.join(60)
    assert got == [hashlib.blake2b(content).digest()]
    assert digest.digest() == got[0]
    assert {name: counters.errors(network.namespace(name)) for name in HOSTS} == {"a": {}, "b": {}}
    for stats in engine.port_stats():
        if stats.port in (1, 2):
            assert stats.rx_large > 0
            assert stats.tx_large > 0
            assert stats.rx_packets > BYTES // 1500
            assert stats.rx_oversize == 0
