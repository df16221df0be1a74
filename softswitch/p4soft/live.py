"""Rates of the ports while the switch runs: ``p4soft --stats SECONDS``."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p4soft.api import Offload, PortStats

_COUNTERS = {
    "rx pkt/s": "rx_packets",
    "rx bit/s": "rx_bytes",
    "rx drop/s": "rx_dropped",
    "rx large/s": "rx_large",
    "rx oversize/s": "rx_oversize",
    "tx pkt/s": "tx_packets",
    "tx bit/s": "tx_bytes",
    "tx drop/s": "tx_dropped",
    "tx large/s": "tx_large",
}
COLUMNS = ("port", "interface", *_COUNTERS, "offloads", "link")


@dataclass(frozen=True, slots=True)
class PortRate:
    """``values`` are per second, in the order of the columns: packets, bits, drops, super-segments and those of the
    drops that were larger than the MTU, received; then the first four of them, sent."""

    port: int
    name: str
    values: tuple[float, ...]
    offload: str = Offload.NONE.value
    link: str = "-"


class Meter:
    """Differences of counters over the time between two looks at them."""

    def __init__(self, read: Callable[[], Sequence[PortStats]], now: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._now = now
        self._states: dict[tuple[int, str], tuple[str, str]] = {}
        """Offloads and link."""
        self._last = self._look()
        self._when = now()

    def _look(self) -> dict[tuple[int, str], tuple[int, ...]]:
        stats = self._read()
        self._states = {(s.port, s.name): (s.offload.value, s.link) for s in stats}
        return {(s.port, s.name): tuple(getattr(s, name) for name in _COUNTERS.values()) for s in stats}

    def sample(self) -> list[PortRate]:
        """Rates since the last call. A port that is new counts from zero."""
        found, when = self._look(), self._now()
        elapsed = max(when - self._when, 1e-9)
        rates = []
        for (port, name), values in sorted(found.items()):
            before = self._last.get((port, name), (0,) * len(values))
            if any(new < old for new, old in zip(values, before, strict=True)):
                before = (0,) * len(values)  # taken away and attached again
            scales = (8 if counter.endswith("bytes") else 1 for counter in _COUNTERS.values())
            rate = tuple((n - o) * s / elapsed for n, o, s in zip(values, before, scales, strict=True))
            rates.append(PortRate(port, name, rate, *self._states[port, name]))
        self._last, self._when = found, when
        return rates


def plain(rates: Sequence[PortRate]) -> str:
    """Aligned columns of whole numbers, for pipes and files."""
    rows = [COLUMNS] + [
        (str(r.port), r.name, *(f"{value:.0f}" for value in r.values), r.offload, r.link) for r in rates
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)


def short(value: float) -> str:
    """Three digits and a prefix: 1234567 is ``1.23 M``."""
    for prefix in ("", " k", " M", " G"):
        if value < 999.5:
            digits = 0 if not prefix or value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f}{prefix}"
        value /= 1000
    return f"{value:.2f} T"


async def show_rates(read: Callable[[], Sequence[PortStats]], seconds: float) -> None:
    """Print rates on standard output, or keep them up to date there if it is a terminal, until cancelled."""
    meter = Meter(read)
    if not sys.stdout.isatty():
        while True:
            await asyncio.sleep(seconds)
            print(plain(meter.sample()), end="\n\n", flush=True)

    from rich.live import Live
    from rich.table import Table

    def table(rates: Sequence[PortRate]) -> Table:
        drawn = Table()
        for i, column in enumerate(COLUMNS):
            drawn.add_column(column, justify="left" if i == 1 else "right", min_width=8 if i > 1 else None)
        for rate in rates:
            drawn.add_row(str(rate.port), rate.name, *(short(value) for value in rate.values), rate.offload, rate.link)
        return drawn

    # Standard error stays the log's own.
    with Live(table([]), auto_refresh=False, transient=True, redirect_stderr=False) as live:
        while True:
            await asyncio.sleep(seconds)
            live.update(table(meter.sample()), refresh=True)
