"""What tests of forwarding modes share: servers that answer clients themselves, and what holds in every mode."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_interface
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from bench.tools import build
from topo import standard
from topo.addresses import assign
from topo.process import Process, poll
from topo.world import World, report

from .checks import assert_all_good, assert_clean

INSIDE = str(standard.SERVER_GATEWAY.ip)
CLIENTS = str(standard.CLIENT_GATEWAY.network)
IPV4 = Path("/proc/sys/net/ipv4/conf")
ESTABLISHED = "01"
"""As /proc/net/tcp has it."""
CLOSES = ["fin", "half", "server", "rst"]
"""The ways of conn_load to end a connection."""


def route_to_clients(world: World, *servers: str) -> None:
    for server in servers:
        with world.network.inside(server), IPRoute() as ip:
            ip.route("add", dst=CLIENTS, gateway=INSIDE)


def add_vip(world: World, server: str) -> None:
    """The VIP on lo of ``server``, and silence about it."""
    with world.network.inside(server), IPRoute() as ip:
        assign(ip, "lo", ip_interface(world.plan.vip))
        (IPV4 / "all/arp_ignore").write_text("1")
        (IPV4 / "all/arp_announce").write_text("2")


def take_vip(world: World, server: str) -> Process:
    """What ``server`` needs: the VIP, and a listener."""
    add_vip(world, server)
    command = [str(build.tool("echo_server")), "--address", str(world.plan.vip), "--port", str(standard.VPORT)]
    return world.network.start(server, f"direct{world.family}-{server}", [*command, "--name", server])


def decapsulate(world: World, server: str, *options: str) -> Process:
    """The far end of tunnels at ``server``; ``options`` are those of topo.decapsulate."""
    with world.network.inside(server):
        # What comes out of the tunnel has its source elsewhere.
        for name in ("all", "default"):
            (IPV4 / name / "rp_filter").write_text("0")
    return world.network.start(server, f"decapsulate-{server}", [sys.executable, "-m", "topo.decapsulate", *options])


def is_ready(process: Process) -> bool:
    process.check_running()
    return "ready" in process.output


def shortcut(world: World, server: str, client: str, families: Sequence[int] = (4,)) -> None:
    """The server's way to the client, where the client gets packets that it does not send back there."""
    world.network.join(server, client)
    for family in families:
        (_shortcut6 if family == 6 else _shortcut4)(world, server, client)


def _shortcut4(world: World, server: str, client: str) -> None:
    with world.network.inside(client):
        for name in ("all", f"to-{server}"):
            (IPV4 / name / "rp_filter").write_text("0")
    with world.network.inside(server), IPRoute() as ip:
        index = ip.link_lookup(ifname=f"to-{client}")[0]
        ip.route("add", dst=f"{world.network.address(client)}/32", oif=index, scope="link")


def _shortcut6(world: World, server: str, client: str) -> None:
    """The client's end answers no solicitation for an address of eth0."""
    address = str(world.network.address(client, 6))
    with world.network.inside(client), IPRoute() as ip:
        (link,) = ip.get_links(ifname=f"to-{server}")
        mac = link.get_attr("IFLA_ADDRESS")
    with world.network.inside(server), IPRoute() as ip:
        index = ip.link_lookup(ifname=f"to-{client}")[0]
        ip.neigh("add", dst=address, lladdr=mac, ifindex=index, state="permanent", family=socket.AF_INET6)
        ip.route("add", dst=f"{address}/128", oif=index)


def connections(world: World) -> list[str]:
    """Established connections with clients, as the servers' kernels have them: server and peer."""
    network = standard.CLIENT_GATEWAY.network.network_address.packed[:3][::-1].hex().upper()
    found = []
    for server in standard.SERVERS:
        with world.network.inside(server):
            lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
        fields = [line.split() for line in lines]
        found += [
            f"{server} {peer}" for _, _, peer, state, *_ in fields if state == ESTABLISHED and peer[2:8] == network
        ]
    return found


def assert_connections_close(world: World, each: int, at_once: int, close: str) -> None:
    """Every client opens ``each`` connections and ends them all in one of the :data:`CLOSES`."""
    loads = [
        world.start_load(client, n=each, c=at_once, request=100, answer=1000, close=close)
        for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_clean(world)


def assert_idle_ones_are_told(world: World, count: int) -> None:
    """Both ends of ``count`` idle connections of one client are reset when their time is up."""
    with contextlib.ExitStack() as open_ones:
        socks = [open_ones.enter_context(contextlib.closing(world.http("c1"))).sock for _ in range(count)]
        for sock in socks:
            sock.settimeout(30)
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
    poll(lambda: not connections(world), 10, "no server has a connection left", interval=0.1)
    assert_clean(world)
