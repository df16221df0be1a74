"""Connections that come and go at a steady rate for a long time: do memory and connect latency stay as they are?"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import connecting
from bench.connecting import Device
from topo import standard
from topo.process import Process, ProcessFailed
from topo.world import World, report

RATE = 5_000
"""Connections a second."""
SECONDS = 60.0
SLICES = 10
"""Parts of the time that are compared."""
_CONCURRENCY = 5_000


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the time."""

    per_second: float
    failed: int
    connect_us: dict[str, float]
    """Shares (p50, p99) of the times from connect() to the SYN-ACK, of the client that is worse off."""
    memory: int
    """Resident bytes of what forwards, at its end."""


@dataclass(frozen=True, slots=True)
class Churn:
    name: str
    seconds: float
    slices: tuple[Slice, ...]

    @property
    def middle(self) -> Slice:
        return self.slices[SLICES // 2 - 1]

    @property
    def grown(self) -> float:
        """Bytes a connection from the middle on. Before that what there is once for each session id, registers say,
        comes into use; 1,048,576 connections are one round of the ids."""
        connections = sum(part.per_second for part in self.slices[SLICES // 2 :]) * self.seconds / SLICES
        return (self.slices[-1].memory - self.middle.memory) / connections


def devices() -> list[Device]:
    """Ours, in one process and in two."""
    return [device for device in connecting.devices(None) if device.target in ("embedded", "p4soft") and device.toa]


def measure(device: Device, seconds: float, rate: float, tell: Callable[[str], object]) -> Churn:
    """One device, on a network of its own. Raises ProcessFailed."""
    slices = []
    with connecting.between(device) as (everything, forwarding):
        for number in range(SLICES):
            tell(f"{device.name}, {number * seconds / SLICES:.0f} of {seconds:.0f} s of churn ...")
            slices.append(_slice(everything, forwarding, int(rate * seconds / SLICES / 2), rate / 2))
    return Churn(device.name, seconds, tuple(slices))


def _slice(everything: World, forwarding: Sequence[Process], count: int, rate: float) -> Slice:
    """The servers close, so that no client runs out of ports."""
    options = {"n": count, "c": _CONCURRENCY, "rate": rate, "timeout": connecting.PATIENCE, "close": "server"}
    loads = [everything.start_load(client, **options) for client in standard.CLIENTS]
    found = [report(load, count / rate + 60) for load in loads]
    if sum(each["ok"] for each in found) == 0:
        raise ProcessFailed(f"no connection succeeded: {[each['failures'] for each in found]}")
    return Slice(
        sum(each["ok"] / each["seconds"] for each in found),
        sum(each["failed"] for each in found),
        {share: max(each["connect_us"][share] for each in found) for share in ("p50", "p99")},
        sum(resident(process.pid) for process in forwarding),
    )


def resident(pid: int) -> int:
    """Bytes of a process and its children."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(int(child)) for child in children)


def line(churn: Churn) -> str:
    """One line, for the terminal."""
    middle, last = churn.middle, churn.slices[-1]
    return (
        f"{churn.name:36}{last.per_second:>10,.0f} new TCP sessions/s for {churn.seconds:.0f} s: "
        f"{middle.memory / 1e6:.0f} to {last.memory / 1e6:.0f} MB, {churn.grown:.1f} bytes a session; median "
        f"{middle.connect_us['p50']:.0f} to {last.connect_us['p50']:.0f} us; "
        f"{sum(part.failed for part in churn.slices)} failed"
    )


def markdown(churns: Sequence[Churn]) -> list[str]:
    lines = [
        "",
        "## Connections that come and go for a long time",
        "",
        f"A steady rate from two clients, for {churns[0].seconds:.0f} s: in the middle, and at the end.",
        "Memory is that of switch and controller together. Until every session id was used once (1,048,576 sessions)",
        "it grows by what there is for each of them.",
        "",
        "| device | sessions/s | failed | MB | the end | bytes a session | median | the end | 99 % | the end |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for churn in churns:
        middle, last = churn.middle, churn.slices[-1]
        times = [f"{part.connect_us[share] / 1000:.2f} ms" for share in ("p50", "p99") for part in (middle, last)]
        lines.append(
            f"| {churn.name} | {last.per_second:,.0f} | {sum(part.failed for part in churn.slices)} | "
            f"{middle.memory / 1e6:.0f} | {last.memory / 1e6:.0f} | {churn.grown:.1f} | " + " | ".join(times) + " |"
        )
    return lines
