"""The results as a markdown page and a plot."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import bulk_results, churn, connecting_results, floods, forwarding, inserts, loading, scale, stateless
from bench.bulk import Bulk
from bench.churn import Churn
from bench.connecting import Connecting
from bench.floods import Flooded
from bench.forwarding import Rate
from bench.inserts import Inserts
from bench.loading import Loading
from bench.scale import Scale
from bench.stateless import Stateless
from bench.updating import Updating


@dataclass(slots=True, kw_only=True)
class Measured:
    """What one run has found. Parts that were not measured are empty."""

    rates: list[Rate] = field(default_factory=list)
    stateless: list[Stateless] = field(default_factory=list)
    bulk: list[Bulk] = field(default_factory=list)
    bulk_seconds: float = 0
    scales: list[Scale] = field(default_factory=list)
    loads: Loading | None = None
    connects: list[Connecting] = field(default_factory=list)
    churns: list[Churn] = field(default_factory=list)
    inserted: list[Inserts] = field(default_factory=list)
    updating: Updating | None = None
    floods: list[Flooded] = field(default_factory=list)
    flood_seconds: float = 0


def machine() -> str:
    """Processor, cores and kernel."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    kernel = platform.release().partition("-")[0]
    return f"{model}, {os.cpu_count()} cores, Linux {kernel}, Python {platform.python_version()}"


