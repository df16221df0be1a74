"""IPv6 clients behind the balancer, as programs see them with libtoa_preload, and as toa-check does: both kinds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.tools import toa as preload
from topo import standard
from topo.process import poll
from topo.world import World, endpoint

from .checks import CLOSING
from .conftest import MakeWorld

LOCALS = str(standard.V6.local_addresses[0]) + "/126"
CHECKED, WHO = standard.SERVERS[0], standard.SERVERS[1]
PORT = 8000
PROGRAM = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6, backlog=64)
print("ready", flush=True)
while True:
    connection, peer = listener.accept()
    connection.sendall(repr(peer[:2]).encode() + repr(connection.getpeername()[:2]).encode())
    connection.close()
"""
"""Answers who has called, as accept and getpeername tell."""


@pytest.fixture(scope="module", params=[254, 253])
def world(make_world: MakeWorld, target: str, request: pytest.FixtureRequest) -> World:
    """A service of each server's own."""
    if target == "asic":
        pytest.skip("the ASIC's program has no IPv6")
    plan = standard.V6
    config = standard.config(families=(6,), timeouts=CLOSING, options=(f"toa_kind = {request.param}",))
    for name, (address, _) in list(zip(standard.SERVERS, plan.servers, strict=True))[:2]:
        port = PORT + standard.SERVERS.index(name)
        config += f'[[virtual_server]]\naddress = "{plan.vip}"\nport = {port}\ntoa_kind = {request.param}\n'
        config += f"local_addresses = {[str(local) for local in plan.local_addresses]}\n"
        config += f'[[virtual_server.real_server]]\naddress = "{address}"\nport = {port}\n'
    return make_world(config, family=6)


def test_a_program_sees_its_clients(world: World, tmp_path: Path) -> None:
    if reason := preload.unavailable():
        pytest.skip(reason)
    env = {"LD_PRELOAD": str(preload.library(tmp_path)), "TOA_TRUSTED": LOCALS}
    port = PORT + standard.SERVERS.index(WHO)
    command = [sys.executable, "-c", PROGRAM, str(world.network.address(WHO, 6)), str(port)]
    server = world.network.start(WHO, "who", command, env)
    poll(lambda: "ready" in server.output, 10, "the program listens")
    try:
        for client in standard.CLIENTS * 5:
            with world.connect(client, port) as sock:
                own = repr(sock.getsockname()[:2])
                said = b""
                while more := sock.recv(1000):
                    said += more
            assert said.decode() == own * 2
    finally:
        server.stop()
    world.drained()


def test_toa_check(world: World) -> None:
    """Through the VIP: good, with the local address; a direct call: told as such."""
    port = PORT + standard.SERVERS.index(CHECKED)
    address = str(world.network.address(CHECKED, 6))
    command = [str(Path(sys.executable).with_name("toa-check")), "--listen", f"[{address}]:{port}", "--trusted", LOCALS]
    process = world.network.start(CHECKED, "toa-check", [*command, "--count", "2", "--json"])
    poll(lambda: "listening" in process.err.read_text() or not process.running, 20, "toa-check listens")
    with world.connect("c1", port) as sock:
        client = endpoint(sock.getsockname())
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        said = json.loads(sock.makefile("rb").read().partition(b"\r\n\r\n")[2])
    assert (said["verdict"], said["client"], said["toa_options"]) == ("ok", client, 1)
    assert world.plan.is_local(said["peer"])
    with world.connect(WHO, port, address) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert json.loads(sock.makefile("rb").read().partition(b"\r\n\r\n")[2])["verdict"] == "direct"
    assert process.wait(10) == 1
    world.drained()
