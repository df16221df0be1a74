"""What libtoa_preload costs nginx: requests per second with and without, at the same time, in one run.

    python -m bench.toa [--rounds N] [--seconds S] [--through-vip] [--attach]

Two nginx of one worker each, one with the library (``--attach``: under toa-attach instead), are loaded by a wrk each,
all four on one processor: each process gets its fair share of it, and whatever else the machine does takes from both
alike. Twice: over connections that are kept, and with a connection for every request, which is the worst case, for the
work is done once a connection.

``--through-vip`` measures behind the balancer, where SYNs carry TOA, as root. There the switch and the controller cost
far more than nginx, so the worker's own processor time a request is the figure to look at.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from fullnat_toa import Trusted
from fullnat_toa.ebpf import attach
from fullnat_toa.ebpf.bpf import BpfError

from bench.tools import build, toa
from topo import cgroups, standard
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.world import world

CONNECTIONS = 32
CONFIG = """
user root; daemon off; worker_processes 1; pid {directory}/{port}.pid; error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{ listen {address}:{port} backlog=4096; location / {{ return 200 "$remote_addr\\n"; }} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Sample:
    rate: float
    """Requests per second."""
    cpu: float
    """The worker's microseconds of processor time a request."""


class Nginx:
    """One nginx with one worker, in the calling thread's network namespace."""

    def __init__(self, directory: Path, address: str, port: int, env: dict[str, str], cgroup: Path | None) -> None:
        self.address, self.port = address, port
        config = directory / f"{port}.conf"
        config.write_text(CONFIG.format(directory=directory, address=address, port=port))
        command = ["nginx", "-c", config, "-e", directory / "error.log"]
        self.process = Process(
            f"nginx-{port}", [str(word) for word in command], namespace=None, logs=directory, env=env
        )
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")

        def worker() -> int:
            self.process.check_running()
            found = children.read_text().split()
            return int(found[0]) if found else 0

        self._schedstat = Path(f"/proc/{poll(worker, 10, 'nginx has a worker')}/schedstat")

    def cpu(self) -> float:
        """Seconds of processor time that the worker has used."""
        return int(self._schedstat.read_text().split()[0]) / 1e9


Servers = tuple[Nginx, Nginx]


def sample(servers: Servers, urls: tuple[str, str], seconds: int, close: bool, launch: list[str]) -> list[Sample]:
    """Load both at the same time. Raises ProcessFailed when a request failed."""
    command = [*launch, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += ["-H", "Connection: close"] if close else []
    before = [server.cpu() for server in servers]
    running = [subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True) for url in urls]
    outputs = [process.communicate()[0] for process in running]
    spent = [server.cpu() - start for server, start in zip(servers, before, strict=True)]
    found = []
    for output, used in zip(outputs, spent, strict=True):
        requests = re.search(r"(\d+) requests in", output)
        rate = re.search(r"Requests/sec: +([\d.]+)", output)
        if not requests or not rate or "Non-2xx" in output or not int(requests[1]):
            raise ProcessFailed(f"wrk failed: {output}")
        found.append(Sample(float(rate[1]), 1e6 * used / int(requests[1])))
    return found


def compare(
    title: str, servers: Servers, urls: tuple[str, str], rounds: int, seconds: int, close: bool, launch: list[str]
) -> None:
    """Measure, and print the medians and the median of the rounds' ratios."""
    sample(servers, urls, 1, close, launch)
    pairs = [sample(servers, urls, seconds, close, launch) for _ in range(rounds)]
    rates = sorted(b.rate / a.rate - 1 for a, b in pairs)
    cpu = statistics.median(b.cpu / a.cpu for a, b in pairs) - 1
    print(title)
    for which, name in enumerate(("without", "with")):
        requests = statistics.median(pair[which].rate for pair in pairs)
        micros = statistics.median(pair[which].cpu for pair in pairs)
        print(f"  {name:8} {requests:10,.0f} requests/s   {micros:6.2f} us of nginx's processor time a request")
    spread = f"from {rates[0]:+.1%} to {rates[-1]:+.1%}"
    print(f"  change   {statistics.median(rates):+10.1%} requests/s ({spread})   {cpu:+.1%} processor time", flush=True)


@contextlib.contextmanager
def both(directory: Path, address: str, trusted: str, attached: bool) -> Iterator[Servers]:
    """An nginx without and one with the library, or in a cgroup with the programs."""
    with contextlib.ExitStack() as running:
        cgroup, env = None, {}
        if attached:
            cgroup = running.enter_context(cgroups.made("toa-bench"))
            attach.attach(cgroup, Trusted(trusted))
        else:
            env = {"LD_PRELOAD": str(toa.library(directory / "toa")), "TOA_TRUSTED": trusted}
        plain = Nginx(directory, address, 8081, {}, None)
        running.callback(plain.process.stop)
        other = Nginx(directory, address, 8082, env, cgroup)
        running.callback(other.process.stop)
        yield plain, other


def loopback(rounds: int, seconds: int, attached: bool) -> None:
    # Inherited by everything that is started from here.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as scratch, both(Path(scratch), "127.0.0.1", "127.0.0.0/8", attached) as servers:
        urls = tuple(f"http://{server.address}:{server.port}/" for server in servers)
        for title, close in (("keep-alive, loopback", False), ("a connection a request, loopback", True)):
            compare(title, servers, (urls[0], urls[1]), rounds, seconds, close, [])


def behind_balancer(rounds: int, seconds: int, attached: bool) -> None:
    service = standard.config(
        servers=[(IPv4Address("10.2.0.11"), 8081)], timeouts={"time_wait": 1.0, "close_wait": 1.0}
    )
    own = ", ".join(f'"{address}"' for address in standard.LOCAL_ADDRESSES)
    service += f'\n[[virtual_server]]\naddress = "{standard.VIP}"\nport = 81\nlocal_addresses = [{own}]\n'
    service += '\n[[virtual_server.real_server]]\naddress = "10.2.0.11"\nport = 8082\n'
    with world(service) as everything, tempfile.TemporaryDirectory() as scratch:
        network: Network = everything.network
        with network.inside("s1"), both(Path(scratch), "10.2.0.11", "10.2.0.100/30", attached) as servers:
            launch = ["ip", "netns", "exec", network.namespace("c1")]
            urls = (f"http://{standard.VIP}:{standard.VPORT}/", f"http://{standard.VIP}:81/")
            compare("a connection a request, behind the balancer", servers, urls, rounds, seconds, True, launch)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.toa", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each run of wrk")
    parser.add_argument("--through-vip", action="store_true", help="measure behind the balancer; as root")
    parser.add_argument("--attach", action="store_true", help="measure toa-attach instead of the library; as root")
    options = parser.parse_args()
    for program in ("nginx", "wrk", *(("ip",) if options.through_vip else ())):
        if shutil.which(program) is None:
            print(f"{program} is not installed", file=sys.stderr)
            return 1
    try:
        (behind_balancer if options.through_vip else loopback)(options.rounds, options.seconds, options.attach)
    except (ProcessFailed, build.BuildError, BpfError, TimeoutError, OSError) as error:
        print(f"the measurement failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
