"""The network of :mod:`topo.routed` with switch, controller and real servers, and what one does to it.

On mininet or on bare namespaces: the same object.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bench.tools import build
from topo import counters, routed
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.stack import Json, Stack, takes_offloads

URL = f"http://{routed.VIP}/"
PATIENCE = 30.0
"""Seconds until what should come about must have."""
TOOLS = {"curl": "apt-get install curl", "iperf3": "apt-get install iperf3"}


@dataclass(frozen=True, slots=True)
class Page:
    """What curl got: which server answered, the peer that it saw, TOA, and curl's own end of the connection."""

    server: str
    peer: str
    toa: str | None
    client: str


class Lab:
    """Everything up. Use :func:`lab`."""

    def __init__(self, network: Network, stack: Stack, options: routed.Options) -> None:
        self.network = network
        self.stack = stack
        self.options = options
        self.in_service: tuple[str, ...] = routed.IN_SERVICE
        self.servers: dict[str, Process] = {}
        self._started = 0

    # ------------------------------------------------------------------------------------------------- real servers

    def start_server(self, name: str) -> None:
        """Start the web server of s1 to s4."""
        address = str(routed.SERVERS[name].ip)
        command = [build.tool("echo_server"), "--address", address, "--port", str(routed.HTTP), "--name", name]
        process = self.servers[name] = self._start(name, "server", command)
        poll(partial(_says, process, "ready"), PATIENCE, f"{name} listens")

    def start_iperf_servers(self) -> None:
        for port, name in routed.IPERF.items():
            command = ["iperf3", "-s", "-B", str(routed.SERVERS[name].ip), "-p", str(port), "--forceflush"]
            process = self._start(name, "iperf3", command)
            poll(partial(_says, process, "listening"), PATIENCE, f"iperf3 listens on {name}")

    def kill_server(self, name: str) -> None:
        """kill -9 of a web server. Its host stays, and refuses connections."""
        self.servers.pop(name).kill()

    def serve_with(self, names: Sequence[str]) -> None:
        """Let these servers have port 80 of the VIP; a running controller takes it up."""
        self.in_service = tuple(names)
        self.stack.configure(routed.config(self.options, names))
        controller = self.stack.controller
        if controller is None or not controller.running:
            return
        controller.signal(signal.SIGHUP)
        wanted = {f"{routed.SERVERS[name].ip}:{routed.HTTP}" for name in names}
        poll(lambda: self._listed() == wanted, PATIENCE, f"port 80 is served by {', '.join(names)}", interval=0.1)

    def _listed(self) -> set[str]:
        """The real servers of port 80 that the controller gives connections to."""
        services = self.stack.stats()["services"]
        web = next(service for service in services if service["virtual"].endswith(f":{routed.HTTP}"))
        return {server["server"] for server in web["servers"] if server["weight"]}

    # ------------------------------------------------------------------------------------------------------ traffic

    def start_curl(self, client: str, *words: str) -> Process:
        written = "\n%{local_ip}:%{local_port}"
        command = ["curl", "--silent", "--show-error", "--max-time", str(int(PATIENCE)), "--write-out", written]
        return self._start(client, "curl", [*command, *words, URL])

    def curl(self, client: str, *words: str) -> Page:
        """Get the page of the VIP with curl. Raises ProcessFailed when curl fails."""
        return page(self.start_curl(client, *words))

    def start_iperf(self, client: str, port: int, *words: str) -> Process:
        return self._start(client, "iperf3", ["iperf3", "-c", str(routed.VIP), "-p", str(port), "-J", *words])

    def iperf(self, client: str, port: int, *words: str) -> Json:
        """The end of iperf3's report. Raises ProcessFailed when it fails."""
        return iperf_end(self.start_iperf(client, port, *words))

    # --------------------------------------------------------------------------------------------------- afterwards

    def errors(self) -> dict[str, dict[str, int]]:
        """Checksum and header errors by host; empty when there are none."""
        found = {host.name: counters.errors(self.network.namespace(host.name)) for host in self.network.topology.hosts}
        return {name: errors for name, errors in found.items() if errors}

    def _start(self, host: str, what: str, command: Sequence[object]) -> Process:
        self._started += 1
        return self.network.start(host, f"{what}{self._started}-{host}", [str(word) for word in command])


def page(process: Process) -> Page:
    """What a curl of :meth:`Lab.start_curl` got. Raises ProcessFailed when it failed."""
    body, _, client = process.result(2 * PATIENCE).rpartition("\n")
    answer = json.loads(body)
    return Page(answer["server"], answer["peer"], answer["toa"], client)


def iperf_end(process: Process) -> Json:
    """The end of the report of an iperf3 of :meth:`Lab.start_iperf`. Raises ProcessFailed when it failed."""
    report: Json = json.loads(process.result(4 * PATIENCE))
    if "error" in report:
        raise ProcessFailed(f"{process.name}: {report['error']}")
    return dict(report["end"])


def _says(process: Process, word: str) -> bool:
    process.check_running()
    return word in process.output


def unavailable() -> str | None:
    """Which tool of the network is missing, or None when none is."""
    missing = [install for tool, install in TOOLS.items() if shutil.which(tool) is None]
    return "; ".join(missing) or None


@contextlib.contextmanager
def lab(
    *,
    switch: str = "p4soft",
    options: routed.Options | None = None,
    mininet: bool = True,
    controller: bool = True,
) -> Iterator[Lab]:
    """The network with real servers, switch and ``controller``; everything goes at the end."""
    options = options or routed.Options()
    topology, config = routed.topology(options), routed.config(options)
    if mininet:
        from topo import mininet_find

        mininet_find.use()
        from topo.mininet_network import MininetNetwork, MininetStack

        network: Network = MininetNetwork(topology, switch)
        kind: type[Stack] = MininetStack
    else:
        network, kind = Network(topology, offloads=takes_offloads(switch)), Stack
    with network:
        made = Lab(network, kind(network, config, switch), options)
        for name in made.in_service:
            made.start_server(name)
        made.start_iperf_servers()
        made.stack.start_switch()
        if controller:
            made.stack.start_controller()
            made.stack.wait_ready()
        yield made
