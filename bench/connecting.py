"""New TCP sessions, end to end: how many a second, how long a quiet one takes, what is left under twice the load, and
who spends the CPU time. Kernel TCP clients and servers, and what stands between them, on one machine.

All devices get the same clients and servers: the project's own generator, which checks every byte (and TOA, where the
device sends it), and wrk and nginx where they are installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import http_load, peers, usage
from topo import kernel, standard
from topo.process import Process, ProcessFailed
from topo.world import World, lines, report, world

CONNECTIONS = 10_000
BMV2_CONNECTIONS = 2_000
CONCURRENCY = 50
QUIET = 600
"""Connections of the quiet run, from one client,"""
QUIET_RATE = 200
"""so many a second: each is alone."""
OVERLOAD = 2.0
"""Times the rate that was reached."""
OVERLOAD_SECONDS = 8.0
SETTLED = 3.0
"""Seconds after which an overload is not new any more."""
PATIENCE = 4
"""Seconds that a client waits for its connection under overload: three SYNs."""

Start = Callable[[World], Sequence[Process]]
"""Puts a device between clients and servers; returns the processes that forward, none where the kernel does."""


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    start: Start
    unavailable: str | None = None
    target: str = "embedded"
    """Of topo.stack, where it is one."""
    toa: bool = True
    """The servers learn the clients' addresses."""
    connections: int = CONNECTIONS
    overload: bool = True


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU time of some processes, in microseconds a connection."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class Connecting:
    name: str
    per_second: float = 0
    quiet_us: dict[str, float] = field(default_factory=dict)
    """Shares (p50, p99) of the times from connect() to the SYN-ACK in microseconds, connections coming one by one."""
    spent: dict[str, Spent] = field(default_factory=dict)
    """By who spends it, at full speed."""
    goodput: float | None = None
    """Connections a second under overload, of those without."""
    http: float | None = None
    """Requests a second of wrk to nginx, each on a connection of its own."""
    skipped: str | None = None


def devices(bmv2_missing: str | None) -> list[Device]:
    kernel_nat = kernel.unavailable()
    return [
        Device("Linux nftables DNAT+SNAT", _nftables, kernel_nat, toa=False),
        Device("haproxy, TCP", _haproxy, peers.missing("haproxy"), toa=False),
        Device("p4soft inside the controller", _stack),
        Device("p4soft over gRPC", _stack, target="p4soft"),
        Device("BMv2 over gRPC", _stack, bmv2_missing, "bmv2", connections=BMV2_CONNECTIONS, overload=False),
    ]


def measure(device: Device) -> Connecting:
    """Everything about one device, on networks of its own. Raises ProcessFailed when a connection fails."""
    if device.unavailable is not None:
        return Connecting(device.name, skipped=device.unavailable)
    with between(device) as (everything, forwarding):
        quiet = _quiet(everything)
        per_second, spent = _full_speed(everything, forwarding, device)
    goodput = None
    if device.overload:
        with between(device) as (everything, _):
            goodput = overload(everything, OVERLOAD * per_second) / per_second
    http = None
    if http_load.missing() is None:
        with between(device, servers=False) as (everything, _):
            http = http_load.requests_per_second(everything.network)
    return Connecting(device.name, per_second, quiet, spent, goodput, http)


@contextmanager
def between(device: Device, *, servers: bool = True) -> Iterator[tuple[World, Sequence[Process]]]:
    """The standard topology with the device in its middle, and the processes that forward."""
    config = standard.config(timeouts={"time_wait": 1.0, "close_wait": 1.0})
    with world(config, target=device.target, start=False) as everything:
        forwarding = device.start(everything)
        everything.load("c1", n=200, c=20)
        if not servers:
            for server in everything.servers.values():
                server.stop()
        yield everything, forwarding


def _quiet(everything: World) -> dict[str, float]:
    found = everything.load("c1", n=QUIET, c=CONCURRENCY, rate=QUIET_RATE)
    _check(found)
    return {share: found["connect_us"][share] for share in ("p50", "p99")}


def _full_speed(everything: World, forwarding: Sequence[Process], device: Device) -> tuple[float, dict[str, Spent]]:
    """Both clients open, use and close connections as fast as they can."""
    each = device.connections // 2
    who = {"forwarding": forwarding, "servers": list(everything.servers.values())}
    before = {name: usage.times(processes) for name, processes in who.items()}
    clients = usage.ended()
    flags = {"toa": True} if device.toa else {}
    loads = [everything.start_load(client, n=each, c=CONCURRENCY, **flags) for client in standard.CLIENTS]
    reports = [report(load, 60) for load in loads]
    for found in reports:
        _check(found)
    after = {name: usage.times(processes) for name, processes in who.items()}
    differences = {name: after[name] - before[name] for name in who} | {"clients": usage.ended() - clients}
    spent = {
        name: Spent(times.user / each / 2 * 1e6, times.system / each / 2 * 1e6) for name, times in differences.items()
    }
    return 2 * each / max(found["seconds"] for found in reports), spent


def overload(everything: World, rate: float) -> float:
    """Connections a second that succeed while ``rate`` are begun, once that is not new any more. The servers close, so
    that no client runs out of ports."""
    count = int(rate * OVERLOAD_SECONDS / 2)
    options = {"n": count, "c": 10_000, "rate": rate / 2, "timeout": PATIENCE, "close": "server", "progress": True}
    loads = [everything.start_load(client, **options) for client in standard.CLIENTS]
    time.sleep(OVERLOAD_SECONDS)
    return sum(_rate(load) for load in loads)


def _rate(load: Process) -> float:
    """Good connections a second between :data:`SETTLED` and the end."""
    told = [line for line in lines(load, "progress") if line["seconds"] >= SETTLED]
    if len(told) < 2:
        raise ProcessFailed(f"{load.name} told nothing of its progress")
    good = [line["done"] - line["failed"] for line in (told[0], told[-1])]
    return float((good[1] - good[0]) / (told[-1]["seconds"] - told[0]["seconds"]))


def _check(found: dict[str, int]) -> None:
    if found["failed"]:
        raise ProcessFailed(f"connections failed: {found['failures']}")


def _nftables(everything: World) -> Sequence[Process]:
    kernel.translate(everything.network)
    return ()


def _haproxy(everything: World) -> Sequence[Process]:
    network = everything.network
    return (peers.haproxy(network, [network.address(name) for name in standard.SERVERS]),)


def _stack(everything: World) -> Sequence[Process]:
    stack = everything.stack
    stack.start()
    return [process for process in (stack.controller, stack.switch) if process is not None]
