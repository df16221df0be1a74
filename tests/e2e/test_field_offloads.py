"""Trouble with offloads that users of other forwarders reported, tried on p4soft: a program between two hosts, on
interfaces as Linux sets them up, the kernel's TCP and UDP at both ends. docs/p4soft-engine.md has the list."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from p4soft.api import PortStats
from p4soft.engine import NativeEngine
from pyroute2 import IPRoute

from topo import counters, namespaces
from topo.model import Host, Subnet, Topology
from topo.netns import Network

from .conftest import Sizes

PROGRAMS = Path(__file__).resolve().parents[1] / "p4soft" / "programs"
ADDRESSES = {"c1": "10.0.0.1", "s1": "10.0.0.2"}
PORT = 8080
SO_RCVBUFFORCE = 33
UDP_SEGMENT = 103
"""Option of SOL_UDP: a message is cut into datagrams of this size (udp(7))."""
DATAGRAM = 1200


class Relay:
    """Two hosts with p4soft between them."""

    def __init__(self, network: Network, engine: NativeEngine) -> None:
        self.network = network
        self._engine = engine

    def open(self, host: str, kind: socket.SocketKind) -> socket.socket:
        """With a large buffer, bound to the host's address, whose calls end after ten seconds."""
        with self.network.inside(host):
            made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        made.bind((ADDRESSES[host], PORT))
        made.settimeout(10)
        return made

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Two ends of a TCP connection."""
        with self.open("s1", socket.SOCK_STREAM) as listener:
            listener.listen()
            client = self.open("c1", socket.SOCK_STREAM)
            client.connect((ADDRESSES["s1"], PORT))
            server, _ = listener.accept()
        server.settimeout(10)
        return client, server

    def stats(self, *ports: int) -> list[PortStats]:
        assert self._engine.drain(10)
        return [port for port in self._engine.port_stats() if port.port in ports]

    def check(self, *, joined: bool = True) -> None:
        """Super-segments came and, if ``joined``, left by both hosts' ports, nothing was dropped, and nobody has seen a
        wrong checksum."""
        for port in self.stats(1, 2):
            assert (port.rx_large > 0, port.tx_large > 0) == (joined, joined)
        assert not [
            port for port in self._engine.port_stats() if port.rx_dropped or port.rx_oversize or port.tx_dropped
        ]
        assert [counters.errors(self.network.namespace(name)) for name in ADDRESSES] == [{}, {}]


@contextlib.contextmanager
def relay(
    program: str = "relay", *, mtu: int = 1500, workers: int = 1, sends_without: str | None = None, looped: bool = False
) -> Iterator[Relay]:
    """``sends_without``: an offload that the switch's interfaces lack, by its name for ethtool. ``looped``: the switch
    has two ports more, 3 and 4, which are the ends of one wire."""
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    hosts = [Host(name=name, address=IPv4Interface(f"{address}/24")) for name, address in ADDRESSES.items()]
    subnets = [Subnet(name=host.name, port=port, hosts=(host,), mtu=mtu) for port, host in enumerate(hosts, 1)]
    engine = NativeEngine(0, None, workers=workers)
    try:
        engine.load((PROGRAMS / f"{program}.json").read_bytes())
        ports = (1, 2, 3, 4) if looped else (1, 2)
        with Network(Topology(subnets=tuple(subnets))) as network:
            with network.inside(network.topology.switch):
                if looped:
                    add_wire("sw3", "sw4")
                for port in ports:
                    if sends_without is not None:
                        switch_off(f"sw{port}", sends_without)
                    engine.add_interface(port, f"sw{port}")
            yield Relay(network, engine)
            for port in ports:
                engine.remove_port(port)
    finally:
        engine.close()


def add_wire(*ends: str) -> None:
    with IPRoute() as ip:
        ip.link("add", ifname=ends[0], kind="veth", peer=ends[1])
        for name in ends:
            ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up")


def switch_off(interface: str, offload: str) -> None:
    done = subprocess.run(["ethtool", "-K", interface, offload, "off"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"ethtool -K {interface} {offload} off: {done.stderr.strip()}")


def transfer(sender: socket.socket, receiver: socket.socket, data: bytes) -> None:
    """The same bytes arrive, and no more."""

    def send() -> None:
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        got = bytearray()
        while block := receiver.recv(1 << 20):
            got += block
        sent.result()
    assert got == data


@pytest.fixture(scope="module")
def content(sizes: Sizes) -> bytes:
    return random.Random(1).randbytes(sizes.transfer // 8)


@pytest.mark.parametrize("mtu", [576, 1450, 9000])
def test_any_mtu(mtu: int, content: bytes) -> None:
    """FDio/vpp#3184: with segmentation offload and an MTU of 1450 a tap dropped what was larger than the MTU."""
    with relay(mtu=mtu) as wire:
        client, server = wire.connect()
        with client, server:
            transfer(client, server, content)
            transfer(server, client, content)
        wire.check()


