"""Everything there are several of: two switches, two controllers and etcd's members, each controller and member on a
host of its own. What the controllers say to switches and to etcd goes over a network that one can cut
(:class:`topo.links.Links`)."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from click import ClickException
from finsy.proto import p4r
from fullnat.cli.controlclient import ask
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport

from topo import links, standard
from topo.controllers import Members
from topo.model import SWITCH_PREFIX
from topo.netns import Network
from topo.process import Process, poll
from topo.stack import Json, Stack, installed
from topo.stack import unavailable as stack_unavailable
from topo.world import World

SWITCHES = ("left", "right")
CONTROLLERS = ("one", "two")
MANAGE = "manage"
PREFIX = "/fullnat/cluster"
_UPLINKS = {"left": SWITCH_PREFIX, "right": "sx"}
PORTS = {"left": 9559, "right": 9560}
ADDRESSES = {
    "left": "10.255.0.1",
    "right": "10.255.0.2",
    "one": "10.255.0.11",
    "two": "10.255.0.12",
    "m0": "10.255.0.21",
    "m1": "10.255.0.22",
    "m2": "10.255.0.23",
}
"""On the network between them. Both switches are on one host, which has the first two."""
WHOLE_SECONDS = 60.0


def missing() -> str | None:
    """What of other people's programs is needed and not there, with where it is, or None."""
    needed = ["" if shutil.which("etcd") else "apt-get install etcd-server", links.unavailable() or ""]
    return "; ".join(filter(None, needed)) or None


def grpc_address(name: str) -> str:
    """Of a switch's P4Runtime server."""
    return f"{ADDRESSES[name]}:{PORTS[name]}"


def _section(name: str) -> str:
    return f'[[switch]]\nname = "{name}"\ngrpc_addr = "{grpc_address(name)}"\n\n'


