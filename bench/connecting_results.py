"""What :mod:`bench.connecting` has found, for the terminal and as markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench import connecting
from bench.connecting import Connecting


def line(found: Connecting) -> str:
    """One line, for the terminal."""
    if found.skipped is not None:
        return f"{found.name:36}not measured: {found.skipped}"
    quiet = f"quiet {found.quiet_us['p50']:.0f} us, 99 % {found.quiet_us['p99']:.0f} us"
    left = f", {found.goodput:.0%} at {connecting.OVERLOAD:g} times that" if found.goodput is not None else ""
    return f"{found.name:36}{found.per_second:>10,.0f} new TCP sessions/s{left}; {quiet}"


def markdown(connects: Sequence[Connecting]) -> list[str]:
    return [*_rates(connects), *_spent(connects)]


def _rates(connects: Sequence[Connecting]) -> list[str]:
    lines = [
        "",
        "## New TCP sessions, end to end",
        "",
        f"{connecting.CONNECTIONS:,} connections ({connecting.BMV2_CONNECTIONS:,} on BMv2) by the kernel's TCP,",
        f"{2 * connecting.CONCURRENCY} at once from two clients, each with request, answer and FINs, every byte",
        "verified (and TOA where it is sent);",
        "clients, switch, controller and three servers share the machine. Ratios are to the first line.",
        f"Quiet: from connect() to the SYN-ACK, {connecting.QUIET_RATE} connections a second. "
        f"Overload: what succeeds while {connecting.OVERLOAD:g} times as many are begun as were made before.",
        "wrk and nginx: requests, each on a connection of its own.",
        "",
        "| device | sessions/s | ratio | quiet, median | 99 % | under overload | wrk and nginx |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    first = next((found.per_second for found in connects if found.skipped is None), 0)
    for found in connects:
        if found.skipped is not None:
            lines.append(f"| {found.name} | not measured: {found.skipped} | | | | | |")
            continue
        left = f"{found.goodput:.0%}" if found.goodput is not None else ""
        http = f"{found.http:,.0f}" if found.http is not None else ""
        lines.append(
            f"| {found.name} | {found.per_second:,.0f} | {found.per_second / first:.2f} | "
            f"{found.quiet_us['p50'] / 1000:.2f} ms | {found.quiet_us['p99'] / 1000:.2f} ms | {left} | {http} |"
        )
    return lines


def _spent(connects: Sequence[Connecting]) -> list[str]:
    lines = [
        "",
        "CPU time of a connection at that rate, in microseconds: user + system. What the kernel forwards is on the",
        "time of whoever sends or receives.",
        "",
        "| device | what forwards | clients | servers |",
        "|---|---:|---:|---:|",
    ]
    for found in connects:
        if found.skipped is None:
            columns = [found.spent[who] for who in ("forwarding", "clients", "servers")]
            lines.append(
                f"| {found.name} | " + " | ".join(f"{spent.user:.0f} + {spent.system:.0f}" for spent in columns) + " |"
            )
    return lines
