"""What ICMP errors are for, with the kernel's TCP at both ends: the path's MTU found both ways, and the path itself.

::

    c1 10.10.0.1 -- rc -- 10.1.0.0/24 -- [1] switch [2] -- 10.2.0.0/24 -- rs -- s1 10.3.0.11
          10.10.0.254  10.1.0.1                                   10.2.0.1  10.3.0.254

Towards c1 and s1 the routers' links are narrow, which nobody knows but they: both ends announce an MSS of 1460.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from fullnat.p4constants import TOA_V4_BYTES
from pyroute2 import IPRoute

from bench.tools import build
from topo import standard
from topo.model import Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.process import poll
from topo.stack import Stack, takes_offloads
from topo.world import World

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes
from .modes import is_ready

NARROW = 1400
CLIENTS, SERVERS = IPv4Network("10.10.0.0/24"), IPv4Network("10.3.0.0/24")
CLIENTS_ROUTER, SERVERS_ROUTER = IPv4Interface("10.1.0.1/24"), IPv4Interface("10.2.0.1/24")
SERVER = IPv4Address("10.3.0.11")
TIMEOUTS = {**CLOSING, "syn_recv": 2.0}


def routed_side(name: str, router: IPv4Interface, host: str, address: IPv4Address, inside: IPv4Network) -> Host:
    """A router, and one host behind it that has a route to everything by it."""
    gateway = IPv4Interface(f"{inside[-2]}/{inside.prefixlen}")
    everything = (HostRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=gateway.ip),)
    behind = (Host(name=host, address=IPv4Interface(f"{address}/{inside.prefixlen}"), routes=everything),)
    vips = (HostRoute(prefix=IPv4Network("10.9.0.0/24"), gateway=standard.CLIENT_GATEWAY.ip),)
    return Host(name=name, address=router, routes=vips if name == "rc" else (), inside=gateway, behind=behind)


@contextlib.contextmanager
def routed_world(target: str) -> Iterator[World]:
    client = routed_side("rc", CLIENTS_ROUTER, "c1", CLIENTS[1], CLIENTS)
    server = routed_side("rs", SERVERS_ROUTER, "s1", SERVER, SERVERS)
    sides = (Subnet(name="clients", port=1, hosts=(client,)), Subnet(name="servers", port=2, hosts=(server,)))
    lines = [standard.config(servers=[(SERVER, standard.VPORT)], timeouts=TIMEOUTS)]
    for inside, router in ((CLIENTS, CLIENTS_ROUTER), (SERVERS, SERVERS_ROUTER)):
        lines += ["[[route]]", f'prefix = "{inside}"', f'gateway = "{router.ip}"', ""]
    with Network(Topology(subnets=sides), offloads=takes_offloads(target)) as network:
        for router_name in ("rc", "rs"):
            with network.inside(router_name), IPRoute() as ip:
                ip.link("set", index=ip.link_lookup(ifname="br0")[0], mtu=NARROW)
        made = World(network, Stack(network, "\n".join(lines), target))
        command = [str(build.tool("echo_server")), "--address", str(SERVER), "--port", "80", "--name", "s1"]
        made.servers["s1"] = network.start("s1", "server-s1", command)
        poll(partial(is_ready, made.servers["s1"]), 10, "the server listens")
        made.stack.start()
        yield made


@pytest.fixture(scope="module")
def routed(target: str) -> Iterator[World]:
    with routed_world(target) as made:
        yield made


def known_mtu(world: World, host: str, destination: IPv4Address) -> int | None:
    """What the kernel of ``host`` has learned of the way to ``destination``; None if nothing."""
    with world.network.inside(host), IPRoute() as ip:
        (route,) = ip.route("get", dst=str(destination))
        metrics = route.get_attr("RTA_METRICS")
        found = None if metrics is None else metrics.get_attr("RTAX_MTU")
        return None if found is None else int(found)


def test_large_transfers_both_ways_when_icmp_is_the_only_hint_of_the_mtu(routed: World, sizes: Sizes) -> None:
    """The server learns of the clients' link, and the client of the servers', less what TOA adds."""
    size = sizes.transfer // 8
    assert known_mtu(routed, "c1", standard.VIP) is None
    assert_all_good(routed.load("c1", n=3, c=3, timeout=110, limit=115, request=size, answer=size), 3)
    assert known_mtu(routed, "c1", standard.VIP) == NARROW - TOA_V4_BYTES
    learned = {known_mtu(routed, "s1", local) for local in standard.LOCAL_ADDRESSES}
    assert learned <= {None, NARROW}
    assert NARROW in learned
    assert_clean(routed)


def test_the_way_to_the_service_is_seen_hop_by_hop(routed: World) -> None:
    """The clients' router, the switch, behind it the virtual address for whatever is there, and the service itself."""
    hops = [hop(routed, ttl) for ttl in (1, 2, 3)]
    assert hops == [str(CLIENTS[-2]), str(standard.CLIENT_GATEWAY.ip), str(standard.VIP)]
    assert hop(routed, 4) is None
    routed.drained()
    # What Linux counts where a TTL ends.
    assert routed.errors() == {router: {"IpInHdrErrors": 1} for router in ("rc", "rs")}


def hop(world: World, ttl: int) -> str | None:
    """Who tells a client that its SYN with this TTL went no further; None if it arrived."""
    with (
        world.network.inside("c1"),
        contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)) as errors,
        contextlib.closing(socket.socket()) as probe,
    ):
        errors.settimeout(10)
        probe.settimeout(10)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        code = probe.connect_ex((str(standard.VIP), standard.VPORT))
        if code == 0:
            return None
        assert code == errno.EHOSTUNREACH, errno.errorcode.get(code, code)
        message, (source, _) = errors.recvfrom(2048)
        header = (message[0] & 15) * 4
        assert tuple(message[header : header + 2]) == (11, 0)
        return str(source)


def test_the_switch_itself_tells_of_a_narrow_way(make_world: MakeWorld, sizes: Sizes) -> None:
    """The ways from the switch are narrow both ways, by its configuration; hosts think theirs are as wide as ever."""
    world = make_world(standard.config(mtu=NARROW, timeouts=CLOSING))
    size = sizes.transfer // 8
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=size, answer=size), 3)
    assert world.stack.stats()["controller"]["too_big"] >= 2
    assert known_mtu(world, "c1", standard.VIP) == NARROW - TOA_V4_BYTES
    assert_clean(world)
