"""IPv6 by NAT and direct routing, and UDP over IPv6, with kernels at both ends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

from topo import standard
from topo.model import Impairment
from topo.process import poll
from topo.world import World, report, tcp_options
from topo.world import world as make_one

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import CLOSES, is_ready, shortcut, take_vip

V6 = standard.V6
CLIENTS, INSIDE = str(V6.gateways[0].network), str(V6.gateways[1].ip)
NAT, DIRECT, FULLNAT = standard.SERVERS
DNS = 53


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, target: str) -> World:
    """One service whose servers are in NAT, in DR, and in FULLNAT without a route to the clients."""
    if target == "asic":
        pytest.skip("the ASIC's program has no IPv6")
    made = make_world(standard.config(families=(6,), modes=("nat", "dr", "fullnat"), timeouts=CLOSING), family=6)
    with made.network.inside(NAT), IPRoute() as ip:
        ip.route("add", dst=CLIENTS, gateway=INSIDE)
    listener = take_vip(made, DIRECT)
    poll(lambda: is_ready(listener), 10, "the server listens on the VIP")
    for client in standard.CLIENTS:
        shortcut(made, DIRECT, client, (6,))
    return made


def test_one_service_mixes_nat_dr_and_fullnat(world: World) -> None:
    """Where the address stays the server sees the client itself, and no TOA."""
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        if answer.server == FULLNAT:
            assert (answer.toa, answer.toa_options) == (answer.client, 1)
            assert world.plan.is_local(answer.peer)
        else:
            assert (answer.toa, answer.toa_options, answer.peer) == (None, 0, answer.client)
    (service,) = world.stack.stats()["services"]
    assert [bool(server["out_packets"]) for server in service["servers"]] == [True, False, True]
    assert_clean(world)


def test_timestamps_are_negotiated_where_numbers_stay(world: World) -> None:
    found = []
    for _ in standard.SERVERS:
        with contextlib.closing(world.http("c1")) as connection:
            found.append(frozenset(tcp_options(connection.sock)))
    without = frozenset({"sack", "window scaling"})
    assert Counter(found) == {without: 1, without | {"timestamps"}: 2}
    assert_clean(world)


@pytest.mark.parametrize("close", CLOSES)
def test_connections_close_in_every_way(world: World, sizes: Sizes, close: str) -> None:
    each = sizes.connections // 8
    loads = [
        world.start_load(client, n=each, c=50, request=100, answer=1000, close=close) for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_clean(world)


def test_large_requests(world: World, sizes: Sizes) -> None:
    """One by each mode."""
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=sizes.transfer // 4, answer=10), 3)
    assert_clean(world)


class Echo:
    """A server that answers each datagram with its own name and what came."""

    def __init__(self, world: World, name: str) -> None:
        self.peers: set[str] = set()
        self._name = name.encode()
        self._over = threading.Event()
        self._sock = bound(world, name, DNS)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                payload, peer = self._sock.recvfrom(65536)
                self.peers.add(peer[0])
                self._sock.sendto(self._name + b" " + payload, peer)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._sock.close()


def bound(world: World, host: str, port: int = 0) -> socket.socket:
    with world.network.inside(host):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", port))
    sock.settimeout(0.2)
    return sock


@contextlib.contextmanager
def serving(target: str, impairment: Impairment | None) -> Iterator[tuple[World, dict[str, Echo]]]:
    """A service of UDP beside that of TCP, with a server that answers on every host."""
    config = standard.config(families=(6,), timeouts=CLOSING)
    config += f'[[virtual_server]]\naddress = "{V6.vip}"\nport = {DNS}\nprotocol = "udp"\nscheduler = "rr"\n'
    config += f"local_addresses = {[*map(str, V6.local_addresses)]}\nestablished_timeout = 2\n"
    config += "[virtual_server.timeouts]\nudp_oneway = 1\n"
    for address, _ in V6.servers:
        config += f'[[virtual_server.real_server]]\naddress = "{address}"\nport = {DNS}\n'
    with (
        make_one(config, target=target, impairment=impairment, family=6) as made,
        contextlib.ExitStack() as alive,
    ):
        names = standard.SERVERS
        yield made, {name: alive.enter_context(contextlib.closing(Echo(made, name))) for name in names}


def ask(sock: socket.socket, payload: bytes, times: int = 100) -> bytes:
    """The name of the server that answers, asked again when nothing comes."""
    for _ in range(times):
        sock.sendto(payload, (str(V6.vip), DNS))
        with contextlib.suppress(TimeoutError):
            while True:
                data, peer = sock.recvfrom(65536)
                assert peer[:2] == (str(V6.vip), DNS)
                name, _, rest = data.partition(b" ")
                if rest == payload:
                    return name
    raise TimeoutError(payload)


@pytest.mark.parametrize("impairment", [None, Impairment(loss=0.01, reorder=0.02)], ids=["good wires", "bad wires"])
def test_udp(target: str, sizes: Sizes, impairment: Impairment | None) -> None:
    """Payloads of even and odd length arrive as they were sent, at one server for a client's port, from a local address
    of ours; the kernel takes no datagram without a right checksum (RFC 8200 8.1)."""
    if target == "asic":
        pytest.skip("the ASIC's program has no IPv6")
    with serving(target, impairment) as (world, servers):
        for number in range(sizes.parallel // 10):
            with contextlib.closing(bound(world, "c1")) as sock:
                names = {ask(sock, b"%d %d " % (number, size) + bytes(size)) for size in (0, 1, 99, 500, 1380)}
            assert len(names) == 1
        assert all(server.peers for server in servers.values())
        assert {peer for server in servers.values() for peer in server.peers} <= set(map(str, V6.local_addresses))
        assert_clean(world)
