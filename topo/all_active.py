"""Two switches that both forward, between two routers that spread flows over them by BGP.

::

    c1 10.10.0.1 --+                   +-- [1] left [2] --+                   +-- s1 10.3.0.11
                   +-- r1 -- 10.1.0.0/24                10.2.0.0/24 -- r2 --+-- s2 10.3.0.12
    c2 10.10.0.2 --+    .1             +-- [1] right [2] -+           .1      +-- s3 10.3.0.13
                                       +---- frr-left ----+
                                       +---- frr-right ---+    VIP 10.9.0.1:80
                                                               local addresses 10.8.0.100 to .103

The switch left has .11 in both subnets, right has .12; beside them are their speakers, which have .21 and .22 and run
FRR, as the routers do. The controller has frr-left announce what left is to get, with left's addresses as next hops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from topo.frr import Frr
from topo.model import SWITCH_PREFIX, Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.stack import START_TIMEOUT, Json, Stack

NAMES = ("left", "right")
VIP = IPv4Address("10.9.0.1")
LOCALS = tuple(IPv4Address("10.8.0.100") + i for i in range(4))
CLIENTS = {"c1": "10.10.0.1/24", "c2": "10.10.0.2/24"}
SERVERS = {"s1": "10.3.0.11/24", "s2": "10.3.0.12/24", "s3": "10.3.0.13/24"}
ROUTERS = {"r1": 65000, "r2": 65002}
"""Their AS numbers."""
OUR_AS = 65001
GATEWAYS = {name: {port: IPv4Interface(f"10.{port}.0.{11 + i}/24") for port in (1, 2)} for i, name in enumerate(NAMES)}
"""The addresses of each switch by port."""
SPEAKERS = {name: f"frr-{name}" for name in NAMES}
_SPEAKER_ADDRESSES = {
    name: {port: IPv4Interface(f"10.{port}.0.{21 + i}/24") for port in (1, 2)} for i, name in enumerate(NAMES)
}
_PREFIXES = dict(zip(NAMES, (SWITCH_PREFIX, "sx"), strict=True))
_GRPC = dict(zip(NAMES, ("127.0.0.1:9559", "127.0.0.1:9560"), strict=True))
_LANS = {1: "lan-clients", 2: "lan-servers"}
_HASH = ("ipv4/fib_multipath_hash_policy", "1")
"""Spread flows by their ports as well."""


def topology() -> Topology:
    anywhere = IPv4Network("0.0.0.0/0")

    def behind(hosts: dict[str, str], gateway: str) -> tuple[Host, ...]:
        routes = (HostRoute(prefix=anywhere, gateway=IPv4Address(gateway)),)
        return tuple(Host(name=name, address=IPv4Interface(own), routes=routes) for name, own in hosts.items())

    def router(name: str, own: str, inside: str, hosts: dict[str, str]) -> Host:
        gateway = IPv4Interface(inside)
        clients = behind(hosts, str(gateway.ip))
        return Host(name=name, address=IPv4Interface(own), inside=gateway, behind=clients, sysctls=(_HASH,))

    outer, inner = (
        Host(name=SPEAKERS[name], address=_SPEAKER_ADDRESSES[name][port]) for port, name in enumerate(NAMES, 1)
    )
    r1 = router("r1", "10.1.0.1/24", "10.10.0.254/24", CLIENTS)
    r2 = router("r2", "10.2.0.1/24", "10.3.0.254/24", SERVERS)
    subnets = Subnet(name="clients", port=1, hosts=(r1, outer)), Subnet(name="servers", port=2, hosts=(r2, inner))
    return Topology(subnets=subnets)


def router_config(name: str) -> str:
    """FRR's of r1 or r2: spread what the speakers announce."""
    port = 1 if name == "r1" else 2
    lines = ["configure terminal", f"router bgp {ROUTERS[name]}", "no bgp ebgp-requires-policy", "timers bgp 1 3"]
    peers = [str(addresses[port].ip) for addresses in _SPEAKER_ADDRESSES.values()]
    for peer in peers:
        lines += [
            f"neighbor {peer} remote-as {OUR_AS}",
            f"neighbor {peer} bfd",
            f"neighbor {peer} timers connect 1",
            f"neighbor {peer} advertisement-interval 0",
        ]
    lines += ["address-family ipv4 unicast", "maximum-paths 8", "exit-address-family", "end"]
    return "\n".join(lines) + "\n"


