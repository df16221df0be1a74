"""The topology of the demonstration and the end-to-end tests.

::

    c1 10.1.0.1 --+                                           +-- s1 10.2.0.11
                  +-- lan-clients -- [1] switch [2] -- lan-servers --+-- s2 10.2.0.12
    c2 10.1.0.2 --+   10.1.0.254           10.2.0.254         +-- s3 10.2.0.13
                            VIP 10.9.0.1:80
                            local addresses 10.2.0.100 to .103

With IPv6 everybody has both families: fd00:1::1, fd00:2::11 and so on, as :data:`V6` has them.

The servers have no default route and none to the clients: an answer reaches a client only because the source
address that the server saw was a local address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from itertools import zip_longest

from fullnat.config.model import IpAddress, IpInterface, IpNetwork

from topo.model import Host, HostRoute, Impairment, Subnet, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The addresses of one family."""

    version: int
    vip: IpAddress
    vips: IpNetwork
    """Where clients have a route to."""
    local_addresses: tuple[IpAddress, ...]
    gateways: tuple[IpInterface, IpInterface]
    """The switch's address on the clients' side and on the servers'."""

    @property
    def target(self) -> str:
        """The service, as tools take it."""
        return f"[{self.vip}]:{VPORT}" if self.version == 6 else f"{self.vip}:{VPORT}"

    def is_local(self, endpoint: str) -> bool:
        """Whether it is a port of a local address."""
        return endpoint.rpartition(":")[0].strip("[]") in map(str, self.local_addresses)

    @property
    def servers(self) -> list[tuple[IpAddress, int]]:
        network = self.gateways[1].network
        return [(network[FIRST_SERVER[self.version] + i], VPORT) for i in range(len(SERVERS))]


VIP = IPv4Address("10.9.0.1")
VPORT = 80
LOCAL_ADDRESSES = tuple(IPv4Address("10.2.0.100") + i for i in range(4))
CLIENTS = ("c1", "c2")
SERVERS = ("s1", "s2", "s3")
CLIENT_GATEWAY = IPv4Interface("10.1.0.254/24")
SERVER_GATEWAY = IPv4Interface("10.2.0.254/24")
FIRST_SERVER = {4: 11, 6: 0x11}
"""The host part of its address."""
V4 = Family(
    version=4,
    vip=VIP,
    vips=IPv4Network("10.9.0.0/24"),
    local_addresses=LOCAL_ADDRESSES,
    gateways=(CLIENT_GATEWAY, SERVER_GATEWAY),
)
V6 = Family(
    version=6,
    vip=IPv6Address("fd00:9::1"),
    vips=IPv6Network("fd00:9::/64"),
    local_addresses=tuple(IPv6Address("fd00:2::100") + i for i in range(4)),
    gateways=(IPv6Interface("fd00:1::fe/64"), IPv6Interface("fd00:2::fe/64")),
)
FAMILIES = {4: V4, 6: V6}
SWITCH_MACS = {1: "02:f4:00:00:00:01", 2: "02:f4:00:00:00:02"}


def topology(impairment: Impairment | None = None, mtu: int = 1500, *, v6: bool = False) -> Topology:
    """Two clients on port 1, three servers on port 2, with IPv6 beside IPv4 or without. ``impairment`` is on the
    clients' wire."""
    routes = tuple(HostRoute(prefix=each.vips, gateway=each.gateways[0].ip) for each in (V4, V6)[: 1 + v6])
    clients = tuple(
        Host(
            name=name,
            address=IPv4Interface(f"10.1.0.{i}/24"),
            address6=IPv6Interface(f"fd00:1::{i}/64") if v6 else None,
            routes=routes,
        )
        for i, name in enumerate(CLIENTS, 1)
    )
    servers = tuple(
        Host(
            name=name,
            address=IPv4Interface(f"10.2.0.{i}/24"),
            address6=IPv6Interface(f"fd00:2::{i}/64") if v6 else None,
        )
        for i, name in enumerate(SERVERS, 11)
    )
    return Topology(
        subnets=(
            Subnet(name="clients", port=1, hosts=clients, mtu=mtu, impairment=impairment),
            Subnet(name="servers", port=2, hosts=servers, mtu=mtu),
        )
    )


def config(
    *,
    families: Sequence[int] = (4,),
    servers: Sequence[tuple[IpAddress, int]] | None = None,
    modes: Sequence[str] = (),
    weights: Sequence[int] = (),
    local_addresses: Sequence[IpAddress] | None = None,
    scheduler: str = "rr",
    established_timeout: float = 90.0,
    timeouts: dict[str, float] | None = None,
    mtu: int = 1500,
    options: Sequence[str] = (),
    extra: str = "",
) -> str:
    """The controller's configuration file (TOML) for :func:`topology`, with a service of each of ``families``.
    ``timeouts`` are seconds by TCP state, ``extra`` are lines of top-level options, ``options`` those of each service.
    ``modes`` and ``weights``: of each of ``servers``, if not the service's, or 1."""
    lines = [extra] if extra else []
    for port in (1, 2):
        addresses = ", ".join(f'"{FAMILIES[family].gateways[port - 1]}"' for family in families)
        lines += ["[[interface]]", f"port = {port}", f'mac = "{SWITCH_MACS[port]}"', f"address = [{addresses}]"]
        lines += [f"mtu = {mtu}", ""]
    if timeouts:
        lines += ["[timeouts]", *(f"{state} = {seconds}" for state, seconds in timeouts.items()), ""]
    for family in families:
        plan = FAMILIES[family]
        lines += ["[[virtual_server]]", f'address = "{plan.vip}"', f"port = {VPORT}", f'scheduler = "{scheduler}"']
        lines += [f"established_timeout = {established_timeout}", *options]
        locals_ = plan.local_addresses if local_addresses is None else local_addresses
        lines += ["local_addresses = [" + ", ".join(f'"{a}"' for a in locals_) + "]"]
        for (address, port), mode, weight in zip_longest(servers or plan.servers, modes, weights):
            lines += ["", "[[virtual_server.real_server]]", f'address = "{address}"', f"port = {port}"]
            lines += [f'mode = "{mode}"'] if mode else []
            lines += [] if weight is None else [f"weight = {weight}"]
        lines += [""]
    return "\n".join(lines) + "\n"
