"""The topology of the demonstration and the end-to-end tests.

::

    c1 10.1.0.1 --+                                           +-- s1 10.2.0.11
                  +-- lan-clients -- [1] switch [2] -- lan-servers --+-- s2 10.2.0.12
    c2 10.1.0.2 --+   10.1.0.254           10.2.0.254         +-- s3 10.2.0.13
                            VIP 10.9.0.1:80
                            local addresses 10.2.0.100 to .103

The servers have no default route and none to the clients: an answer reaches a client only because the source
address that the server saw was a local address.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import zip_longest

from topo.model import Host, HostRoute, Impairment, Subnet, Topology

VIP = IPv4Address("10.9.0.1")
VPORT = 80
LOCAL_ADDRESSES = tuple(IPv4Address("10.2.0.100") + i for i in range(4))
CLIENTS = ("c1", "c2")
SERVERS = ("s1", "s2", "s3")
CLIENT_GATEWAY = IPv4Interface("10.1.0.254/24")
SERVER_GATEWAY = IPv4Interface("10.2.0.254/24")
SWITCH_MACS = {1: "02:f4:00:00:00:01", 2: "02:f4:00:00:00:02"}


def topology(impairment: Impairment | None = None, mtu: int = 1500) -> Topology:
    """Two clients on port 1, three servers on port 2. ``impairment`` is on the clients' wire."""
    to_vips = HostRoute(prefix=IPv4Network("10.9.0.0/24"), gateway=CLIENT_GATEWAY.ip)
    clients = tuple(
        Host(name=name, address=IPv4Interface(f"10.1.0.{i}/24"), routes=(to_vips,)) for i, name in enumerate(CLIENTS, 1)
    )
    servers = tuple(Host(name=name, address=IPv4Interface(f"10.2.0.{i}/24")) for i, name in enumerate(SERVERS, 11))
    return Topology(
        subnets=(
            Subnet(name="clients", port=1, hosts=clients, mtu=mtu, impairment=impairment),
            Subnet(name="servers", port=2, hosts=servers, mtu=mtu),
        )
    )


def config(
    *,
    servers: Sequence[tuple[IPv4Address, int]] | None = None,
    modes: Sequence[str] = (),
    weights: Sequence[int] = (),
    local_addresses: Sequence[IPv4Address] = LOCAL_ADDRESSES,
    scheduler: str = "rr",
    established_timeout: float = 90.0,
    timeouts: dict[str, float] | None = None,
    mtu: int = 1500,
    extra: str = "",
    service: Sequence[str] = (),
) -> str:
    """The controller's configuration file (TOML) for :func:`topology`. ``timeouts`` are seconds by TCP state,
    ``extra`` are lines of top-level options, ``service`` of the service's. ``modes`` and ``weights``: of each of
    ``servers``, if not the service's, or 1."""
    if servers is None:
        servers = [(IPv4Address(f"10.2.0.{i}"), 80) for i, _ in enumerate(SERVERS, 11)]
    lines = [extra] if extra else []
    for port, gateway in ((1, CLIENT_GATEWAY), (2, SERVER_GATEWAY)):
        lines += ["[[interface]]", f"port = {port}", f'mac = "{SWITCH_MACS[port]}"', f'address = "{gateway}"']
        lines += [f"mtu = {mtu}", ""]
    if timeouts:
        lines += ["[timeouts]", *(f"{state} = {seconds}" for state, seconds in timeouts.items()), ""]
    lines += ["[[virtual_server]]", f'address = "{VIP}"', f"port = {VPORT}", f'scheduler = "{scheduler}"']
    lines += [f"established_timeout = {established_timeout}"]
    lines += service
    lines += ["local_addresses = [" + ", ".join(f'"{a}"' for a in local_addresses) + "]"]
    for (address, port), mode, weight in zip_longest(servers, modes, weights):
        lines += ["", "[[virtual_server.real_server]]", f'address = "{address}"', f"port = {port}"]
        lines += [f'mode = "{mode}"'] if mode else []
        lines += [] if weight is None else [f"weight = {weight}"]
    return "\n".join(lines) + "\n"