class Cluster(Stack):
    """``config``: with both switches; ``targets``: what each of them is; ``members``: of etcd. Questions go to the
    controller that leads."""

    def __init__(
        self, network: Network, config: str, targets: Sequence[str] = ("p4soft", "p4soft"), members: int = 1
    ) -> None:
        super().__init__(network, config)
        self.switches: dict[str, Process] = {}
        self.controllers: dict[str, Process] = {}
        self.stopped: set[str] = set()
        """Controllers that have got SIGSTOP, and answer nobody."""
        self.environment: Callable[[str], Mapping[str, str]] = lambda _name: {}
        """Of a controller, by its name."""
        self._targets = dict(zip(SWITCHES, targets, strict=True))
        network.add_uplinks(_UPLINKS["right"])
        names = [f"m{number}" for number in range(members)]
        hosts = {host: [IPv4Interface(f"{ADDRESSES[host]}/24")] for host in (*CONTROLLERS, *names)}
        hosts[network.topology.switch] = [IPv4Interface(f"{ADDRESSES[name]}/24") for name in SWITCHES]
        network.add_lan("lan-management", MANAGE, hosts)
        self.links = links.Links(network, MANAGE)
        self.members_of_etcd = Members(network, [(name, ADDRESSES[name]) for name in names])

    # -------------------------------------------------------------------------------------------------- processes

    def start(self) -> None:
        self.members_of_etcd.start()
        for name in SWITCHES:
            self.start_one(name)
        for name in CONTROLLERS:
            self.start_controller_of(name)
        self.wait_whole()

    def stop(self) -> None:
        for process in (*self.controllers.values(), *self.switches.values()):
            process.stop()

    def start_one(self, name: str) -> None:
        """Start a switch; returns once it takes connections."""
        ports = self._ports(_UPLINKS[name])
        self.switches[name] = self._started(f"switch-{name}", self._targets[name], ports, grpc_address(name))

    def start_controller_of(self, name: str) -> None:
        self._starts += 1
        command = [*installed("fullnat"), "run", str(self.config_path), "--etcd-name", name, "--etcd-prefix", PREFIX]
        command += ["--etcd", ",".join(self.members_of_etcd.urls)]
        command += ["--state-dir", str(self.state.with_name(f"state-{name}"))]
        command += ["--control-socket", str(self.socket_of(name)), *self.options]
        log = f"controller-{name}-{self._starts}"
        self.controllers[name] = self.network.start(name, log, command, self.environment(name))

    def check_running(self) -> None:
        """Raises ProcessFailed with the end of what it said when one is not there any more."""
        for process in (*self.switches.values(), *self.controllers.values(), *self.members_of_etcd.processes.values()):
            process.check_running()

    # -------------------------------------------------------------------------------------------------- questions

    def socket_of(self, name: str) -> Path:
        """The control socket of a controller."""
        return self.network.logs / f"{name}.sock"

    def said(self, name: str, command: str) -> list[Json] | None:
        """What a controller answers; None: nothing."""
        process = self.controllers.get(name)
        if process is None or not process.running or name in self.stopped:
            return None
        try:
            return list(ask(self.socket_of(name), command))
        except ClickException:
            return None

    def states(self) -> dict[str, Json]:
        """The stats of the controllers that answer."""
        found = {name: self.said(name, "stats") for name in CONTROLLERS}
        return {name: stats[0] for name, stats in found.items() if stats}

    def follow(self) -> str | None:
        """Have questions go to the controller that leads, if there is one; its name."""
        for name, stats in self.states().items():
            if stats["etcd"]["leads"]:
                self.socket, self.controller = self.socket_of(name), self.controllers[name]
                return name
        return None

    def roles(self, leader: str | None = None) -> dict[str, Json]:
        """What the leader says of each switch; nothing when there is none."""
        leader = leader or self.follow()
        return {each["name"]: each for each in (self.said(leader, "switches") or [])} if leader else {}

    def active(self) -> str | None:
        return next((name for name, each in self.roles().items() if each["role"] == "active"), None)

    def lacks(self) -> str:
        """Why not everything is as it is to be; nothing: it is."""
        self.check_running()
        states = self.states()
        leaders = [name for name, stats in states.items() if stats["etcd"]["leads"]]
        if len(leaders) != 1:
            return f"{len(leaders)} controllers lead"
        (leader,) = leaders
        self.follow()
        if states[leader]["etcd"]["unconfirmed_for"]:
            return f"etcd does not confirm {leader}"
        others = [name for name in CONTROLLERS if name != leader]
        if away := [name for name in others if name not in states or states[name]["switch"]["state"] != "standby"]:
            return f"{away[0]} does not stand by"
        if states[leader]["switch"]["state"] != "serving":
            return f"{leader} is {states[leader]['switch']['state']}"
        return self._lacks_of(self.roles(leader))

    def _lacks_of(self, switches: dict[str, Json]) -> str:
        """Why these are not all as they are to be."""
        if sorted(each["role"] for each in switches.values()) != ["active", "standby"]:
            return ", ".join(f"{name} is {each['role']}: {each['reason']}" for name, each in switches.items())
        return ""

    def wait_whole(self, seconds: float = WHOLE_SECONDS) -> None:
        """Until one controller leads and the other stands by, and the switches are as they are to be."""
        lacks = [""]

        def whole() -> bool:
            lacks[0] = self.lacks()
            return not lacks[0]

        try:
            poll(whole, seconds, "everything is there again", 0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {lacks[0]}") from None

    def entries(self) -> dict[str, int]:
        """Those of sessions that each switch has, as it says itself."""
        return {name: self.sessions_of(name) for name in self.switches}

    def sessions_of(self, name: str) -> int:
        """Entries of sessions that a switch has, as it says itself."""

        async def count() -> int:
            transport = GrpcTransport(f"{ADDRESSES[name]}:{PORTS[name]}")
            client = Client(transport, program.load(), device_id=1, election_id=lambda: 0)
            try:
                tables = client.schema.session_tables
                found = [await client.read(_entries(table)) for table in tables]
            finally:
                await transport.close()
            return sum(map(len, found))

        with self.network.inside(self.network.topology.switch):
            return asyncio.run(count())


def _entries(table_id: int) -> p4r.Entity:
    return p4r.Entity(table_entry=p4r.TableEntry(table_id=table_id))


@contextlib.contextmanager
def cluster(
    config: str, targets: Sequence[str] = ("p4soft", "p4soft"), members: int = 1
) -> Iterator[tuple[World, Cluster]]:
    """The standard topology with real servers, and a cluster that is not started; everything goes at the end."""
    with Network(standard.topology(), offloads="bmv2" not in targets) as network:
        stack = Cluster(network, config + "\n" + "".join(map(_section, SWITCHES)), targets, members)
        world = World(network, stack)
        world.start_servers()
        yield world, stack


def why_not(targets: Sequence[str]) -> str | None:
    """Why there can be none here."""
    return next(filter(None, map(stack_unavailable, targets)), None) or missing()
