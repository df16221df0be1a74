"""Connections that SYN cookies begin, on wires that lose and reorder: none fails, and no byte is wrong."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from pyroute2 import IPRoute

from topo import standard
from topo.model import Impairment
from topo.world import World, tcp_options

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import FULL, MakeWorld, Sizes

SPEAKS_FIRST, NOBODY = 8025, 8026
IN_NAT = standard.SERVERS[-1]


def service(family: int, port: int) -> str:
    """One more [[virtual_server]], with the server on the same port of s1."""
    plan = standard.FAMILIES[family]
    own = ", ".join(f'"{address}"' for address in plan.local_addresses)
    return (
        f'[[virtual_server]]\naddress = "{plan.vip}"\nport = {port}\nsyn_proxy = "always"\nlocal_addresses = [{own}]\n'
        f'[[virtual_server.real_server]]\naddress = "{plan.servers[0][0]}"\nport = {port}\n'
    )


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, family: int, target: str) -> World:
    """1 % lost, 2 % reordered; the last server is in NAT."""
    if target == "asic":
        pytest.skip("the ASIC's program has no SYN cookies")
    modes = "fullnat", "fullnat", "nat"
    config = standard.config(families=(family,), modes=modes, timeouts=CLOSING, options=('syn_proxy = "always"',))
    config += service(family, SPEAKS_FIRST) + service(family, NOBODY)
    made = make_world(config, impairment=Impairment(loss=0.01, reorder=0.02), family=family)
    clients, inside = standard.FAMILIES[family].gateways
    with made.network.inside(IN_NAT), IPRoute() as ip:
        ip.route("add", dst=str(clients.network), gateway=str(inside.ip))
    return made


def test_options_are_those_of_the_cookie(world: World) -> None:
    connection = world.http("c1")
    assert tcp_options(connection.sock) == {"sack", "window scaling"}
    connection.close()
    assert_clean(world)


def test_every_server_knows_its_client(world: World) -> None:
    """By TOA, or by its address."""
    answers = [world.get("c1") for _ in standard.SERVERS]
    assert {answer.server for answer in answers} == set(standard.SERVERS)
    for answer in answers:
        assert (answer.peer if answer.server == IN_NAT else answer.toa) == answer.client
    assert_clean(world)


@pytest.mark.parametrize("close", ["fin", "server"])
def test_connections(world: World, sizes: Sizes, close: str) -> None:
    """Whatever is lost, every connection comes through."""
    connections = sizes.connections // (1 if sizes is FULL else 10)
    report = world.load("c1", n=connections, c=50, limit=200, request=3000, answer=3000, close=close)
    assert_all_good(report, connections)
    assert_clean(world)
    assert world.stack.stats()["controller"]["sessions_spliced"] >= connections


def test_transfer(world: World, sizes: Sizes) -> None:
    transfer = sizes.transfer >> (0 if sizes is FULL else 4)
    assert_all_good(world.load("c2", timeout=110, limit=115, request=transfer, answer=transfer), 1)
    assert_clean(world)


def test_server_speaks_first(world: World) -> None:
    """What it says comes without a word of the client."""
    family = socket.AF_INET6 if world.family == 6 else socket.AF_INET
    with world.network.inside("s1"):
        listener = socket.create_server((str(world.network.address("s1", world.family)), SPEAKS_FIRST), family=family)

    def greet() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection:
                connection.sendall(b"220 ready\r\n" + bytes(3000))
                connection.recv(100)

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    try:
        for _ in range(5):
            with world.connect("c1", SPEAKS_FIRST) as sock:
                sock.settimeout(30)
                found = b""
                while len(found) < 3011:
                    found += sock.recv(65536)
                assert found.startswith(b"220 ready")
                sock.sendall(b"QUIT")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def test_refused_connection_is_reset(world: World) -> None:
    """The client, which has a connection, learns that its server has none."""

    def ask() -> None:
        with world.connect("c1", NOBODY) as sock:
            sock.settimeout(1)
            for _ in range(30):
                sock.send(b"?")  # what nobody repeats, the last ACK or the reset, may be lost on the way
                with contextlib.suppress(TimeoutError):
                    sock.recv(1)

    # It may come before connect() has looked at what the SYN-ACK did.
    with pytest.raises(ConnectionResetError):
        ask()
