"""``fullnat stats``: services, real servers, and why packets were dropped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import ask, socket_option

Json = dict[str, Any]
Row = tuple[str, ...]

SERVICE_COLUMNS = (
    "service",
    "weight",
    "active",
    "inactive",
    "conns",
    "no answer",
    "in pkts",
    "out pkts",
    "in bytes",
    "out bytes",
)
RATE_COLUMNS = (
    "service",
    "weight",
    "active",
    "inactive",
    "conns/s",
    "no answer/s",
    "in pps",
    "out pps",
    "in bit/s",
    "out bit/s",
)
_COUNTED = ("connections", "unanswered", "in_packets", "out_packets", "in_bytes", "out_bytes")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--rate", is_flag=True, help="Changes per second, measured over --interval.")
@click.option(
    "--interval", default=1.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Seconds, for --rate."
)
@socket_option
def stats(as_json: bool, rate: bool, interval: float, control_socket: Path | None) -> None:
    """Show what the running controller and its switch have counted."""
    found = _ask(control_socket)
    if rate:
        start = time.monotonic()
        time.sleep(interval)
        later = _ask(control_socket)
        found = {**later, "rates": rates(found, later, time.monotonic() - start)}
    if as_json:
        click.echo(json.dumps(found))
        return
    for title, columns, rows in sections(found):
        if sys.stdout.isatty():
            _rich_table(title, columns, rows)
        else:
            _plain_table(title, columns, rows)


def _ask(path: Path | None) -> Json:
    for answer in ask(path, "stats"):
        return answer
    raise click.ClickException("the controller has sent no statistics")


def _service_rows(found: Json) -> list[tuple[str, Json]]:
    """A name and the values of every service, each followed by its servers."""
    rows = []
    for service in found["services"]:
        name = f"{service['protocol'].upper()} {service['virtual']}"
        rows.append((f"{name} {service['scheduler']}", service))
        rows.extend((f"  -> {server['server']}", {"parent": name, **server}) for server in service["servers"])
    return rows


def _key(name: str, values: Json) -> str:
    return f"{values['parent']}{name}" if "parent" in values else name


def rates(before: Json, after: Json, seconds: float) -> dict[str, dict[str, float]]:
    """Per service ("TCP a:p rr") and server ("TCP a:p  -> b:q"), changes per second of every counter."""
    old = {_key(name, values): values for name, values in _service_rows(before)}
    found = {}
    for name, values in _service_rows(after):
        was = old.get(_key(name, values), {})
        found[_key(name, values)] = {
            item: round(max(0, values[item] - was.get(item, 0)) / seconds, 1) for item in _COUNTED
        }
    return found


def _absence(switch: Json) -> str:
    """Why the switch has told no counters."""
    if switch["state"] == "serving":
        return "the switch does not tell its counters"
    if switch["state"] == "silent":
        return str(switch["reason"])
    return f"the switch is {switch['state']}" + (f" ({switch['reason']})" if switch["reason"] else "")


def sections(found: Json) -> list[tuple[str, Row, list[Row]]]:
    """Title, columns and rows of every table shown."""
    note = "" if found["switch_counters"] else f"; {_absence(found['switch'])}, so its counters are missing"
    tables = [
        (f"Services{note}", RATE_COLUMNS if "rates" in found else SERVICE_COLUMNS, _services(found)),
        ("Local addresses", ("address", "used", "free", "conflicts", "exhausted"), _locals(found)),
    ]
    for name, title in (("drops", "Drops by reason"), ("punts", "To the controller"), ("toa", "TOA")):
        rows: list[Row] = [
            (reason, str(cell["packets"]), str(cell["bytes"]))
            for reason, cell in found[name].items()
            if cell["packets"]
        ]
        tables.append((title, ("reason", "packets", "bytes"), rows))
    controller: list[Row] = [(name, str(value)) for name, value in found["controller"].items() if value]
    switch: list[Row] = [
        (name, str(value)) for name, value in found["switch"].items() if value and not isinstance(value, dict)
    ]
    tables.append(("Controller", ("counter", "value"), controller))
    tables.append(("Switch", ("counter", "value"), switch))
    return [table for table in tables if table[2] or table[0].startswith("Services")]


def _services(found: Json) -> list[Row]:
    changes = found.get("rates")
    rows = []
    for name, values in _service_rows(found):
        shown = changes[_key(name, values)] if changes is not None else values
        octets = [shown["in_bytes"], shown["out_bytes"]]
        if changes is not None:
            octets = [value * 8 for value in octets]
        rows.append(
            (
                name + (" (draining)" if values.get("draining") else ""),
                str(values.get("weight", "")),
                str(values["active"]),
                str(values["inactive"]),
                *(str(shown[item]) for item in _COUNTED[:4]),
                *(f"{value:.0f}" for value in octets),
            )
        )
    return rows


def _locals(found: Json) -> list[Row]:
    return [
        (
            local["address"] + (" (draining)" if local["draining"] else ""),
            *(str(local[name]) for name in ("used", "free", "conflicts", "exhausted")),
        )
        for local in found["local_addresses"]
    ]


def _plain_table(title: str, columns: Row, rows: Sequence[Row]) -> None:
    click.echo(f"# {title}")
    widths = [max(len(line[column]) for line in [columns, *rows]) for column in range(len(columns))]
    for line in [columns, *rows]:
        cells = [line[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo()


def _rich_table(title: str, columns: Row, rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for line in rows:
        table.add_row(*line)
    Console().print(table)
