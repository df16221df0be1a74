"""The tables that the demonstration shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from topo.standard import V4
from topo.world import Answer

STATE_STYLES = {"ESTABLISHED": "green", "SYN_RECV": "yellow", "TIME_WAIT": "dim", "CLOSE": "dim"}


def answers(found: Iterable[Answer]) -> Table:
    """Who answered whom, and what the server knew of its client."""
    table = Table(title="HTTP requests to the VIP", title_justify="left")
    for column in ("client", "answered by", "server's TCP peer", "client, from TOA", "true?"):
        table.add_column(column)
    for answer in found:
        true = "[green]yes[/]" if answer.toa == answer.client else "[bold red]NO[/]"
        table.add_row(answer.client, answer.server, answer.peer, str(answer.toa), true)
    return table


def sessions(found: Iterable[dict[str, Any]]) -> Table:
    """The session table of the controller, one line a session, all of them to the one VIP."""
    table = Table(title=f"fullnat sessions to {V4.target}", title_justify="left")
    for column in ("client", "local", "server", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("expires", justify="right", no_wrap=True)
    for session in sorted(found, key=lambda item: str(item["client"])):
        state = session["state"]
        style = STATE_STYLES.get(state, "cyan")
        expires = session["expires"]
        table.add_row(
            *(str(session[name]) for name in ("client", "local", "server")),
            f"[{style}]{state}[/]",
            "-" if expires is None else f"{expires:.1f} s",
        )
    return table


def services(stats: dict[str, Any]) -> Table:
    """Virtual services and real servers with the switch's counters."""
    table = Table(title="fullnat stats", title_justify="left")
    table.add_column("service / real server")
    for column in ("connections", "packets in", "packets out", "MB in", "MB out"):
        table.add_column(column, justify="right")
    for service in stats["services"]:
        table.add_row(f"{service['virtual']} {service['scheduler']}", *_counts(service), style="bold")
        for server in service["servers"]:
            table.add_row(f"  {server['server']}", *_counts(server))
    return table


def _counts(item: dict[str, Any]) -> list[str]:
    counts = [f"{item[name]:,}" for name in ("connections", "in_packets", "out_packets")]
    return counts + [f"{item[name] / 1e6:,.1f}" for name in ("in_bytes", "out_bytes")]
