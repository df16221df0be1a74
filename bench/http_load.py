"""Connections of wrk to nginx, one for each request."""

from __future__ import annotations

import re
from pathlib import Path

from bench import peers
from topo import standard
from topo.netns import Network
from topo.process import ProcessFailed, poll

SECONDS = 4
CONNECTIONS = 100
PORT = 80
_NGINX = """
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_timeout 0;
  server {{
    listen {address}:{port} backlog=4096;
    location / {{ return 200 "ok\\n"; }}
  }}
}}
"""


def missing() -> str | None:
    """Why this cannot be measured here, or None when it can."""
    return peers.missing("wrk") or peers.missing("nginx")


def requests_per_second(network: Network) -> float:
    """Of both clients together. The real servers of the standard topology have to have their port free."""
    for name in standard.SERVERS:
        _serve(network, name)
    url = f"http://{standard.VIP}:{standard.VPORT}/"
    words = ["-t", "1", "-c", str(CONNECTIONS // 2), "-d", f"{SECONDS}s", "-H", "Connection: close", url]
    loads = [network.start(client, f"wrk-{client}", ["wrk", *words]) for client in standard.CLIENTS]
    return sum(rate(load.result(SECONDS + 30)) for load in loads)


def _serve(network: Network, host: str) -> None:
    directory = network.logs / f"nginx-{host}"
    directory.mkdir()
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(directory=directory, address=network.address(host), port=PORT))
    command: list[str | Path] = [
        "nginx",
        "-p",
        directory,
        "-e",
        directory / "error.log",
        "-c",
        config,
        "-g",
        "daemon off;",
    ]
    server = network.start(host, f"nginx-{host}", [*command, "-g", "daemon off;"])

    def listens() -> bool:
        server.check_running()
        return network.listens(host, PORT)

    poll(listens, 10, f"nginx listens on {host}")


def rate(output: str) -> float:
    """Requests a second, as wrk prints them. Raises ProcessFailed."""
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise ProcessFailed(f"wrk told no rate: {output[-500:]}")
    return float(found[1])
