"""What ICMP errors are for, with the kernel's TCP at both ends: the path's MTU found both ways, and the path itself.

::

    c1 10.10.0.1 -- rc -- 10.1.0.0/24 -- [1] switch [2] -- 10.2.0.0/24 -- rs -- s1 10.3.0.11
          10.10.0.254  10.1.0.1                                   10.2.0.1  10.3.0.254

and the same over IPv6. Towards c1 and s1 the routers' links are narrow, which nobody knows but they: both ends announce
the MSS of a wide one.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from fullnat.config.model import IpAddress, IpInterface, IpNetwork
from fullnat.p4constants import TOA_V4_BYTES, TOA_V6_BYTES
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
TOA_BYTES = {4: TOA_V4_BYTES, 6: TOA_V6_BYTES}
TIMEOUTS = {**CLOSING, "syn_recv": 2.0}
FORWARDS = (("ipv6/conf/all/forwarding", "1"),)


@dataclass(frozen=True, slots=True)
class Side:
    """A router, and one host behind it that has a route to everything by it."""

    router: IpInterface
    inside: IpInterface
    host: IpAddress

    @property
    def network(self) -> IpNetwork:
        return self.inside.network

    def made(self, names: tuple[str, str], plan: standard.Family) -> Host:
        """``names``: of the router and of the host."""
        everything = HostRoute(prefix=ip_network("::/0" if plan.version == 6 else "0.0.0.0/0"), gateway=self.inside.ip)
        size = self.network.prefixlen
        behind = (Host(name=names[1], **of(ip_interface(f"{self.host}/{size}")), routes=(everything,)),)
        vips = (HostRoute(prefix=plan.vips, gateway=plan.gateways[0].ip),) if names[0] == "rc" else ()
        return Host(name=names[0], **of(self.router), routes=vips, inside=self.inside, behind=behind, sysctls=FORWARDS)


def of(interface: IpInterface) -> dict[str, Any]:
    """The address of a host, and no other."""
    return {"address": None, "address6": interface} if interface.version == 6 else {"address": interface}


SIDES = {
    4: (
        Side(ip_interface("10.1.0.1/24"), ip_interface("10.10.0.254/24"), ip_address("10.10.0.1")),
        Side(ip_interface("10.2.0.1/24"), ip_interface("10.3.0.254/24"), ip_address("10.3.0.11")),
    ),
    6: (
        Side(ip_interface("fd00:1::1/64"), ip_interface("fd00:a::fe/64"), ip_address("fd00:a::1")),
        Side(ip_interface("fd00:2::1/64"), ip_interface("fd00:3::fe/64"), ip_address("fd00:3::11")),
    ),
}
"""The clients' and the servers', by family."""


@contextlib.contextmanager
def routed_world(target: str, family: int) -> Iterator[World]:
    plan, (client, server) = standard.FAMILIES[family], SIDES[family]
    subnets = (
        Subnet(name="clients", port=1, hosts=(client.made(("rc", "c1"), plan),)),
        Subnet(name="servers", port=2, hosts=(server.made(("rs", "s1"), plan),)),
    )
    lines = [standard.config(families=(family,), servers=[(server.host, standard.VPORT)], timeouts=TIMEOUTS)]
    for side in (client, server):
        lines += ["[[route]]", f'prefix = "{side.network}"', f'gateway = "{side.router.ip}"', ""]
    with Network(Topology(subnets=subnets), offloads=takes_offloads(target)) as network:
        for router in ("rc", "rs"):
            with network.inside(router), IPRoute() as ip:
                ip.link("set", index=ip.link_lookup(ifname="br0")[0], mtu=NARROW)
        made = World(network, Stack(network, "\n".join(lines), target), family)
        command = [str(build.tool("echo_server")), "--address", str(server.host), "--port", "80", "--name", "s1"]
        made.servers["s1"] = network.start("s1", "server-s1", command)
        poll(partial(is_ready, made.servers["s1"]), 10, "the server listens")
        made.stack.start()
        yield made


@pytest.fixture(scope="module")
def routed(target: str, family: int) -> Iterator[World]:
    with routed_world(target, family) as made:
        yield made


def known_mtu(world: World, host: str, destination: IpAddress) -> int | None:
    """What the kernel of ``host`` has learned of the way to ``destination``; None if nothing."""
    family = socket.AF_INET6 if destination.version == 6 else socket.AF_INET
    with world.network.inside(host), IPRoute() as ip:
        (route,) = ip.route("get", dst=str(destination), family=family)
        metrics = route.get_attr("RTA_METRICS")
        found = None if metrics is None else metrics.get_attr("RTAX_MTU")
        return None if found is None else int(found)


def test_large_transfers_both_ways_when_icmp_is_the_only_hint_of_the_mtu(routed: World, sizes: Sizes) -> None:
    """The server learns of the clients' link, and the client of the servers', less what TOA adds."""
    size = sizes.transfer // 8
    vip, toa_bytes = routed.plan.vip, TOA_BYTES[routed.family]
    assert known_mtu(routed, "c1", vip) is None
    assert_all_good(routed.load("c1", n=3, c=3, timeout=110, limit=115, request=size, answer=size), 3)
    assert known_mtu(routed, "c1", vip) == NARROW - toa_bytes
    learned = {known_mtu(routed, "s1", local) for local in routed.plan.local_addresses}
    assert learned <= {None, NARROW}
    assert NARROW in learned
    assert_clean(routed)


def test_the_way_to_the_service_is_seen_hop_by_hop(routed: World) -> None:
    """The clients' router, the switch, behind it the virtual address for whatever is there, and the service itself."""
    client, _ = SIDES[routed.family]
    hops = [hop(routed, ttl) for ttl in (1, 2, 3)]
    assert hops == [str(each) for each in (client.inside.ip, routed.plan.gateways[0].ip, routed.plan.vip)]
    assert hop(routed, 4) is None
    routed.drained()
    # What Linux counts where a TTL ends; of a SYN that was sent again, again.
    counter = "Ip6InHdrErrors" if routed.family == 6 else "IpInHdrErrors"
    assert {router: set(errors) for router, errors in routed.errors().items()} == {"rc": {counter}, "rs": {counter}}


