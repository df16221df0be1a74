"""Ten thousand real servers, each checked every five seconds by the data plane's own path: how busy that keeps us.

``python -m bench.checks``, as root. Servers are addresses of one nginx; the controller's checks go into port 3 of the
switch, which is a process of its own, so that the controller's time is that of checks alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from ipaddress import IPv4Address, ip_interface
from pathlib import Path

from pyroute2 import IPRoute

from bench.usage import times
from topo import namespaces, standard
from topo.model import Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.process import ProcessFailed, poll
from topo.stack import Stack

SERVERS, PER_SERVICE = 10_000, 100
INTERVAL = 5.0
FIRST = IPv4Address("10.64.0.1")
PREFIX, PORT = "10.64.0.0/16", 8080
CHECKER, GATEWAY = ip_interface("10.3.0.1/24"), ip_interface("10.3.0.254/24")
MEASURED, SLICES = 60.0, 6
"""Seconds, and parts of them of which the median counts."""
STARTS = 60.0
ROUNDS = 4
"""Checks of each server before it is measured: the first ones fall together."""
KINDS = {"tcp": 'type = "tcp"', "http": 'type = "http"\npath = "/healthz"'}
NGINX = """
user root; daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  server {{
    listen {port} backlog=4096;
    location / {{ return 200 "well"; }}
    location /taken {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Found:
    kind: str
    per_second: float
    """Checks that servers have taken."""
    down: int
    """Servers, at the end."""
    controller: float
    """Of one processor: the median of the slices."""
    switch: float


def topology() -> Topology:
    clients, servers = standard.topology().subnets
    back = HostRoute(prefix=CHECKER.network, gateway=standard.FAMILIES[4].gateways[1].ip)
    hosts = tuple(replace(host, routes=(*host.routes, back)) for host in servers.hosts)
    checker = Subnet(name="checks", port=3, hosts=(Host(name="checker", address=None),))
    return Topology(subnets=(clients, replace(servers, hosts=hosts), checker))


def config(kind: str, servers: int) -> str:
    """Services of :data:`PER_SERVICE` servers, with one check each."""
    plain = standard.config(families=(4,))
    head = plain[: plain.index("[[virtual_server]]")]
    (gateway, _), *_ = standard.FAMILIES[4].servers
    parts = [head, f'[[interface]]\nport = 3\nmac = "02:f4:00:00:00:03"\naddress = "{GATEWAY}"\n']
    parts.append(f'[[route]]\nprefix = "{PREFIX}"\ngateway = "{gateway}"\n')
    local = next(line for line in plain.splitlines() if line.startswith("local_addresses"))
    for number in range(servers // PER_SERVICE):
        parts.append(f'[[virtual_server]]\naddress = "203.0.113.80"\nport = {1000 + number}\n{local}\n')
        parts.append(f'[[virtual_server.check]]\n{KINDS[kind]}\ninterval = {INTERVAL}\ndevice = "check0"\n')
        for index in range(PER_SERVICE):
            address = FIRST + number * PER_SERVICE + index
            parts.append(f'[[virtual_server.real_server]]\naddress = "{address}"\nport = {PORT}\n')
    return "\n".join(parts)


def join(network: Network) -> None:
    """The checker's end of the wire to the controller, and all servers' addresses to s1."""
    with namespaces.inside(network.namespace("checker")), IPRoute() as ip:
        there = namespaces.handle(network.namespace(network.topology.switch))
        ip.link("set", index=ip.link_lookup(ifname="eth0")[0], ifname="check0", net_ns_fd=there)
    with network.inside(network.topology.switch), IPRoute() as ip:
        index = ip.link_lookup(ifname="check0")[0]
        ip.link("set", index=index, state="up")
        ip.addr("add", index=index, address=str(CHECKER.ip), prefixlen=CHECKER.network.prefixlen)
        ip.route("add", dst=PREFIX, gateway=str(GATEWAY.ip), oif=index)
    with network.inside("s1"), IPRoute() as ip:
        ip.route("add", dst=PREFIX, oif=ip.link_lookup(ifname="lo")[0], type="local", scope="host")


def measure(kind: str, servers: int, seconds: float) -> Found:
    """Raises ProcessFailed or TimeoutError."""
    with Network(topology()) as network, tempfile.TemporaryDirectory() as scratch:
        join(network)
        conf = Path(scratch) / "nginx.conf"
        conf.write_text(NGINX.format(directory=scratch, port=PORT))
        nginx = network.start("s1", "nginx", ["nginx", "-c", str(conf), "-e", f"{scratch}/log"])
        poll(lambda: network.listens("s1", PORT), 10, "nginx listens")
        stack = Stack(network, config(kind, servers), "p4soft")
        try:
            stack.start()
            poll(lambda: _taken(network) >= ROUNDS * servers, STARTS, "each server has been checked", 1.0)
            return _measured(kind, network, stack, seconds)
        finally:
            stack.stop()
            nginx.stop()


def _measured(kind: str, network: Network, stack: Stack, seconds: float) -> Found:
    assert stack.controller is not None
    assert stack.switch is not None
    before, began = _taken(network), time.monotonic()
    own, others = [], []
    for _ in range(SLICES):
        spent = times([stack.controller]).total, times([stack.switch]).total, time.monotonic()
        time.sleep(seconds / SLICES)
        took = time.monotonic() - spent[2]
        own.append((times([stack.controller]).total - spent[0]) / took)
        others.append((times([stack.switch]).total - spent[1]) / took)
    rate = (_taken(network) - before) / (time.monotonic() - began)
    return Found(kind, rate, _down(stack), statistics.median(own), statistics.median(others))


def _taken(network: Network) -> int:
    """Connections that the servers have taken so far."""
    with network.inside("s1"), contextlib.closing(HTTPConnection("127.0.0.1", PORT, timeout=10)) as connection:
        connection.request("GET", "/taken")
        return int(connection.getresponse().read().split()[7])


def _down(stack: Stack) -> int:
    return sum(not server["healthy"] for service in stack.stats()["services"] for server in service["servers"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--seconds", type=float, default=MEASURED)
    parser.add_argument("kinds", nargs="*", default=[*KINDS], metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args()
    if reason := namespaces.unavailable():
        print(f"this cannot run: {reason}", file=sys.stderr)
        return 1
    print(f"load average {os.getloadavg()[0]:.1f}")
    for kind in options.kinds:
        try:
            found = measure(kind, options.servers, options.seconds)
        except (ProcessFailed, TimeoutError, OSError) as error:
            print(f"{kind}: {error}", file=sys.stderr)
            return 1
        print(
            f"{found.kind}: {found.per_second:.0f} checks a second, {found.down} servers down; "
            f"controller {found.controller:.2f} of a processor, switch {found.switch:.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
