"""Build a :class:`topo.model.Topology` from network namespaces, veth pairs and bridges.

Use :class:`Network` as a context manager. The namespaces also go at interpreter exit, and those of killed runs at the
next start. Needs root; :func:`topo.namespaces.unavailable` tells why not.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from types import TracebackType

from fullnat.config.model import IpAddress, IpInterface
from pyroute2 import IPRoute

from bench.tools import build
from topo import namespaces
from topo.addresses import assign
from topo.model import Host, Subnet, Topology
from topo.offloads import disable as disable_offloads
from topo.process import Process, poll

_MEMORY = Path("/dev/shm")
"""Files in memory (shm_overview(7))."""
_HOST_SYSCTLS = (
    ("ipv4/ip_local_port_range", "1024 65535"),
    ("ipv4/tcp_max_syn_backlog", "16384"),
    ("core/somaxconn", "16384"),
)
_ROUTER_SYSCTLS = (("ipv4/ip_forward", "1"), ("ipv4/conf/all/rp_filter", "0"))
_QUIET = (("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"))
"""No router solicitations, neighbor discovery or multicast listener reports: tests see only what they send."""
_IPV6 = tuple(
    (f"ipv6/conf/{which}/{name}", "0")
    for which in ("all", "default")
    for name in ("disable_ipv6", "accept_ra", "accept_dad", "router_solicitations")
)
"""Of a host that has an address of IPv6: its own are in use at once, and it looks for no router."""


class Network:
    """The topology, up and running. Every host is known by its name in the topology."""

    def __init__(self, topology: Topology, *, offloads: bool = True) -> None:
        """``offloads``: leave them on, as Linux sets interfaces up. Without them no packet has an unfinished checksum,
        or is larger than the MTU: for switches that know of neither, and to measure packets."""
        self.topology = topology
        self._offloads = offloads
        self.logs = Path(tempfile.mkdtemp(prefix=namespaces.prefix()))
        self._memory: Path | None = None
        self._namespaces: dict[str, str] = {}
        self._processes: list[Process] = []
        self._macs = 0

    def __enter__(self) -> Network:
        namespaces.sweep()
        for directory in (*self.logs.parent.glob("fnat-*"), *_MEMORY.glob("fnat-*")):
            if namespaces.abandoned(directory.name):
                shutil.rmtree(directory, ignore_errors=True)
        atexit.register(self.close)
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every process, remove every namespace and the logs. Idempotent."""
        atexit.unregister(self.close)
        for process in reversed(self._processes):
            process.kill()
        self._processes.clear()
        for full in self._namespaces.values():
            namespaces.remove(full)
        self._namespaces.clear()
        shutil.rmtree(self.logs, ignore_errors=True)
        if self._memory is not None:
            shutil.rmtree(self._memory, ignore_errors=True)

    @property
    def memory(self) -> Path:
        """A directory for what is to be written fast, whatever else the disk has to do; on disk where there is no
        other."""
        if self._memory is None:
            self._memory = Path(tempfile.mkdtemp(prefix=namespaces.prefix(), dir=_MEMORY if _MEMORY.is_dir() else None))
        return self._memory

    def namespace(self, host: str) -> str:
        """The full name of the host's namespace."""
        return self._namespaces[host]

    def inside(self, host: str) -> contextlib.AbstractContextManager[None]:
        """Context manager: the calling thread lives in the host's network; sockets opened there stay there."""
        return namespaces.inside(self._namespaces[host])

    def start(
        self, host: str, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> Process:
        """Start a process on a host; it ends with the network at the latest."""
        process = Process(name, command, namespace=self._namespaces[host], logs=self.logs, env=env)
        self._processes.append(process)
        return process

    def join(self, one: str, other: str) -> None:
        """A wire between two hosts that leads past the switch; its ends are ``to-OTHER`` and ``to-ONE``."""
        self._pair((one, f"to-{other}"), (other, f"to-{one}"), self.topology.subnets[0].mtu)

    def process(self, name: str) -> Process:
        """The process started last under this name."""
        return next(process for process in reversed(self._processes) if process.name == name)

    def address(self, host: str, family: int = 4) -> IpAddress:
        """Of IPv4 or, with family 6, of IPv6."""
        found = self.topology.host(host)
        interface = found.address if family == 4 else found.address6
        assert interface is not None, f"{host} has no address of IPv{family}"
        return interface.ip

    def listens(self, host: str, port: int) -> bool:
        """Whether somebody listens on a TCP port of the host."""
        with self.inside(host):
            text = "".join(Path(f"/proc/thread-self/net/{name}").read_text() for name in ("tcp", "tcp6"))
        rows = [line.split() for line in text.splitlines()]
        return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)

    # ------------------------------------------------------------------------------------------------ management

    def add_management(self) -> tuple[str, IPv4Address]:
        """A host for a controller of its own, joined to the switch by a bridge; its name, and the switch's address."""
        name, switch = "controller", self.topology.switch
        here, there = IPv4Interface("10.255.0.1/24"), IPv4Interface("10.255.0.2/24")
        self.add_lan("lan-management", "manage", {switch: [here], name: [there]})
        return name, here.ip

    def add_lan(self, lan: str, interface: str, addresses: Mapping[str, Sequence[IPv4Interface]]) -> None:
        """A bridge, and an interface on it for each of these hosts, which are made unless there are."""
        self._create(lan, ())
        with self._netlink(lan) as ip:
            ip.link("add", ifname="br0", kind="bridge", br_stp_state=0, br_mcast_snooping=0)
            ip.link("set", index=ip.link_lookup(ifname="br0")[0], state="up")
        for host, own in addresses.items():
            if host not in self._namespaces:
                self._create(host, ())
            self._pair((host, interface), (lan, f"h-{host}"), 1500)
            for address in own:
                self._set_address(host, interface, address)
            with self._netlink(lan) as ip:
                ip.link("set", index=ip.link_lookup(ifname=f"h-{host}")[0], master=ip.link_lookup(ifname="br0")[0])

    def add_uplinks(self, prefix: str) -> dict[int, str]:
        """Wires from the bridge of every subnet to another switch in the switch's namespace: its interfaces, which are
        called ``prefix`` and the port, by their ports."""
        made = {}
        for subnet in self.topology.subnets:
            lan, uplink = f"lan-{subnet.name}", f"up-{prefix}"
            made[subnet.port] = f"{prefix}{subnet.port}"
            self._pair((lan, uplink), (self.topology.switch, made[subnet.port]), subnet.mtu)
            with self._netlink(lan) as ip:
                ip.link("set", index=ip.link_lookup(ifname=uplink)[0], master=ip.link_lookup(ifname="br0")[0])
        return made

    def add_leg(self, host: str, lan: str, address: IpInterface) -> None:
        """One more wire of a host, to the bridge of another subnet; its end is ``leg``."""
        self._pair((host, "leg"), (lan, f"leg-{host}"), self.topology.subnets[0].mtu)
        self._set_address(host, "leg", address)
        with self._netlink(lan) as ip:
            ip.link("set", index=ip.link_lookup(ifname=f"leg-{host}")[0], master=ip.link_lookup(ifname="br0")[0])

    def cut_management(self, cut: bool) -> None:
        """Have the bridge lose every packet, which neither end is told, or forward again."""
        with self._netlink("lan-management") as ip:
            ip.link("set", index=ip.link_lookup(ifname="br0")[0], state="down" if cut else "up")

    # ------------------------------------------------------------------------------------------------ construction

    def _build(self) -> None:
        self._create(self.topology.switch, self.topology.switch_sysctls)
        for subnet in self.topology.subnets:
            if len(subnet.hosts) == 1 and subnet.impairment is None:
                self._build_wire(subnet)
            else:
                self._build_bridge(subnet)

    def _make_namespace(self, name: str) -> str:
        """The full name of a new namespace for the host, LAN or switch ``name``."""
        return namespaces.create(name)

    def _create(self, name: str, sysctls: Sequence[tuple[str, str]]) -> None:
        full = self._namespaces[name] = self._make_namespace(name)
        with namespaces.inside(full):
            for key, value in (*_QUIET, *sysctls):
                path = Path("/proc/sys/net", key)
                if path.exists():
                    path.write_text(value)
        with self._netlink(name) as ip:
            ip.link("set", index=ip.link_lookup(ifname="lo")[0], state="up")

    @contextlib.contextmanager
    def _netlink(self, name: str) -> Iterator[IPRoute]:
        with self.inside(name), IPRoute() as ip:
            yield ip

    def _pair(
        self,
        a: tuple[str, str],
        b: tuple[str, str],
        mtu: int,
        *,
        mac: str | None = None,
        offloads: bool = True,
    ) -> None:
        """A wire between two (namespace, interface)s, both ends up; without ``offloads`` where the network has them.
        ``mac`` is a's MAC address."""
        self._wire(a, b, (mac or self._mac(), self._mac()))
        for name, interface in (a, b):
            with self._netlink(name) as ip:
                if not (offloads and self._offloads):
                    disable_offloads(interface)
                ip.link("set", index=ip.link_lookup(ifname=interface)[0], mtu=mtu, state="up")

    def _wire(self, a: tuple[str, str], b: tuple[str, str], macs: tuple[str, str]) -> None:
        """A veth pair."""
        there = namespaces.handle(self._namespaces[b[0]])
        try:
            with self._netlink(a[0]) as ip:
                peer = {"ifname": b[1], "net_ns_fd": there, "address": macs[1]}
                ip.link("add", ifname=a[1], kind="veth", address=macs[0], peer=peer)
        finally:
            os.close(there)

    def _mac(self) -> str:
        self._macs += 1
        return f"02:00:00:00:{self._macs >> 8:02x}:{self._macs & 0xFF:02x}"

    def _add_host(self, host: Host, peer: tuple[str, str], mtu: int) -> None:
        of_v6 = _IPV6 if host.address6 else ()
        self._create(host.name, (*_HOST_SYSCTLS, *(_ROUTER_SYSCTLS if host.behind else ()), *of_v6, *host.sysctls))
        self._pair((host.name, "eth0"), peer, mtu, mac=host.mac)
        for address in (host.address, host.address6):
            if address:
                self._set_address(host.name, "eth0", address)
        with self._netlink(host.name) as ip:
            for route in host.routes:
                ip.route("add", dst=str(route.prefix), gateway=str(route.gateway))
        if host.inside:
            self._bridge(host.name, host.behind, mtu)
            self._set_address(host.name, "br0", host.inside)

    def _set_address(self, name: str, interface: str, address: IpInterface) -> None:
        with self._netlink(name) as ip:
            assign(ip, interface, address)

    def _bridge(self, name: str, hosts: Sequence[Host], mtu: int, uplink: str | None = None) -> None:
        """A bridge br0 in the namespace, with the hosts and the interface ``uplink`` on it."""
        with self._netlink(name) as ip:
            ip.link("add", ifname="br0", kind="bridge", br_stp_state=0, br_mcast_snooping=0, mtu=mtu)
            ip.link("set", index=ip.link_lookup(ifname="br0")[0], state="up")
        ports = [f"h-{host.name}"[:15] for host in hosts]
        for host, port in zip(hosts, ports, strict=True):
            self._add_host(host, (name, port), mtu)
        with self._netlink(name) as ip:
            bridge = ip.link_lookup(ifname="br0")[0]
            for interface in (*([uplink] if uplink else []), *ports):
                ip.link("set", index=ip.link_lookup(ifname=interface)[0], master=bridge)

    def _build_wire(self, subnet: Subnet) -> None:
        self._add_host(subnet.hosts[0], (self.topology.switch, subnet.switch_interface), subnet.mtu)

    def _build_bridge(self, subnet: Subnet) -> None:
        lan = f"lan-{subnet.name}"
        # With br_netfilter loaded, bridged packets would pass the namespace's IP hooks.
        self._create(lan, (("bridge/bridge-nf-call-iptables", "0"),))
        uplink = "wire" if subnet.impairment else "up"
        # What makes a wire bad forwards packets, and nothing but packets.
        good = subnet.impairment is None
        self._pair((lan, uplink), (self.topology.switch, subnet.switch_interface), subnet.mtu, offloads=good)
        if subnet.impairment:
            self._pair((lan, "up"), (lan, "outer"), subnet.mtu, offloads=False)
        self._bridge(lan, subnet.hosts, subnet.mtu, "up")
        if subnet.impairment:
            self._impair(lan, subnet)

    def _impair(self, lan: str, subnet: Subnet) -> None:
        assert subnet.impairment is not None
        wire = subnet.impairment
        command: list[str | Path] = [build.tool("afp_forward"), "outer", "wire"]
        command += ["--loss", f"{wire.loss:g}", "--reorder", f"{wire.reorder:g}"]
        command += ["--depth", str(wire.reorder_depth), "--damage", f"{wire.damage:g}", "--seed", str(wire.seed)]
        process = self.start(lan, f"wire-{subnet.name}", command)

        def ready() -> bool:
            process.check_running()
            return "ready" in process.output

        poll(ready, 10, f"the wire of {subnet.name} forwards")
