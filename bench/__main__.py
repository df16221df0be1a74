"""``python -m bench``: measure everything in one run, print it, and write docs/bench/results.md and results.png.

With ``--only`` a part of it, written nowhere unless ``--output`` says where.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fullnat.cli.output import guarded
from rich.console import Console

from bench import (
    bulk,
    churn,
    connecting,
    connecting_results,
    floods,
    forwarding,
    inserts,
    loading,
    results,
    scale,
    stateless,
    updating,
)
from bench.tools.build import BuildError
from topo import namespaces, stack
from topo.namespaces import NamespaceError
from topo.process import ProcessFailed

PARTS = ("rates", "stateless", "bulk", "scales", "loads", "connects", "churns", "inserts", "floods")
OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "bench"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--output", type=Path, help=f"directory for results.md and results.png (default: {OUTPUT})")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part to measure; may be given several times")
    parser.add_argument("--bulk-seconds", type=_seconds, default=bulk.SECONDS, help="of each transfer of bulk TCP")
    parser.add_argument("--churn-seconds", type=_seconds, default=churn.SECONDS, help="of connections that come and go")
    parser.add_argument("--churn-rate", type=_rate, default=churn.RATE, help="of them, a second")
    parser.add_argument("--flood-seconds", type=_seconds, default=floods.SECONDS, help="of each flood")
    options = parser.parse_args()
    output: Path | None = options.output or (None if options.only else OUTPUT)
    console = Console()
    if reason := namespaces.unavailable():
        console.print(f"[red]the benchmark cannot run: {reason}[/]")
        return 1
    load = os.getloadavg()[0]
    if load > 0.3 * (os.cpu_count() or 1):
        console.print(f"[yellow]the machine is busy (load average {load:.1f}): what is measured will be too low[/]")
    try:
        measured = measure(console, options.only or PARTS, options)
    except (BuildError, NamespaceError, ProcessFailed, TimeoutError, OSError) as error:
        console.print(f"[bold red]the benchmark failed:[/] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("[yellow]interrupted; everything was cleaned up[/]")
        return 130
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / "results.md").write_text(results.markdown(measured, load))
        results.plot(measured, output / "results.png")
        console.print(f"written: {output / 'results.md'} and results.png")
    return 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("not between 1 and 3600")
    return seconds


def _rate(text: str) -> float:
    rate = float(text)
    if not 1 <= rate <= 1_000_000:
        raise argparse.ArgumentTypeError("not between 1 and 1,000,000")
    return rate


def measure(console: Console, parts: Sequence[str], options: argparse.Namespace) -> results.Measured:
    """Those of :data:`PARTS`, one after the other."""
    bmv2_missing = stack.unavailable("bmv2")
    measured = results.Measured(bulk_seconds=options.bulk_seconds, flood_seconds=options.flood_seconds)
    if "rates" in parts:
        measured.rates = _rates(console, bmv2_missing)
    if "stateless" in parts:
        measured.stateless = _stateless(console, bmv2_missing)
    if "bulk" in parts:
        measured.bulk = _bulk(console, options.bulk_seconds)
    if "scales" in parts:
        measured.scales = _scales(console)
    if "loads" in parts:
        measured.loads = _loads(console)
    if "connects" in parts:
        measured.connects = _connects(console, bmv2_missing)
    if "churns" in parts:
        measured.churns = _churns(console, options.churn_seconds, options.churn_rate)
    if "inserts" in parts:
        measured.inserted, measured.updating = _inserts(console, bmv2_missing)
    if "floods" in parts:
        measured.floods = _floods(console, options.flood_seconds)
    return measured


def _floods(console: Console, seconds: float) -> list[floods.Flooded]:
    found = []
    with console.status("floods ...") as status:
        for each in floods.measured(seconds, status.update):
            console.print(floods.line(each), highlight=False)
            found.append(each)
    return found


def _bulk(console: Console, seconds: float) -> list[bulk.Bulk]:
    with console.status("bulk TCP ...") as status:
        found = bulk.measure(seconds, status.update)
    for line in bulk.summary(found):
        console.print(line, highlight=False)
    return found


def _rates(console: Console, bmv2_missing: str | None) -> list[forwarding.Rate]:
    cases = forwarding.cases(bmv2_missing)
    rates = [forwarding.Rate(case.name, (), case.unavailable) for case in cases]
    for turn in range(forwarding.PASSES):
        for number, case in enumerate(cases):
            with console.status(f"{case.name}, turn {turn + 1} of {forwarding.PASSES} ..."):
                rates[number] += forwarding.measure(case)
    for rate in rates:
        value = f"not measured: {rate.skipped}" if rate.skipped else f"{rate.best:>10,.0f} packets/s"
        console.print(f"{rate.name:36}{value}", highlight=False)
    return rates


def _stateless(console: Console, bmv2_missing: str | None) -> list[stateless.Stateless]:
    found = []
    for target in stateless.TARGETS:
        if target != "bmv2" or bmv2_missing is None:
            with console.status(f"{target}, flows without sessions ..."):
                found.append(stateless.measure(target))
            console.print(stateless.line(found[-1]), highlight=False)
    return found


def _scales(console: Console) -> list[scale.Scale]:
    """All numbers of sessions, in turns."""
    found: dict[int, scale.Scale] = {}
    for turn in range(scale.PASSES):
        for count in scale.SIZES:
            with console.status(f"{count:,} sessions, turn {turn + 1} of {scale.PASSES} ..."):
                measured = scale.measure(count)
            found[count] = found[count] + measured if count in found else measured
    for count, one in found.items():
        console.print(f"{f'p4soft, {count:,} sessions':36}{one.rate.best:>10,.0f} packets/s", highlight=False)
    return list(found.values())


def _loads(console: Console) -> loading.Loading:
    with console.status("loading the program ..."):
        loads = loading.measure()
    for name, seconds in (("compiled", loads.cold), ("in the cache", loads.cached)):
        console.print(f"{f'p4soft, program {name}':36}{min(seconds):>10.2f} s to load", highlight=False)
    return loads


def _connects(console: Console, bmv2_missing: str | None) -> list[connecting.Connecting]:
    connects = []
    for device in connecting.devices(bmv2_missing):
        with console.status(f"{device.name} ..."):
            found = connecting.measure(device)
        connects.append(found)
        console.print(connecting_results.line(found), highlight=False)
    return connects


def _churns(console: Console, seconds: float, rate: float) -> list[churn.Churn]:
    churns = []
    for device in churn.devices():
        with console.status(f"{device.name} ...") as status:
            churns.append(churn.measure(device, seconds, rate, status.update))
        console.print(churn.line(churns[-1]), highlight=False)
    return churns


def _inserts(console: Console, bmv2_missing: str | None) -> tuple[list[inserts.Inserts], updating.Updating]:
    targets = [target for target in inserts.TARGETS if target != "bmv2" or bmv2_missing is None]
    with console.status("table inserts ..."):
        found = inserts.measure(targets)
    for row in found:
        theirs = f", BMv2 {row.median('bmv2'):,.0f}: {row.ratio:.1f} times" if "bmv2" in targets else ""
        name = f"inserts, {row.updates} a Write, {row.in_flight} in flight"
        console.print(f"{name:36}{row.median('p4soft'):>10,.0f} entries/s{theirs}", highlight=False)
    busiest = next(row for row in found if row.updates == updating.UPDATES and row.in_flight == max(inserts.IN_FLIGHT))
    with console.status("forwarding while entries are inserted ..."):
        disturbed = updating.measure(busiest.median("bmv2") if "bmv2" in targets else None)
    name = f"forwarding, {disturbed.inserts_per_second:,.0f} inserts/s"
    console.print(f"{name:36}{1 - disturbed.loss:>10.0%} of the undisturbed rate", highlight=False)
    return found, disturbed


if __name__ == "__main__":
    with guarded("bench"):
        sys.exit(main())