def test_a_tunnel(content: bytes) -> None:
    """openvswitch/ovs-issues#269 and #321: segmentation offload ended at tunnels. What a program makes longer leaves
    packet by packet, and is put together again where it has been made shorter."""
    with relay("tunnel", mtu=1400, looped=True) as wire:
        client, server = wire.connect()
        with client, server:
            transfer(client, server, content)
            transfer(server, client, content)
        for port in wire.stats(3, 4):
            assert (port.rx_large, port.tx_large) == (0, 0)
            assert min(port.rx_bytes, port.tx_bytes) > len(content)
        wire.check()


@pytest.mark.parametrize("workers", [1, 2])
def test_data_both_ways_at_once(workers: int, content: bytes) -> None:
    """google/gvisor#11198: acknowledgements that super-segments carried were lost."""
    with relay(workers=workers) as wire:
        client, server = wire.connect()
        with client, server, ThreadPoolExecutor(1) as pool:
            back = pool.submit(transfer, server, client, content)
            transfer(client, server, content[::-1])
            back.result()
        wire.check()


@pytest.mark.parametrize("without", [None, "tx-udp-segmentation", "tx-checksum-ip-generic"])
def test_datagrams_keep_their_borders(without: str | None) -> None:
    """tailscale/tailscale#21335, private-octopus/picoquic#1345, apernet/quic-go#6: with UDP GSO datagrams came damaged
    or glued together, above all where the last one is as long as the others, or is the only one."""
    lengths = [
        1,
        DATAGRAM - 1,
        DATAGRAM,
        DATAGRAM + 1,
        2 * DATAGRAM,
        3 * DATAGRAM + 1,
        50 * DATAGRAM,
        50 * DATAGRAM - 1,
    ]
    with relay(sends_without=without) as wire:
        for sender, receiver in (("c1", "s1"), ("s1", "c1")):
            with wire.open(sender, socket.SOCK_DGRAM) as out, wire.open(receiver, socket.SOCK_DGRAM) as into:
                out.setsockopt(socket.SOL_UDP, UDP_SEGMENT, DATAGRAM)
                for length in lengths:
                    data = random.Random(length).randbytes(length)
                    out.sendto(data, (ADDRESSES[receiver], PORT))
                    want = [data[at : at + DATAGRAM] for at in range(0, length, DATAGRAM)]
                    assert [into.recv(65536) for _ in want] == want
        wire.check()


def test_fragments_are_packets_like_others() -> None:
    """networkservicemesh/sdk#1148: a first fragment was taken for a super-segment, being as long as the MTU allows."""
    with relay() as wire:
        for sender, receiver in (("c1", "s1"), ("s1", "c1")):
            with wire.open(sender, socket.SOCK_DGRAM) as out, wire.open(receiver, socket.SOCK_DGRAM) as into:
                for length in (1473, 2960, 20_000, 60_000):
                    data = random.Random(length).randbytes(length)
                    out.sendto(data, (ADDRESSES[receiver], PORT))
                    assert into.recv(65536) == data
        wire.check(joined=False)