def hop(world: World, ttl: int) -> str | None:
    """Who tells a client that its SYN with this TTL went no further; None if it arrived."""
    six = world.family == 6
    family = socket.AF_INET6 if six else socket.AF_INET
    option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if six else (socket.IPPROTO_IP, socket.IP_TTL)
    with (
        world.network.inside("c1"),
        contextlib.closing(
            socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
        ) as errors,
        contextlib.closing(socket.socket(family)) as probe,
    ):
        errors.settimeout(10)
        probe.settimeout(10)
        probe.setsockopt(*option, ttl)
        code = probe.connect_ex((str(world.plan.vip), standard.VPORT))
        if code == 0:
            return None
        assert code == errno.EHOSTUNREACH, errno.errorcode.get(code, code)
        while True:
            message, (source, *_) = errors.recvfrom(2048)
            # With IPv6 neighbor discovery is heard as well, and the IP header is not.
            header = 0 if six else (message[0] & 15) * 4
            if tuple(message[header : header + 2]) == ((3, 0) if six else (11, 0)):
                return str(source)


def test_the_switch_itself_tells_of_a_narrow_way(make_world: MakeWorld, sizes: Sizes, family: int) -> None:
    """The ways from the switch are narrow both ways, by its configuration; hosts think theirs are as wide as ever."""
    world = make_world(standard.config(families=(family,), mtu=NARROW, timeouts=CLOSING), family=family)
    size = sizes.transfer // 8
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=size, answer=size), 3)
    assert world.stack.stats()["controller"]["too_big"] >= 2
    assert known_mtu(world, "c1", world.plan.vip) == NARROW - TOA_BYTES[family]
    assert_clean(world)
