"""Bulk TCP and round trips as a section of the page, and as panels of the plot."""

from __future__ import annotations

from collections.abc import Callable

from bench import bulk
from bench.bulk import DIRECTIONS, REFERENCE, STREAMS, Bulk, Case

_HEAD = "| through | 1 stream, up | down | 8 streams, up | down |"
_RULE = "|---|---:|---:|---:|---:|"


def markdown(found: list[Bulk], seconds: float) -> list[str]:
    lines = [
        "",
        "## Bulk TCP and round trips",
        "",
        "iperf3 from one client to one server and back (up, down) by the kernel's TCP over veth pairs; both ends and",
        f"what is between share the machine. Best of {bulk.PASSES} transfers of {seconds:g} s, all devices in turns;",
        "in brackets the ratio to nftables. Offloads on: as Linux sets interfaces up. Off: no checksum and no",
        "segmentation offload, no GRO on any interface.",
    ]
    for offloads in (True, False):
        lines += ["", f"### Gbit/s, offloads {'on' if offloads else 'off'}", "", _HEAD, _RULE]
        lines += _rows(found, offloads, lambda one, case: one.gbits(case), "{:.1f}", ratio=True)
    lines += [
        "",
        "### CPU-seconds per gigabyte",
        "",
        "Of both ends, what is between, and the kernel's threads for softirqs; in brackets those of the process that",
        "forwards. What the kernel forwards is on the time of the ends.",
    ]
    for offloads in (True, False):
        title = f"| offloads {'on' if offloads else 'off'}, through {_HEAD.removeprefix('| through ')}"
        lines += ["", title, _RULE]
        lines += _rows(found, offloads, lambda one, case: one.total(case), "{:.2f}", own=True)
    seen = [one for one in found if one.counted]
    lines += ["", "### CPU-microseconds per packet forwarded, offloads off, of all that takes part"]
    lines += ["", _HEAD, _RULE, *_rows(seen, False, lambda one, case: one.packet(case), "{:.1f}")]
    lines += ["", "### Round trips", "", "A request of 64 bytes, answered before the next one; offloads on.", ""]
    lines += ["| through | median | 99 % |", "|---|---:|---:|"]
    for one in found:
        if one.skipped is None:
            lines.append(f"| {one.name} | {one.trip('p50'):.0f} µs | {one.trip('p99'):.0f} µs |")
    return lines


def _cases(offloads: bool) -> list[Case]:
    return [Case(offloads, streams, direction) for streams in STREAMS for direction in DIRECTIONS]


def _rows(
    found: list[Bulk],
    offloads: bool,
    value: Callable[[Bulk, Case], float],
    form: str,
    *,
    ratio: bool = False,
    own: bool = False,
) -> list[str]:
    reference = next((one for one in found if one.name == REFERENCE and one.skipped is None), None)
    lines = []
    for one in found:
        if one.skipped is not None:
            lines.append(f"| {one.name} | not measured: {one.skipped} | | | |")
            continue
        cells = []
        for case in _cases(offloads):
            text = form.format(value(one, case))
            if ratio and reference is not None:
                text += f" ({value(one, case) / value(reference, case):.2f})"
            if own and one.own(case):
                text += f" ({one.own(case):.2f})"
            cells.append(text)
        lines.append(f"| {one.name} | {' | '.join(cells)} |")
    return lines


def panels(found: list[Bulk]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Title, and name and value of every bar: the mean of both directions."""
    shown = []
    for offloads in (True, False):
        rows: list[tuple[str, float]] = []
        for streams in STREAMS:
            both = [Case(offloads, streams, direction) for direction in DIRECTIONS]
            label = f"{streams} stream{'s' if streams > 1 else ''}"
            done = [one for one in found if one.skipped is None]
            rows += [(f"{one.name}, {label}", sum(map(one.gbits, both)) / len(both)) for one in done]
        shown.append((f"Gbit/s of bulk TCP, offloads {'on' if offloads else 'off'}", rows))
    return shown
