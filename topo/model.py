"""What a test network looks like, declared. :mod:`topo.netns` builds it.

A network is a switch with one port per subnet. A subnet is a set of hosts on a Linux bridge, or a single host wired
straight to the switch port. A host may be a router, with hosts on a LAN behind it. Nothing here has side effects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

from fullnat.config.model import IpAddress, IpInterface, IpNetwork

SWITCH_PREFIX = "sw"
"""How the names of the switch's interfaces begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What the wire between a subnet and the switch does to packets, both ways, reproducibly from ``seed``.

    Done by bench/tools/afp_forward rather than netem, which many kernels lack.
    """

    loss: float = 0.0
    """Share of packets lost, 0 to 1."""
    reorder: float = 0.0
    """Share of packets held back until ``reorder_depth`` later ones passed (or 2 ms)."""
    reorder_depth: int = 3
    damage: float = 0.0
    """Share of packets of which one bit of the payload is flipped, the checksum left as it was."""
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoute:
    prefix: IpNetwork
    gateway: IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A network stack of its own. ``routes`` is all it has beyond its own subnet: no default route unless listed."""

    name: str
    address: IPv4Interface | None
    """None: a bare interface, for tools that make their own packets."""
    address6: IPv6Interface | None = None
    """None: the host has no IPv6."""
    routes: tuple[HostRoute, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    """Below /proc/sys/net, such as ("ipv4/tcp_sack", "1")."""
    mac: str | None = None
    """Where it matters which."""
    inside: IpInterface | None = None
    """A router's address on the LAN of the hosts behind it; None: the host is no router."""
    behind: tuple[Host, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.behind) != (self.inside is not None):
            raise ValueError(f"{self.name}: hosts behind a router need its address inside, and the other way round")

    @property
    def all(self) -> tuple[Host, ...]:
        """The host itself and the hosts behind it."""
        return (self, *(further for host in self.behind for further in host.all))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    name: str
    port: int
    """The switch's port number."""
    hosts: tuple[Host, ...]
    mtu: int = 1500
    impairment: Impairment | None = None

    @property
    def switch_interface(self) -> str:
        """Name of the switch's end of the wire, in the switch's namespace."""
        return f"{SWITCH_PREFIX}{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    subnets: tuple[Subnet, ...]
    switch: str = "switch"
    """Name of the switch's namespace: its ends of the wires, without addresses, and a loopback for P4Runtime."""
    switch_sysctls: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        names = [self.switch, *(h.name for h in self.hosts)]
        if len(set(names)) != len(names):
            raise ValueError(f"host names are not unique: {', '.join(sorted(names))}")
        ports = [s.port for s in self.subnets]
        if len(set(ports)) != len(ports):
            raise ValueError(f"two subnets on one switch port: {ports}")

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Every host, those behind routers too."""
        return tuple(h for s in self.subnets for direct in s.hosts for h in direct.all)

    def host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)
