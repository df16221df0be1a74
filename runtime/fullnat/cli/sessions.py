"""``fullnat sessions``: the session table, as ``ipvsadm -Lnc`` shows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from fullnat.cli.controlclient import ask, socket_option
from fullnat.words import counted

OF_TEMPLATES = ("pro", "expire", "client", "virtual", "destination", "sessions")
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
    return (
        session["protocol"].upper(),
        _left(session["expires"]),
        session["state"],
        session["client"],
        session["virtual"],
        session["local"],
        session["server"],
        *("-" if session[name] is None else str(session[name]) for name in ("in_packets", "out_packets")),
    )


def template_row(template: dict[str, Any]) -> tuple[str, ...]:
    """One template in the order of :data:`OF_TEMPLATES`."""
    return (
        template["protocol"].upper(),
        _left(template["expires"]),
        template["client"],
        template["virtual"],
        template["server"],
        str(template["sessions"]),
    )


def _left(seconds: float | None) -> str:
    return "-" if seconds is None else f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per session and line.")
@click.option(
    "--templates",
    is_flag=True,
    help="List what persistence remembers instead: which server the next connection of a client goes to.",
)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    callback=_filters,
    metavar="NAME=VALUE",
    help="Only sessions with this client, virtual, local, server (address, address:port, prefix), state or protocol, "
    "or templates with this client, virtual, server or protocol; virtual is the "
    "name of a service by match as well, like fwmark:1.",
)
@socket_option
def sessions(as_json: bool, templates: bool, filters: dict[str, str], control_socket: Path | None) -> None:
    """List the sessions of the running controller, with their packets so far and what is left of their time."""
    what = _TEMPLATES if templates else _SESSIONS
    found = ask(control_socket, what.call, filters)
    if as_json:
        for each in found:
            click.echo(json.dumps(each))
        return
    rows = [what.row(each) for each in found]
    if sys.stdout.isatty():
        _rich_table(what, rows)
        return
    widths = [max(len(line[column]) for line in [what.columns, *rows]) for column in range(len(what.columns))]
    for line in [what.columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


class _Listing(NamedTuple):
    call: str
    """Of the API."""
    noun: str
    columns: tuple[str, ...]
    row: Callable[[dict[str, Any]], tuple[str, ...]]


_SESSIONS = _Listing("sessions", "session", COLUMNS, row)
_TEMPLATES = _Listing("templates", "template", OF_TEMPLATES, template_row)


def _rich_table(what: _Listing, rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*what.columns, caption=counted(len(rows), what.noun))
    for line in rows:
        table.add_row(*line)
    Console().print(table)
