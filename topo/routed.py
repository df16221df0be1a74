"""A network where nobody is next door: clients behind a router, real servers in two other subnets.

::

    c1 10.10.0.1 --+                                         +-- s1 10.2.0.11
                   +-- r1 -- 10.1.0.0/24 -- [1] lb [2] ------+-- s2 10.2.0.12
    c2 10.10.0.2 --+   10.1.0.1       10.1.0.254 [3]  10.2.0.254
           10.10.0.254                            |
                            VIP 10.9.0.1          +----------+-- s3 10.3.0.13
                            10.8.0.1-10.8.0.4    10.3.0.254  +-- s4 10.3.0.14

The local addresses 10.8.0.1 to 10.8.0.4 are in nobody's subnet: real servers have one route, to them by the switch, and
none to the clients. s4 is spare. Port 80 of the VIP is served by s1, s2 and s3; for iperf3, which needs both of its
connections on one server, port 5201 is s1's alone and 5203 s3's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from topo.model import Host, HostRoute, Impairment, Subnet, Topology

VIP = IPv4Address("10.9.0.1")
HTTP = 80
IPERF = {5201: "s1", 5203: "s3"}
"""Ports of the VIP for iperf3, and whose they are."""
LOCAL_NETWORK = IPv4Network("10.8.0.0/24")
LOCAL_ADDRESSES = "10.8.0.1-10.8.0.4"
CLIENT_NETWORK = IPv4Network("10.10.0.0/24")
CLIENTS = ("c1", "c2")
ROUTER = IPv4Interface("10.1.0.1/24")
SERVERS = {
    "s1": IPv4Interface("10.2.0.11/24"),
    "s2": IPv4Interface("10.2.0.12/24"),
    "s3": IPv4Interface("10.3.0.13/24"),
    "s4": IPv4Interface("10.3.0.14/24"),
}
IN_SERVICE = ("s1", "s2", "s3")
"""The real servers of port 80 at first."""
GATEWAYS = {1: IPv4Interface("10.1.0.254/24"), 2: IPv4Interface("10.2.0.254/24"), 3: IPv4Interface("10.3.0.254/24")}
"""The switch's address by port."""
SWITCH_MACS = {port: f"02:f4:00:00:00:{port:02x}" for port in GATEWAYS}
MODES = ("fullnat",)
FAMILIES = (4,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``make topo`` lets one choose about the network."""

    mtu: int = 1500
    loss: float = 0.0
    """Share of packets lost on the wire of the clients, each way."""
    timeouts: tuple[tuple[str, float], ...] = ()
    """Seconds by TCP state, where not the controller's own."""


def mac(name: str) -> str:
    """A host's MAC address: 02 and the letters of its name."""
    return "02:" + name.encode().rjust(5, b"\0").hex(":")


def topology(options: Options) -> Topology:
    def host(name: str, address: IPv4Interface, prefix: IPv4Network, gateway: IPv4Address) -> Host:
        return Host(name=name, address=address, mac=mac(name), routes=(HostRoute(prefix=prefix, gateway=gateway),))

    inside = IPv4Interface(f"{CLIENT_NETWORK[-2]}/{CLIENT_NETWORK.prefixlen}")
    vips = IPv4Network(f"{VIP}/24", strict=False)
    clients = tuple(
        host(name, IPv4Interface(f"{CLIENT_NETWORK[i]}/24"), IPv4Network("0.0.0.0/0"), inside.ip)
        for i, name in enumerate(CLIENTS, 1)
    )
    to_vips = (HostRoute(prefix=vips, gateway=GATEWAYS[1].ip),)
    router = Host(name="r1", address=ROUTER, mac=mac("r1"), routes=to_vips, inside=inside, behind=clients)
    impairment = Impairment(loss=options.loss) if options.loss else None
    subnets = [Subnet(name="clients", port=1, hosts=(router,), mtu=options.mtu, impairment=impairment)]
    for port in (2, 3):
        gateway = GATEWAYS[port]
        servers = tuple(
            host(name, address, LOCAL_NETWORK, gateway.ip)
            for name, address in SERVERS.items()
            if address.network == gateway.network
        )
        subnets.append(Subnet(name=f"servers{port}", port=port, hosts=servers, mtu=options.mtu))
    # mininet's prompt has a command "switch", so no node can be called that.
    return Topology(subnets=tuple(subnets), switch="lb")


def config(options: Options, servers: Sequence[str] = IN_SERVICE) -> str:
    """The controller's configuration file (TOML); ``servers`` serve port 80."""
    lines = []
    for port, gateway in GATEWAYS.items():
        lines += ["[[interface]]", f"port = {port}", f'mac = "{SWITCH_MACS[port]}"', f'address = "{gateway}"']
        lines += [f"mtu = {options.mtu}", ""]
    lines += ["[[route]]", f'prefix = "{CLIENT_NETWORK}"', f'gateway = "{ROUTER.ip}"', ""]
    if options.timeouts:
        lines += ["[timeouts]", *(f"{state} = {seconds}" for state, seconds in options.timeouts), ""]
    for port, names in ((HTTP, servers), *((port, (name,)) for port, name in IPERF.items())):
        lines += ["[[virtual_server]]", f'address = "{VIP}"', f"port = {port}", 'scheduler = "rr"']
        lines += [f'local_addresses = ["{LOCAL_ADDRESSES}"]', ""]
        for name in names:
            lines += ["[[virtual_server.real_server]]", f'address = "{SERVERS[name].ip}"', f"port = {port}", ""]
    return "\n".join(lines)
