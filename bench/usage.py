"""Processor time and packets between two moments: of all that takes part, and of what forwards."""

from __future__ import annotations

import functools
import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyroute2 import IPRoute

from topo.netns import Network
from topo.process import Process


@dataclass(frozen=True, slots=True)
class Usage:
    total: float
    """Seconds of all that takes part: both ends, what forwards, and the kernel's threads for what it puts off
    (ksoftirqd). Most that the kernel forwards is on the time of whoever sends or receives."""
    own: float
    """Seconds of the processes that forward; 0 where the kernel does."""
    packets: int
    """Received by the switch's interfaces, as they count them: a super-segment once."""

    def __sub__(self, before: Usage) -> Usage:
        return Usage(self.total - before.total, self.own - before.own, self.packets - before.packets)


def now(network: Network, forwarding: Sequence[Process], ends: Sequence[Process]) -> Usage:
    """``ends``: those that run still; others count once they have ended, as children of this process."""
    own = sum(run_time(process.pid) for process in forwarding)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own + sum(run_time(pid) for pid in (*(process.pid for process in ends), *_softirq_threads()))
    return Usage(total + ended.ru_utime + ended.ru_stime, own, _packets(network))


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of CPU time, in user mode and in the kernel, as it is accounted (in ticks, unlike :class:`Usage`)."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def __sub__(self, before: Times) -> Times:
        return Times(self.user - before.user, self.system - before.system)


def times(processes: Sequence[Process]) -> Times:
    """Of processes that run, and of their children."""
    found = [pair for process in processes for pair in _ticks(process.pid)]
    per_second = os.sysconf("SC_CLK_TCK")
    return Times(sum(user for user, _ in found) / per_second, sum(system for _, system in found) / per_second)


def ended() -> Times:
    """Of the children of this process that have ended."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Times(of_children.ru_utime, of_children.ru_stime)


def _ticks(pid: int) -> Iterator[tuple[int, int]]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    yield int(fields[11]), int(fields[12])
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _ticks(int(child))


@functools.cache
def _softirq_threads() -> tuple[int, ...]:
    names = ((path, path.read_text()) for path in Path("/proc").glob("[0-9]*/comm"))
    return tuple(int(path.parent.name) for path, name in names if name.startswith("ksoftirqd/"))


def run_time(pid: int) -> float:
    """Of all threads of a process and of its children."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    own = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    return own / 1e9 + sum(run_time(child) for child in children)


def _packets(network: Network) -> int:
    with network.inside(network.topology.switch), IPRoute() as ip:
        links = [link for link in ip.get_links() if link.get_attr("IFLA_IFNAME", "").startswith("sw")]
        return sum(int(link.get_attr("IFLA_STATS64")["rx_packets"]) for link in links)
