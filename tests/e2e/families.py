"""What tests of NAT64 and NAT46 share: services of both families, each with servers of the other one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from topo import standard
from topo.model import Impairment
from topo.world import World
from topo.world import world as make_one

from .checks import CLOSING

DNS_PORT = 53
OTHER = {4: 6, 6: 4}
Worlds = dict[int, World]
"""One network, by the family of the clients; servers of either answer."""


def service(clients: int, port: int = standard.VPORT, *options: str) -> str:
    """A [[virtual_server]] whose clients are of one family, local addresses and servers of the other."""
    outer, inner = standard.FAMILIES[clients], standard.FAMILIES[OTHER[clients]]
    lines = ["[[virtual_server]]", f'address = "{outer.vip}"', f"port = {port}", 'scheduler = "rr"', *options]
    lines += [f"local_addresses = {[*map(str, inner.local_addresses)]}"]
    for address, _ in inner.servers:
        lines += ["[[virtual_server.real_server]]", f'address = "{address}"', f"port = {port}"]
    return "\n".join(lines) + "\n"


def config() -> str:
    """NAT64 and NAT46, of TCP and of UDP."""
    head = standard.config(families=(4, 6), timeouts=CLOSING).partition("[[virtual_server]]")[0]
    datagrams = ('protocol = "udp"', "established_timeout = 2", "timeouts = { udp_oneway = 1 }")
    services = [service(clients) + service(clients, DNS_PORT, *datagrams) for clients in OTHER]
    return head + "".join(services)


@contextlib.contextmanager
def worlds(target: str, impairment: Impairment | None = None) -> Iterator[Worlds]:
    with make_one(config(), target=target, impairment=impairment, family=6) as v6:
        v4 = World(v6.network, v6.stack)
        v4.start_servers()
        yield {4: v4, 6: v6}
