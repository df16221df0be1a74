"""SNAT: hosts inside (the clients' side of the topology) talk to servers outside, which have no way to them."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import socket
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

from topo import standard
from topo.process import poll
from topo.world import World

from .checks import assert_clean
from .conftest import MakeWorld
from .datagrams import PORT, bound, echoes

HOSTS = [f"10.1.0.{number}" for number in range(100, 150)]
PUBLIC = tuple(str(address) for address in standard.LOCAL_ADDRESSES)
SERVERS = {name: f"10.2.0.{number}" for number, name in enumerate(standard.SERVERS, 11)}
RULES = f"""
[[snat]]
fwmark = 1
source = "10.1.0.0/24"
out_interface = 2
addresses = "{PUBLIC[0]}-{PUBLIC[-1]}"
udp_timeout = 2
"""
TIMES = {"time_wait": 1.0, "close": 1.0, "fin_wait": 2.0, "close_wait": 2.0, "udp_oneway": 1.0}
FLOWS, FULL, BMV2 = 600, 10_000, 60


def config(*more: str) -> str:
    return standard.config(timeouts=TIMES, local_addresses=(standard.LOCAL_ADDRESSES[0] + 8,)) + RULES + "\n".join(more)


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    """c1 is 50 hosts inside, which know a way out."""
    made = make_world(config("block_size = 256", "block_log = true"))
    with made.network.inside("c1"), IPRoute() as ip:
        index = ip.link_lookup(ifname="eth0")[0]
        for host in HOSTS:
            ip.addr("add", index=index, address=host, prefixlen=24)
        ip.route("add", dst="10.2.0.0/24", gateway=str(standard.CLIENT_GATEWAY.ip))
    return made


class Flow:
    """One connection of a host inside, which asks who it is."""

    REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    def __init__(self, world: World, host: str, server: str) -> None:
        with world.network.inside("c1"):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server = server
        self.answer = b""
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.sock.connect_ex((SERVERS[server], 80))

    @property
    def peer(self) -> str | None:
        """Who the server sees, once it has said so."""
        head, blank, body = self.answer.partition(b"\r\n\r\n")
        if not blank or not body.rstrip().endswith(b"}"):
            return None
        assert head.startswith(b"HTTP/1.1 200")
        return str(json.loads(body)["peer"])


@contextlib.contextmanager
def many_files(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_flows_share_no_port(world: World, target: str) -> None:
    """50 hosts, 3 servers; every flow is open when each asks who it is. No two show a server the same address and
    port, a server sees public ones alone, and nothing is left."""
    is_full = os.environ.get("FULLNAT_E2E") == "full"
    count = BMV2 if target == "bmv2" else FULL if is_full else FLOWS
    with many_files(2 * count + 100), contextlib.ExitStack() as open_ones:
        flows = []
        for number in range(count):
            flow = Flow(world, HOSTS[number % len(HOSTS)], standard.SERVERS[number % len(SERVERS)])
            open_ones.callback(flow.sock.close)
            flows.append(flow)
        exchange(flows, selectors.EVENT_WRITE)
        assert len(world.stack.sessions()) == count
        exchange(flows, selectors.EVENT_READ)
        seen = Counter((flow.server, flow.peer) for flow in flows)
        assert len(seen) == count
        assert {str(peer).rpartition(":")[0] for _, peer in seen} <= set(PUBLIC)
        # Each block of ports is one host's.
        owners: dict[tuple[str, int], set[str]] = defaultdict(set)
        for session in world.stack.sessions():
            address, _, port = session["local"].rpartition(":")
            owners[address, (int(port) - 5000) // 256].add(session["client"].rpartition(":")[0])
        assert {len(hosts) for hosts in owners.values()} == {1}
    assert_clean(world)
    stats = world.stack.stats()["controller"]
    assert stats["blocks_allocated"] == stats["blocks_released"] >= len(HOSTS)


def exchange(flows: list[Flow], event: int) -> None:
    """Have all connected, and ask; or have all answered."""
    with selectors.DefaultSelector() as selector:
        for each in flows:
            selector.register(each.sock, event, each)
        while selector.get_map():
            ready = selector.select(60)
            assert ready, f"{len(selector.get_map())} of {len(flows)} hear nothing"
            for key, _ in ready:
                asked: Flow = key.data
                if event == selectors.EVENT_WRITE:
                    assert asked.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                    asked.sock.send(Flow.REQUEST)
                else:
                    asked.answer += asked.sock.recv(65536)
                if event == selectors.EVENT_WRITE or asked.peer is not None:
                    selector.unregister(asked.sock)


def test_datagrams_are_answered_and_errors_come_back(world: World) -> None:
    """A host's port is one public port for all servers; a closed port is told as closed."""
    with echoes(world) as servers:
        with contextlib.closing(bound(world, "c1", HOSTS[0])) as sock:
            for number, (name, address) in enumerate(SERVERS.items()):
                poll(lambda: heard(sock, address, b"%d" % number) == name.encode(), 10, "an answer comes")  # noqa: B023
        peers = {peer for server in servers.values() for peer in server.peers}
        assert len(peers) == 1
        assert peers.pop()[0] in PUBLIC
    with contextlib.closing(bound(world, "c1", HOSTS[1])) as sock:
        sock.connect((SERVERS["s1"], 9))

        def is_refused() -> bool:
            try:
                sock.send(b"x")
                sock.recv(10)
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                pass
            return False

        poll(is_refused, 10, "the port is told to be closed")
    assert_clean(world)


def heard(sock: socket.socket, address: str, payload: bytes) -> bytes | None:
    """Who answers."""
    sock.sendto(payload, (address, PORT))
    try:
        return sock.recv(100).partition(b" ")[0]
    except TimeoutError:
        return None


def test_hosts_ping(world: World) -> None:
    """Several with one identifier at a time: each hears its own."""
    pings = []
    with world.network.inside("c1"):
        for host in HOSTS[:3]:
            words = ["ping", "-c", "3", "-i", "0.2", "-W", "5", "-e", "77", "-I", host, SERVERS["s2"]]
            pings.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
    for ping in pings:
        told, _ = ping.communicate(timeout=30)
        assert ping.returncode == 0, told
    assert "3 received" in told
    assert len({session["local"] for session in world.stack.sessions()}) == 3
    world.drained(60)
