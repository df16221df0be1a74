"""Tunnels with outer headers of IPv6, and packets of either family in them, with the kernel's TCP at both ends.

The first server takes off IPv6, the second IPv6 and UDP, the third IPv4: what is in it, of either family.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from topo import standard
from topo.model import Impairment
from topo.process import poll
from topo.world import World, report
from topo.world import world as make_one

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import Sizes
from .families import Worlds
from .modes import decapsulate, is_ready, shortcut, take_vip
from .test_path_mtu import known_mtu

SERVERS = ((6, "tunnel", ("--ipv6",)), (6, "gue", ("--ipv6", "--gue")), (4, "tunnel", ()))
"""By server, the family of its outer headers, its mode, and the options of topo.decapsulate."""
MTU, LONGEST_HEADERS = 1500, 40 + 8
CLIENTS = pytest.mark.parametrize("clients", [4, 6], ids=["IPv4", "IPv6"])


def config() -> str:
    """A service of each family with all three servers."""
    lines = [standard.config(families=(4, 6), timeouts=CLOSING).partition("[[virtual_server]]")[0]]
    for plan in standard.FAMILIES.values():
        lines += ["[[virtual_server]]", f'address = "{plan.vip}"', f"port = {standard.VPORT}", 'scheduler = "rr"']
        lines += ["established_timeout = 5"]  # the wire loses resets
        for number, (family, mode, _) in enumerate(SERVERS):
            address, port = standard.FAMILIES[family].servers[number]
            lines += ["[[virtual_server.real_server]]", f'address = "{address}"', f"port = {port}", f'mode = "{mode}"']
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=[None, Impairment(loss=0.01, reorder=0.02)], ids=["good wires", "bad wires"])
def worlds(request: pytest.FixtureRequest, target: str) -> Iterator[Worlds]:
    """One network, by the family of the clients."""
    if target == "asic":
        pytest.skip("the ASIC's program has no tunnels")
    with make_one(config(), target=target, impairment=request.param, family=6) as v6:
        made = {4: World(v6.network, v6.stack), 6: v6}
        ready = [take_vip(world, server) for world in made.values() for server in standard.SERVERS]
        for server, (_, _, options) in zip(standard.SERVERS, SERVERS, strict=True):
            ready.append(decapsulate(v6, server, *options))
            for client in standard.CLIENTS:
                shortcut(v6, server, client, (4, 6))
        for process in ready:
            poll(partial(is_ready, process), 20, f"{process.name} is ready")
        yield made


@CLIENTS
def test_every_server_sees_the_client_itself(worlds: Worlds, clients: int) -> None:
    answers = [worlds[clients].get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    assert all((answer.toa, answer.peer) == (None, answer.client) for answer in answers)
    assert_clean(worlds[clients])


def test_connections_of_both_families_close_in_every_way(worlds: Worlds, sizes: Sizes) -> None:
    each = sizes.connections // 20
    loads = [
        worlds[clients].start_load(client, n=each, c=20, request=100, answer=1000, close=close)
        for clients, client, close in ((4, "c1", "fin"), (6, "c1", "server"), (4, "c2", "rst"), (6, "c2", "half"))
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_clean(worlds[6])


@CLIENTS
def test_large_requests_when_icmp_is_the_only_hint_of_the_mtu(worlds: Worlds, sizes: Sizes, clients: int) -> None:
    """One by each server. The client learns what the longest of the headers leaves."""
    world = worlds[clients]
    size = sizes.transfer // 32
    assert_all_good(world.load("c1", n=3, c=3, timeout=110, limit=115, request=size, answer=10), 3)
    assert known_mtu(world, "c1", world.plan.vip) == MTU - LONGEST_HEADERS
    assert_clean(world)
