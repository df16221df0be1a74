"""Bulk TCP and round trips through p4soft, the kernel's NAT and haproxy, all in one run and measured the same way.

One client and one server, wired to the switch by veth pairs, with the kernel's TCP at both ends and iperf3 on it. All
devices take their turn in every pass; a network is made anew for each. Offloads are on as Linux sets interfaces up, or
off everywhere, which makes every packet of the MTU's size one on the wires.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from bench import peers, usage
from topo import kernel, standard
from topo.model import Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.stack import Stack

PASSES = 2
SECONDS = 3.0
"""Of one transfer."""
STREAMS = (1, 8)
DIRECTIONS = ("up", "down")
"""To the server, and from it."""
REFERENCE = "Linux nftables DNAT+SNAT"
SERVER = IPv4Address("10.2.0.11")


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    start: Callable[[Network], Sequence[Process]]
    """Returns the processes that forward, none where the kernel does."""
    unavailable: str | None = None
    bridged: bool = False
    """The client reaches the server itself, not a service."""


@dataclass(frozen=True, slots=True)
class Case:
    """What one transfer was."""

    offloads: bool
    streams: int
    direction: str


@dataclass(frozen=True, slots=True)
class Transfer:
    gbits: float
    """Per second, as TCP delivered them."""
    total: float
    """CPU-seconds per gigabyte, of all that takes part."""
    own: float
    """CPU-seconds per gigabyte of the processes that forward."""
    packet: float
    """CPU-microseconds of all that takes part per packet that the switch received."""


@dataclass(slots=True)
class Bulk:
    """What one device did. Other work on the machine only ever makes figures worse: the best of all passes counts."""

    name: str
    skipped: str | None = None
    counted: bool = True
    """Whether packets go by the interfaces that are counted."""
    transfers: dict[Case, list[Transfer]] = field(default_factory=lambda: defaultdict(list))
    trips: list[dict[str, float]] = field(default_factory=list)
    """Round trips, p50 and p99 in microseconds."""

    def gbits(self, case: Case) -> float:
        return max(transfer.gbits for transfer in self.transfers[case])

    def total(self, case: Case) -> float:
        return min(transfer.total for transfer in self.transfers[case])

    def own(self, case: Case) -> float:
        return min(transfer.own for transfer in self.transfers[case])

    def packet(self, case: Case) -> float:
        return min(transfer.packet for transfer in self.transfers[case])

    def trip(self, share: str) -> float:
        return min(trip[share] for trip in self.trips)


def cases() -> list[Case]:
    return [Case(offloads, streams, way) for offloads in (True, False) for streams in STREAMS for way in DIRECTIONS]


def devices() -> list[Device]:
    return [
        Device("Linux bridge, no NAT", lambda _: (), bridged=True),
        Device(REFERENCE, _nftables, kernel.unavailable()),
        Device("haproxy, TCP mode", _haproxy, peers.missing("haproxy")),
        Device("p4soft, FULLNAT", _p4soft),
        Device("p4soft, FULLNAT, 2 workers", partial(_p4soft, workers=2)),
    ]


def unavailable() -> str | None:
    """Why nothing can be measured here, or None when it can."""
    return peers.missing("iperf3")


def measure(seconds: float, progress: Callable[[str], None]) -> list[Bulk]:
    """All devices, in turns. Raises ProcessFailed or TimeoutError."""
    chosen = devices()
    found = [Bulk(device.name, device.unavailable or unavailable(), not device.bridged) for device in chosen]
    for turn in range(PASSES):
        for offloads in (True, False):
            for device, bulk in zip(chosen, found, strict=True):
                if bulk.skipped is None:
                    progress(f"{device.name}, offloads {'on' if offloads else 'off'}, turn {turn + 1} of {PASSES} ...")
                    _measure(device, offloads, seconds, bulk)
    return found


def _measure(device: Device, offloads: bool, seconds: float, bulk: Bulk) -> None:
    """On a network of its own."""
    target = SERVER if device.bridged else standard.VIP
    with Network(_topology(device.bridged), offloads=offloads) as network:
        forwarding = device.start(network)
        server = network.start("s1", "iperf3-server", ["iperf3", "-s", "-p", str(standard.VPORT)])
        poll(lambda: network.listens("s1", standard.VPORT), 10, "iperf3 listens")
        for case in cases():
            if case.offloads == offloads:
                bulk.transfers[case].append(_transfer(network, target, case, seconds, forwarding, server))
        server.stop()
        if offloads:
            bulk.trips.append(_round_trips(network, target, seconds))


def _transfer(
    network: Network, target: IPv4Address, case: Case, seconds: float, forwarding: Sequence[Process], server: Process
) -> Transfer:
    command = ["iperf3", "-c", str(target), "-p", str(standard.VPORT), "-P", str(case.streams), "-t", f"{seconds:g}"]
    command += ["-J", *(["-R"] if case.direction == "down" else [])]
    before = usage.now(network, forwarding, [server])
    report = json.loads(network.start("c1", "iperf3", command).result(seconds + 30))
    used = usage.now(network, forwarding, [server]) - before
    received = report["end"]["sum_received"]
    gigabytes = received["bytes"] / 1e9
    if not gigabytes:
        raise ProcessFailed(f"iperf3 transferred nothing: {report.get('error', 'no reason given')}")
    rate = received["bits_per_second"] / 1e9
    return Transfer(rate, used.total / gigabytes, used.own / gigabytes, 1e6 * used.total / max(used.packets, 1))


def _round_trips(network: Network, target: IPv4Address, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.pingpong"]
    server = network.start("s1", "pingpong-server", [*command, "serve", str(standard.VPORT)])
    poll(lambda: "ready" in server.output, 10, "the server of round trips listens")
    asked = network.start("c1", "pingpong", [*command, "ask", str(target), str(standard.VPORT), f"{seconds:g}"])
    found: dict[str, float] = json.loads(asked.result(seconds + 30))
    server.stop()
    return found


def _topology(bridged: bool) -> Topology:
    if bridged:
        wide = [Host(name="c1", address=IPv4Interface("10.2.0.1/24")), Host(name="s1", address=_interface())]
        return Topology(subnets=(Subnet(name="lan", port=1, hosts=tuple(wide)),))
    to_vip = HostRoute(prefix=IPv4Network("10.9.0.0/24"), gateway=standard.CLIENT_GATEWAY.ip)
    client = Host(name="c1", address=IPv4Interface("10.1.0.1/24"), routes=(to_vip,))
    ends = (client, Host(name="s1", address=_interface()))
    return Topology(subnets=tuple(Subnet(name=host.name, port=i, hosts=(host,)) for i, host in enumerate(ends, 1)))


def _interface() -> IPv4Interface:
    return IPv4Interface(f"{SERVER}/24")


def _nftables(network: Network) -> Sequence[Process]:
    kernel.translate(network)
    return ()


def _haproxy(network: Network) -> Sequence[Process]:
    return (peers.haproxy(network, [SERVER]),)


def _p4soft(network: Network, workers: int = 1) -> Sequence[Process]:
    stack = Stack(network, standard.config(servers=[(SERVER, standard.VPORT)]), "embedded", workers=workers)
    stack.start()
    assert stack.controller is not None
    return (stack.controller,)


def summary(found: Sequence[Bulk]) -> Iterator[str]:
    """One line a device and case, for the terminal."""
    for bulk in found:
        if bulk.skipped is not None:
            yield f"{bulk.name:28} not measured: {bulk.skipped}"
            continue
        for case in cases():
            how = f"offloads {'on' if case.offloads else 'off'}, {case.streams} {case.direction}"
            cost = f"{bulk.total(case):.2f} CPU s/GB, own {bulk.own(case):.2f}"
            yield f"{bulk.name:28}{how:24}{bulk.gbits(case):>7.2f} Gbit/s  {cost}"
        yield f"{bulk.name:28}round trip {bulk.trip('p50'):.0f} us, 99 % {bulk.trip('p99'):.0f} us"
