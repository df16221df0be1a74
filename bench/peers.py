"""Other people's load balancers in the switch's place, for comparison."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from fullnat.config.model import IpAddress

from topo import kernel, standard
from topo.netns import Network
from topo.process import Process, poll

_HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen service
  bind {vip}:{port}
"""


def missing(program: str) -> str | None:
    """Why there is no such peer, or None when there is."""
    return None if shutil.which(program) else f"{program} is not on PATH"


def haproxy(network: Network, servers: Sequence[IpAddress]) -> Process:
    """haproxy in TCP mode on the VIP, in front of ``servers``; listens when this returns."""
    kernel.forward(network)
    kernel.add_address(network, 1, standard.VIP)
    lines = [f"  server s{number} {server}:{standard.VPORT}" for number, server in enumerate(servers, 1)]
    config = network.logs / "haproxy.cfg"
    config.write_text(_HAPROXY.format(vip=standard.VIP, port=standard.VPORT) + "\n".join(lines) + "\n")
    process = network.start(network.topology.switch, "haproxy", ["haproxy", "-db", "-f", config])

    def listens() -> bool:
        process.check_running()
        return network.listens(network.topology.switch, standard.VPORT)

    poll(listens, 10, "haproxy listens")
    return process
