"""Two groups of one switch each, and a router that sends each virtual address to the group that has it.

::

    c1 10.10.0.1 --+                                   +--- [1] east1 [2] ---+                  +-- s1 10.2.0.11
                   +-- r1 10.1.0.1 -- 10.1.0.0/24 -----+  .21           .21  +---- 10.2.0.0/24 -+-- s2 10.2.0.12
    c2 10.10.0.2 --+                                   +--- [1] west1 [2] ---+                  +-- s3 10.2.0.13
                                                          .22           .22
    VIPs 10.9.0.N:80, one of each group by the rule; local addresses 10.2.0.100 and .101 of east, .102 and .103 of west

One configuration file is for both controllers, and so are the state directory and the network: each takes its group's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from fullnat.config.spread import group_of
from pyroute2 import IPRoute

from topo import standard
from topo.model import SWITCH_PREFIX, Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.stack import Json, Stack
from topo.standard import Family

NAMES = ("east", "west")
VIPS = {
    name: next(each for each in IPv4Network("10.9.0.0/24").hosts() if group_of(str(each), NAMES) == name)
    for name in NAMES
}
"""The first one that the rule gives to each group."""
LOCALS = {name: tuple(IPv4Address("10.2.0.100") + 2 * i + j for j in range(2)) for i, name in enumerate(NAMES)}
GATEWAYS = {name: {port: IPv4Interface(f"10.{port}.0.{21 + i}/24") for port in (1, 2)} for i, name in enumerate(NAMES)}
ROUTER = "r1"
_PREFIXES = {"east": SWITCH_PREFIX, "west": "sx"}
_PORTS = {"east": 9559, "west": 9560}


def topology() -> Topology:
    anywhere = HostRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("10.10.0.254"))
    clients = tuple(
        Host(name=name, address=IPv4Interface(f"10.10.0.{i}/24"), routes=(anywhere,))
        for i, name in enumerate(standard.CLIENTS, 1)
    )
    router = Host(
        name=ROUTER,
        address=IPv4Interface("10.1.0.1/24"),
        inside=IPv4Interface("10.10.0.254/24"),
        behind=clients,
        routes=tuple(HostRoute(prefix=IPv4Network(VIPS[name]), gateway=GATEWAYS[name][1].ip) for name in NAMES),
    )
    own = {name: IPv4Interface(f"10.2.0.{i}/24") for i, name in enumerate(standard.SERVERS, 11)}
    servers = tuple(Host(name=name, address=address) for name, address in own.items())
    # A second client-side host has the router on a bridge, which both switches are on.
    beside = Host(name="beside", address=None)
    return Topology(
        subnets=(
            Subnet(name="clients", port=1, hosts=(router, beside)),
            Subnet(name="servers", port=2, hosts=servers),
        )
    )


def config(*, timeouts: Mapping[str, float] | None = None, of: Mapping[str, str] | None = None) -> str:
    """The file of both; ``of`` says of addresses of :data:`VIPS`, by their group, which group they are of instead."""
    lines: list[str] = []
    if timeouts:
        lines += ["[timeouts]", *(f"{state} = {seconds}" for state, seconds in timeouts.items()), ""]
    for number, name in enumerate(NAMES, 1):
        lines += ["[[group]]", f'name = "{name}"', f'controller = "the lb of {name}"']
        lines += [f'local_addresses = ["{LOCALS[name][0]}-{LOCALS[name][-1]}"]', ""]
        for port, own in GATEWAYS[name].items():
            lines += ["[[group.interface]]", f"port = {port}", f'mac = "02:f4:00:00:{number:02}:{port:02}"']
            lines += [f'address = "{own}"', ""]
        lines += ["[[group.route]]", 'prefix = "10.10.0.0/24"', 'gateway = "10.1.0.1"', ""]
        lines += ["[[switch]]", f'name = "{name}1"', f'group = "{name}"']
        lines += [f'grpc_addr = "127.0.0.1:{_PORTS[name]}"', ""]
    for name in NAMES:
        lines += ["[[virtual_server]]", f'address = "{VIPS[name]}"', "port = 80", 'scheduler = "rr"']
        lines += [f'group = "{of[name]}"'] if of and name in of else []
        lines += [""]
        for number in range(len(standard.SERVERS)):
            lines += ["[[virtual_server.real_server]]", f'address = "10.2.0.{11 + number}"', "port = 80", ""]
    return "\n".join(lines)


class Shard(Stack):
    """One group: its switch, p4soft, and its controller."""

    def __init__(self, network: Network, name: str, text: str) -> None:
        super().__init__(network, text, options=["--group", name])
        self.name = name
        self.socket = network.logs / f"control-{name}.sock"
        self._grpc = ""
        if _PREFIXES[name] != SWITCH_PREFIX:
            network.add_uplinks(_PREFIXES[name])

    @property
    def plan(self) -> Family:
        """Of whoever asks its service."""
        return replace(standard.V4, vip=VIPS[self.name], local_addresses=LOCALS[self.name])

    def start_switch(self) -> None:
        address = f"127.0.0.1:{_PORTS[self.name]}"
        self.switch = self._started(f"switch-{self.name}", "p4soft", self._ports(_PREFIXES[self.name]), address)

    def said(self) -> str:
        """What the controller that was started last has written to its log."""
        assert self.controller is not None
        return self.controller.err.read_text()

    def services(self) -> list[Json]:
        """Its services, as the API lists them."""
        return self._ask("services")

    def virtuals(self) -> list[str]:
        return [each["virtual"] for each in self.services()]


def route(network: Network, address: IPv4Address, name: str) -> None:
    """Have the router send what goes to ``address`` to the group ``name``."""
    with network.inside(ROUTER), IPRoute() as ip:
        ip.route("replace", dst=f"{address}/32", gateway=str(GATEWAYS[name][1].ip))
