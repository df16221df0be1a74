"""A router on a stick: clients and servers in two VLANs of the switch's one port."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Interface

import pytest

from topo import counters
from topo.model import Host, Subnet, Topology
from topo.netns import Network
from topo.stack import Stack, takes_offloads
from topo.vlan import vlan

from .conftest import Sizes

CLIENTS, SERVERS = 12, 4094
CONFIG = """\
[[interface]]
port = 1
vlan = 12
mac = "02:aa:00:00:00:0c"
address = "10.12.0.1/24"

[[interface]]
port = 1
vlan = 4094
mac = "02:aa:00:00:00:0c"
address = "10.94.0.1/24"

[[interface]]
port = 1
mac = "02:aa:00:00:00:01"
address = "10.1.0.1/24"

[[virtual_server]]
address = "10.12.0.80"
port = 80
local_addresses = ["10.94.0.100"]

[[virtual_server.real_server]]
address = "10.94.0.11"
port = 8080
"""


@pytest.fixture(params=[True, False], ids=["kernel", "tagged"])
def network(request: pytest.FixtureRequest, target: str) -> Iterator[Network]:
    """Tags are put on and taken off by the hosts' kernels, or by a thread where these cannot."""
    hosts = (
        Host(name="c1", address=IPv4Interface("10.1.0.9/24")),
        Host(name="s1", address=IPv4Interface("10.1.0.11/24")),
    )
    trunk = Topology(subnets=(Subnet(name="trunk", port=1, hosts=hosts),))
    with Network(trunk, offloads=takes_offloads(target)) as made, contextlib.ExitStack() as alive:
        try:
            for host, number, address in (("c1", CLIENTS, "10.12.0.9/24"), ("s1", SERVERS, "10.94.0.11/24")):
                alive.enter_context(vlan(made, host, number, IPv4Interface(address), kernel=request.param))
        except OSError as error:
            pytest.skip(str(error))
        yield made


def test_sessions_between_two_vlans_of_one_port(network: Network, sizes: Sizes, target: str) -> None:
    """Neighbors are found in their VLAN, and a transfer arrives whole in both directions, as Linux sends it."""
    stack = Stack(network, CONFIG, target)
    stack.start()
    content = hashlib.blake2b(b"seed").digest() * (min(sizes.transfer, 4 << 20) // 64)
    with network.inside("s1"):
        listener = socket.create_server(("10.94.0.11", 8080))
    with network.inside("c1"):
        client = socket.create_connection(("10.12.0.80", 80), timeout=20)
    server, (peer, _) = listener.accept()
    server.settimeout(20)
    assert peer == "10.94.0.100"
    with listener, client, server:
        for sender, receiver in ((client, server), (server, client)):
            sending = threading.Thread(target=sender.sendall, args=(content,))
            sending.start()
            got = bytearray()
            while len(got) < len(content):
                data = receiver.recv(1 << 20)
                assert data
                got += data
            sending.join(20)
            assert bytes(got) == content
    assert stack.stats()["drops"]["vlan"]["packets"] == 0
    assert [counters.errors(network.namespace(name)) for name in ("c1", "s1")] == [{}, {}]
    stack.stop()
