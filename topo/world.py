"""The standard topology with switch, controller and real servers running, and what one does to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.tools import build
from topo import counters, standard
from topo.model import Impairment
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.stack import Json, Stack, takes_offloads


@dataclass(frozen=True, slots=True)
class Answer:
    """What a real server said over HTTP, and the client's own view of the same connection."""

    server: str
    peer: str
    """Who the server's kernel says it talks to: a local address."""
    toa: str | None
    """What the server read from TOA."""
    toa_options: int
    client: str
    """The client socket's own address and port."""


class World:
    """Everything up. Use :func:`world`."""

    def __init__(self, network: Network, stack: Stack, family: int = 4) -> None:
        """``family``: of the service that is asked, and of its servers."""
        self.network = network
        self.stack = stack
        self.family = family
        self.plan = standard.FAMILIES[family]
        self.servers: dict[str, Process] = {}
        self._loads = 0

    def start_servers(self) -> None:
        binary = build.tool("echo_server")
        for name in standard.SERVERS:
            address = str(self.network.address(name, self.family))
            command = [str(binary), "--address", address, "--port", "80", "--name", name]
            self.servers[name] = self.network.start(name, f"server-{name}", command)
        for process in self.servers.values():
            poll(partial(_ready, process), 10, f"{process.name} listens")

    # ------------------------------------------------------------------------------------------------ traffic

    def start_load(self, client: str, **options: Any) -> Process:
        """Start conn_load against the VIP. ``n`` and ``c`` are -n and -c; other options by name, True for flags."""
        command: list[str] = [str(build.tool("conn_load")), "--to", self.plan.target]
        for name, value in options.items():
            dashes = "-" if len(name) == 1 else "--"
            command += [dashes + name] if value is True else [dashes + name, str(value)]
        self._loads += 1
        return self.network.start(client, f"load{self._loads}-{client}", command)

    def load(self, client: str, limit: float = 100.0, **options: Any) -> Json:
        """Run conn_load to its end, at most ``limit`` seconds; its report."""
        return report(self.start_load(client, **options), limit)

    def http(self, client: str, timeout: float = 10) -> http.client.HTTPConnection:
        """A connection from ``client`` to the VIP, open."""
        connection = http.client.HTTPConnection(str(self.plan.vip), standard.VPORT, timeout=timeout)
        with self.network.inside(client):
            connection.connect()
        return connection

    def connect(self, host: str, port: int, to: str | None = None, timeout: float = 10) -> socket.socket:
        """A connection from ``host`` to a port of the VIP, or of the address ``to``."""
        with self.network.inside(host):
            return socket.create_connection((to or str(self.plan.vip), port), timeout=timeout)

    def get(self, client: str) -> Answer:
        """GET / over a connection of its own."""
        with contextlib.closing(self.http(client)) as connection:
            return ask(connection)

    def server_stats(self, server: str) -> Json:
        """The counters of a real server, asked for inside its namespace."""
        address = str(self.network.address(server, self.family))
        with self.network.inside(server), contextlib.closing(http.client.HTTPConnection(address, 80)) as connection:
            connection.request("GET", "/stats")
            return dict(json.loads(connection.getresponse().read()))

    # ------------------------------------------------------------------------------------------------ afterwards

    def errors(self) -> dict[str, dict[str, int]]:
        """Checksum and header errors by host; empty when there are none."""
        found = {host.name: counters.errors(self.network.namespace(host.name)) for host in self.network.topology.hosts}
        return {name: errors for name, errors in found.items() if errors}

    def leftovers(self) -> Json:
        """Sessions and local ports still in use; empty when there are none."""
        found: Json = {}
        if sessions := self.stack.sessions():
            found["sessions"] = sessions
        stats = self.stack.stats()
        if used := {local["address"]: local["used"] for local in stats["local_addresses"] if local["used"]}:
            found["local addresses"] = used
        for service in stats["services"]:
            if service["active"] or service["inactive"]:
                found[service["virtual"]] = {"active": service["active"], "inactive": service["inactive"]}
        return found

    def drained(self, timeout: float = 60.0) -> None:
        """Wait until nothing is left over; TimeoutError tells what is. What a switch was about to tell when it was
        killed nobody knows: such a session has the time of one that is half open."""
        left: list[Json] = [{}]

        def empty() -> bool:
            left[0] = self.leftovers()
            return not left[0]

        try:
            poll(empty, timeout, "no session, port or count is left over", interval=0.2)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {str(left[0])[:2000]}") from None


@contextlib.contextmanager
def world(
    config: str | None = None,
    *,
    target: str = "p4soft",
    impairment: Impairment | None = None,
    start: bool = True,
    remote: bool = False,
    family: int = 4,
) -> Iterator[World]:
    """The standard topology, servers, switch and controller (unless not ``start``); everything goes at the end.

    ``remote``: the controller is on a host of its own. ``family`` 6: everybody has IPv6 as well, and serves it."""
    with Network(standard.topology(impairment, v6=family == 6), offloads=takes_offloads(target)) as network:
        said = standard.config(families=(family,)) if config is None else config
        stack = Stack(network, said, target, remote=remote)
        made = World(network, stack, family)
        made.start_servers()
        if start:
            stack.start()
        yield made


def _ready(process: Process) -> bool:
    process.check_running()
    return "ready" in process.output


def report(process: Process, limit: float = 100.0) -> Json:
    """The report of a conn_load, which may tell of failed connections; ProcessFailed when it did not run to its end."""
    if process.wait(limit) not in (0, 1):
        process.result(0)
    return lines(process, "report")[-1]


def lines(process: Process, event: str) -> list[Json]:
    """The complete lines of JSON that a tool has printed so far, those of one kind."""
    found = [json.loads(line) for line in process.output.split("\n")[:-1] if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def ask(connection: http.client.HTTPConnection) -> Answer:
    """GET / over an open connection, which stays open."""
    assert connection.sock is not None
    client = endpoint(connection.sock.getsockname())
    connection.request("GET", "/")
    response = connection.getresponse()
    if response.status != 200:
        raise ProcessFailed(f"the server answered {response.status} {response.reason}")
    body = json.loads(response.read())
    return Answer(body["server"], body["peer"], body["toa"], body["toa_options"], client)


def endpoint(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """As the tools write a socket's name."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def tcp_options(sock: socket.socket) -> set[str]:
    """The options that a connection negotiated (struct tcp_info: tcpi_options)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    names = {1: "timestamps", 2: "sack", 4: "window scaling"}
    return {name for bit, name in names.items() if info[5] & bit}
