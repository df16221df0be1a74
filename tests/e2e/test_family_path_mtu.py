"""The path's MTU found by ICMP errors alone, where these change their family on the way to who has to know.

The routers are those of :mod:`.test_path_mtu`: one of the clients' family, one of the servers'.
"""

from __future__ import annotations

from functools import partial

import pytest
from fullnat.p4constants import TOA_V4_BYTES, TOA_V6_BYTES
from pyroute2 import IPRoute

from bench.tools import build
from topo import standard
from topo.model import Subnet, Topology
from topo.netns import Network
from topo.process import poll
from topo.stack import Stack, takes_offloads
from topo.world import World

from .checks import assert_all_good, assert_clean
from .conftest import Sizes
from .families import OTHER
from .modes import is_ready
from .test_path_mtu import NARROW, SIDES, TIMEOUTS, known_mtu

LONGER = 20
"""A header of IPv6 than one of IPv4."""


@pytest.mark.parametrize(
    ("clients", "told_client", "told_server"),
    [(6, NARROW + LONGER - TOA_V6_BYTES, NARROW - LONGER), (4, NARROW - LONGER - TOA_V4_BYTES, NARROW + LONGER)],
    ids=["NAT64", "NAT46"],
)
def test_large_transfers_both_ways(target: str, sizes: Sizes, clients: int, told_client: int, told_server: int) -> None:
    if target == "asic":
        pytest.skip("the ASIC's program translates between no families")
    (outside, _), (_, inside) = SIDES[clients], SIDES[OTHER[clients]]
    outer, inner = standard.FAMILIES[clients], standard.FAMILIES[OTHER[clients]]
    topology = Topology(
        subnets=(
            Subnet(name="clients", port=1, hosts=(outside.made(("rc", "c1"), outer),)),
            Subnet(name="servers", port=2, hosts=(inside.made(("rs", "s1"), inner),)),
        )
    )
    head = standard.config(families=(4, 6), timeouts=TIMEOUTS).partition("[[virtual_server]]")[0]
    lines = [head, "[[virtual_server]]", f'address = "{outer.vip}"', f"port = {standard.VPORT}"]
    lines += [f"local_addresses = {[*map(str, inner.local_addresses)]}"]
    lines += ["[[virtual_server.real_server]]", f'address = "{inside.host}"', f"port = {standard.VPORT}"]
    for side in (outside, inside):
        lines += ["[[route]]", f'prefix = "{side.network}"', f'gateway = "{side.router.ip}"']
    with Network(topology, offloads=takes_offloads(target)) as network:
        for router in ("rc", "rs"):
            with network.inside(router), IPRoute() as ip:
                ip.link("set", index=ip.link_lookup(ifname="br0")[0], mtu=NARROW)
        world = World(network, Stack(network, "\n".join(lines) + "\n", target), clients)
        command = [str(build.tool("echo_server")), "--address", str(inside.host), "--port", "80", "--name", "s1"]
        server = network.start("s1", "server-s1", command)
        poll(partial(is_ready, server), 10, "the server listens")
        world.stack.start()
        size = sizes.transfer // 32
        assert_all_good(world.load("c1", n=2, c=2, timeout=110, limit=115, request=size, answer=size), 2)
        assert known_mtu(world, "c1", outer.vip) == told_client
        assert {known_mtu(world, "s1", local) for local in inner.local_addresses} - {None} == {told_server}
        assert_clean(world)