def markdown(measured: Measured, load: float) -> str:
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench`; every line of one run, one after the other, on one machine:",
        f"{machine()}, {datetime.date.today().isoformat()}; load average when it began {load:.1f}.",
        "",
        "[What grows with what](what-grows.md).",
        "",
        "![rates](results.png)",
    ]
    if measured.rates:
        lines += _rates(measured.rates)
    if measured.stateless:
        lines += stateless.markdown(measured.stateless)
    if measured.bulk:
        lines += bulk_results.markdown(measured.bulk, measured.bulk_seconds)
    if measured.scales:
        lines += _scales(measured.scales)
    if measured.loads:
        lines += _loads(measured.loads)
    if measured.connects:
        lines += connecting_results.markdown(measured.connects)
    if measured.churns:
        lines += churn.markdown(measured.churns)
    if measured.floods:
        lines += floods.markdown(measured.floods, measured.flood_seconds)
    if measured.updating:
        lines += _inserts(measured.inserted, measured.updating)
    return "\n".join(lines) + "\n"


def _rates(rates: list[Rate]) -> list[str]:
    by_name = {rate.name: rate.best for rate in rates if rate.skipped is None}
    lines = [
        "",
        f"## Packets per second, 64-byte packets of {forwarding.SESSIONS} sessions",
        "",
        "Client to server over veth pairs; generator and device under test share the machine. Best and median of "
        f"{forwarding.PASSES * forwarding.ROUNDS} rounds of {forwarding.SECONDS:g} s; ratios are of the best.",
        f"The generator saturates all devices but BMv2, which is offered {forwarding.BMV2_RATE:,} packets/s.",
        "",
        "| device | packets/s, best | median | of the AF_PACKET forwarder | times BMv2 FULLNAT |",
        "|---|---:|---:|---:|---:|",
    ]
    bare, bmv2 = by_name.get("AF_PACKET forwarder in C"), by_name.get("BMv2, FULLNAT")
    for rate in rates:
        if rate.skipped is not None:
            lines.append(f"| {rate.name} | not measured: {rate.skipped} | | | |")
            continue
        share = f"{rate.best / bare:.0%}" if bare else ""
        times = f"{rate.best / bmv2:.1f}" if bmv2 else ""
        lines.append(f"| {rate.name} | {rate.best:,.0f} | {rate.median:,.0f} | {share} | {times} |")
    routed, fullnat = by_name.get("p4soft, routed"), by_name.get("p4soft, FULLNAT")
    if routed and fullnat:
        lines += ["", f"On p4soft FULLNAT runs at {fullnat / routed:.0%} of NAT-less forwarding by the same program."]
    nat = by_name.get("p4soft, NAT")
    if nat and fullnat:
        lines += ["", f"FULLNAT on p4soft forwards {fullnat / nat:.0%} of what NAT on it does."]
    return lines


def _loads(loads: Loading) -> list[str]:
    return [
        "",
        "## Loading the FULLNAT program into p4soft",
        "",
        "SetForwardingPipelineConfig over gRPC until its answer, everything included; "
        f"best of {loading.TURNS} turns, each with a new cache.",
        "",
        "| the program is | seconds |",
        "|---|---:|",
        f"| compiled | {min(loads.cold):.2f} |",
        f"| in the cache | {min(loads.cached):.2f} |",
    ]


def _scales(scales: list[Scale]) -> list[str]:
    """Rate and memory by number of sessions; ratios are to the first, the smallest."""
    least = scales[0]
    lines = [
        "",
        "## p4soft with many sessions",
        "",
        "Sessions are written straight to the engine; each packet is of another one, in no order that a cache could "
        f"follow. Best of {scale.PASSES * forwarding.ROUNDS} rounds; the program alone runs frames on one thread, "
        "without ports or a kernel.",
        "Memory: growth of the process, and by the engine's own account two entries and the registers' cells.",
        "",
        "| sessions | packets/s | ratio | the program alone | ratio | bytes a session, grown | stated |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for found in scales:
        ratio, alone = found.rate.best / least.rate.best, found.best_alone / least.best_alone
        grown = f"{found.grown:.0f}" if found is not least else ""
        lines.append(
            f"| {found.sessions:,} | {found.rate.best:,.0f} | {ratio:.2f} | {found.best_alone:,.0f} | {alone:.2f} "
            f"| {grown} | {found.stated} |"
        )
    return lines


def _inserts(inserted: list[Inserts], updating: Updating) -> list[str]:
    lines = [
        "",
        "## Table inserts per second, through P4Runtime over gRPC",
        "",
        f"{2 * inserts.SESSIONS:,} entries of the FULLNAT session tables, sent ready-made by one C client to both",
        f"switches; medians of {inserts.PASSES} passes in which both took turns.",
        "",
        "| updates a Write | requests in flight | p4soft | BMv2 | p4soft : BMv2 |",
        "|---:|---:|---:|---:|---:|",
    ]
    for found in inserted:
        known = "bmv2" in found.rates
        theirs = f"{found.median('bmv2'):,.0f} | {found.ratio:.1f}" if known else "not measured |"
        lines.append(f"| {found.updates} | {found.in_flight} | {found.median('p4soft'):,.0f} | {theirs} |")
    return [
        *lines,
        "",
        f"While {updating.inserts_per_second:,.0f} entries a second are inserted, p4soft FULLNAT forwards "
        f"{1 - updating.loss:.0%} of what it forwards undisturbed.",
    ]


def plot(measured: Measured, path: Path) -> None:
    """One panel for packets, sessions, and bulk TCP with offloads and without; of what was measured."""
    panels = [
        ("thousand packets/s, 64 bytes", [(r.name, r.best / 1000) for r in measured.rates if r.skipped is None]),
        ("new TCP sessions/s, end to end", [(c.name, c.per_second) for c in measured.connects if c.skipped is None]),
        *bulk_results.panels(measured.bulk),
    ]
    shown = [(title, rows) for title, rows in panels if rows]
    if not shown:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    heights = [len(rows) for _, rows in shown]
    size = (8, 0.45 * sum(heights) + 0.5 * len(shown))
    figure, axes = plt.subplots(len(shown), 1, figsize=size, height_ratios=heights, layout="constrained", squeeze=False)
    for ax, (title, rows) in zip(axes[:, 0], shown, strict=True):
        _bars(ax, rows, title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _bars(ax: Any, rows: list[tuple[str, float]], title: str) -> None:
    """Horizontal bars with their values; ours in colour, the others grey."""
    names, values = [name for name, _ in rows], [value for _, value in rows]
    ours = ["#1f6fb4" if name.startswith("p4soft") else "#b0b6bd" for name in names]
    bars = ax.barh(names, values, color=ours)
    ax.bar_label(bars, labels=[f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for value in values], padding=4)
    ax.invert_yaxis()
    ax.set_title(title, loc="left")
    ax.margins(x=0.12)
    ax.xaxis.set_visible(False)
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
