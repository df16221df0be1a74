"""Direct routing, with the kernel's TCP: servers that have the VIP on lo, and a way to the clients past the switch."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from bench.tools import build
from topo import standard
from topo.process import Process, poll
from topo.world import World, report, tcp_options

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .test_modes import connections, route_to_clients

DIRECT = standard.SERVERS[:2]
IPV4 = Path("/proc/sys/net/ipv4/conf")


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    """Two servers in DR and one in NAT."""
    modes = ("dr", "dr", "nat")
    made = make_world(standard.config(modes=modes, local_addresses=(), timeouts=CLOSING, established_timeout=2.0))
    route_to_clients(made, standard.SERVERS[2])
    for server in DIRECT:
        listener = take_vip(made, server)
        poll(partial(is_ready, listener), 10, f"{server} listens on the VIP")
        for client in standard.CLIENTS:
            shortcut(made, server, client)
    return made


def take_vip(world: World, server: str) -> Process:
    """What ``server`` needs: the VIP on lo, silence about it, and a listener."""
    with world.network.inside(server), IPRoute() as ip:
        ip.addr("add", index=ip.link_lookup(ifname="lo")[0], address=str(standard.VIP), prefixlen=32)
        (IPV4 / "all/arp_ignore").write_text("1")
        (IPV4 / "all/arp_announce").write_text("2")
    command = [str(build.tool("echo_server")), "--address", str(standard.VIP), "--port", str(standard.VPORT)]
    return world.network.start(server, f"direct-{server}", [*command, "--name", server])


def is_ready(process: Process) -> bool:
    process.check_running()
    return "ready" in process.output


def shortcut(world: World, server: str, client: str) -> None:
    """The server's way to the client, where the client gets packets that it does not send back there."""
    world.network.join(server, client)
    with world.network.inside(client):
        for name in ("all", f"to-{server}"):
            (IPV4 / name / "rp_filter").write_text("0")
    with world.network.inside(server), IPRoute() as ip:
        index = ip.link_lookup(ifname=f"to-{client}")[0]
        ip.route("add", dst=f"{world.network.address(client)}/32", oif=index, scope="link")


def test_servers_in_dr_are_the_vip_and_answer_past_the_switch(world: World) -> None:
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    for answer in answers:
        assert (answer.toa, answer.toa_options, answer.peer) == (None, 0, answer.client)
    assert_clean(world)
    (service,) = world.stack.stats()["services"]
    sent = {server["server"]: server["out_packets"] for server in service["servers"]}
    assert [bool(sent[f"{world.network.address(server)}:80"]) for server in standard.SERVERS] == [False, False, True]


def test_nothing_of_the_clients_syn_is_lost(world: World) -> None:
    with contextlib.closing(world.http("c1")) as connection:
        assert tcp_options(connection.sock) == {"sack", "window scaling", "timestamps"}
    assert_clean(world)


@pytest.mark.parametrize("close", ["fin", "half", "server", "rst"])
def test_connections_close_in_every_way(world: World, sizes: Sizes, close: str) -> None:
    each = sizes.connections // 8
    loads = [
        world.start_load(client, n=each, c=50, request=100, answer=1000, close=close) for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_clean(world)


def test_a_large_request(world: World, sizes: Sizes) -> None:
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=sizes.transfer // 4, answer=10), 3)
    assert_clean(world)


def test_both_ends_of_idle_connections_are_told(world: World) -> None:
    with contextlib.ExitStack() as open_ones:
        socks = [open_ones.enter_context(contextlib.closing(world.http("c1"))).sock for _ in standard.SERVERS]
        for sock in socks:
            sock.settimeout(30)
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
    poll(lambda: not connections(world), 10, "no server has a connection left", interval=0.1)
    assert_clean(world)