def config(
    routing: Routing,
    grpc: Mapping[str, str],
    *,
    timeouts: dict[str, float] | None = None,
    options: Sequence[str] = (),
) -> str:
    """The controller's configuration file (TOML); ``grpc``: where each switch is, ``options``: of the service."""
    lines: list[str] = []
    if timeouts:
        lines += ["[timeouts]", *(f"{state} = {seconds}" for state, seconds in timeouts.items()), ""]
    lines += ["[[virtual_server]]", f'address = "{VIP}"', "port = 80", 'scheduler = "rr"', *options]
    lines += [f'local_addresses = ["{LOCALS[0]}-{LOCALS[-1]}"]', ""]
    for server in SERVERS.values():
        lines += ["[[virtual_server.real_server]]", f'address = "{IPv4Interface(server).ip}"', "port = 80", ""]
    for number, name in enumerate(NAMES, 1):
        lines += ["[[switch]]", f'name = "{name}"', f'grpc_addr = "{grpc[name]}"', ""]
        for port, own in GATEWAYS[name].items():
            lines += ["[[switch.interface]]", f"port = {port}", f'mac = "02:f4:00:00:{number:02}:{port:02}"']
            lines += [f'address = "{own}"', ""]
        for prefix, gateway in (("10.10.0.0/24", "10.1.0.1"), ("10.3.0.0/24", "10.2.0.1")):
            lines += ["[[switch.route]]", f'prefix = "{prefix}"', f'gateway = "{gateway}"', ""]
        words = ", ".join(f'"{word}"' for word in routing.speakers[name].words)
        lines += ["[switch.bgp]", f"local_as = {OUR_AS}", f"vtysh = [{words}]", "drain_seconds = 1.0", ""]
        for (router, number_of), port in zip(ROUTERS.items(), (1, 2), strict=True):
            lines += ["[[switch.bgp.neighbor]]", f'address = "10.{port}.0.1"', f"remote_as = {number_of}", "bfd = true"]
            lines += [f"# {router}", ""]
    return "\n".join(lines)


class Routing:
    """What runs FRR: both routers, and the speaker of each switch. Made before anything of it is started."""

    def __init__(self, network: Network) -> None:
        left, right = NAMES
        network.add_leg(SPEAKERS[left], _LANS[2], _SPEAKER_ADDRESSES[left][2])
        network.add_leg(SPEAKERS[right], _LANS[1], _SPEAKER_ADDRESSES[right][1])
        self.speakers = {name: Frr(network, SPEAKERS[name]) for name in NAMES}
        self.routers = {name: Frr(network, name, router_config(name)) for name in ROUTERS}

    def start(self) -> None:
        for frr in (*self.routers.values(), *self.speakers.values()):
            frr.start()

    def spread(self) -> set[str]:
        """The switches by which r1 reaches the VIP."""
        gateways = self.routers["r1"].routes().get(str(VIP), set())
        return {name for name in NAMES if str(GATEWAYS[name][1].ip) in gateways}

    def returning(self) -> dict[str, set[str]]:
        """By which switches r2 reaches each local address."""
        routes = self.routers["r2"].routes()
        own = {str(GATEWAYS[name][2].ip): name for name in NAMES}
        return {str(local): {own[via] for via in routes.get(str(local), ())} for local in LOCALS}

    def is_spread(self, *names: str) -> bool:
        """Whether both routers send to these switches, or all, and to no other."""
        wanted, back = set(names or NAMES), self.returning()
        return self.spread() == wanted and all(back.values()) and set.union(*back.values()) == wanted

    def wait_spread(self, *names: str) -> None:
        """Until it :meth:`is_spread`."""
        what = f"the routers send to {' and '.join(names or NAMES)}"
        poll(lambda: self.is_spread(*names), START_TIMEOUT, what, interval=0.05)


class AllActive(Stack):
    """Two p4soft, their speakers, both routers, and a controller that has them as a group. Needs FRR."""

    def __init__(
        self, network: Network, *, timeouts: dict[str, float] | None = None, options: Sequence[str] = ()
    ) -> None:
        """As :func:`config`."""
        network.add_uplinks(_PREFIXES[NAMES[1]])
        self.routing = Routing(network)
        super().__init__(network, config(self.routing, _GRPC, timeouts=timeouts, options=options))
        self.switches: dict[str, Process] = {}
        self._grpc = ""

    def start(self) -> None:
        self.routing.start()
        for name in NAMES:
            self.start_one(name)
        self.start_controller()
        self.wait_ready()
        self.routing.wait_spread()

    def start_one(self, name: str) -> None:
        """Start a switch; returns once it takes connections."""
        self.switches[name] = self._started(f"switch-{name}", "p4soft", self._ports(_PREFIXES[name]), _GRPC[name])

    def stop(self) -> None:
        super().stop()
        for process in self.switches.values():
            process.stop()

    def members(self) -> dict[str, Json]:
        """What is known of each switch, by name."""
        try:
            return {each["name"]: each for each in self._ask("switches")}
        except ProcessFailed:
            return {}
