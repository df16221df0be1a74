"""``fullnat sessions``: the session table, as ``ipvsadm -Lnc`` shows it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import ask, socket_option
from fullnat.words import counted

COLUMNS = ("pro", "expire", "state", "source", "virtual", "local", "destination", "in pkts", "out pkts")


def _filters(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    filters = {}
    for value in values:
        name, equals, wanted = value.partition("=")
        if not equals or not wanted:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        if name in filters:
            raise click.BadParameter(f"{name} is given twice")
        filters[name] = wanted
    return filters


def row(session: dict[str, Any]) -> tuple[str, ...]:
    """One session in the order of :data:`COLUMNS`; ``expire`` is minutes:seconds until it is over if it stays idle."""
    expires = session["expires"]
    left = "-" if expires is None else f"{int(expires) // 60:02}:{int(expires) % 60:02}"
    return (
        session["protocol"].upper(),
        left,
        session["state"],
        session["client"],
        session["virtual"],
        session["local"],
        session["server"],
        *("-" if session[name] is None else str(session[name]) for name in ("in_packets", "out_packets")),
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per session and line.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    callback=_filters,
    metavar="NAME=VALUE",
    help="Only sessions with this client, virtual, local, server (address, address:port, prefix), state or protocol; "
    "virtual is the name of a service by match as well, like fwmark:1.",
)
@socket_option
def sessions(as_json: bool, filters: dict[str, str], control_socket: Path | None) -> None:
    """List the sessions of the running controller, with their packets so far and what is left of their time."""
    found = ask(control_socket, "sessions", filters)
    if as_json:
        for session in found:
            click.echo(json.dumps(session))
        return
    rows = [row(session) for session in found]
    if sys.stdout.isatty():
        _rich_table(rows)
        return
    widths = [max(len(line[column]) for line in [COLUMNS, *rows]) for column in range(len(COLUMNS))]
    for line in [COLUMNS, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _rich_table(rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*COLUMNS, caption=counted(len(rows), "session"))
    for line in rows:
        table.add_row(*line)
    Console().print(table)
