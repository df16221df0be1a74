"""``fullnat stats``: services, real servers, and why packets were dropped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import ask, socket_option
from fullnat.cli.lvs_names import ext_stats
from fullnat.cli.rates import SERVED, key_of, rates, service_rows

Json = dict[str, Any]
Row = tuple[str, ...]

SERVICE_COLUMNS = (
    "service",
    "mode",
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
    "mode",
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
LOCAL_COLUMNS = ("address", "used", "free", "conns", "conflicts", "exhausted")
LOCAL_RATE_COLUMNS = ("address", "used", "free", "conns/s", "conflicts/s", "exhausted/s")
_NOTES = (
    ("draining", "draining"),
    ("sorry", "sorry server"),
    ("ejected", "took no sessions, tried again in {:.0f} s"),
    ("full", "full"),
    ("cookies_for", "cookies for every SYN, for {:.0f} s"),
    ("warming", "slow start"),
    ("out_for", "out for {:.0f} s"),
    ("reset_in", "reset in {:.0f} s"),
)
"""What is said of a real server behind its name, if it is so."""
_TIMES = ("leader_since",)
"""In seconds since 1970."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--rate", is_flag=True, help="Changes per second, measured over --interval.")
@click.option(
    "--interval", default=1.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Seconds, for --rate."
)
@click.option("--lvs", is_flag=True, help="The counters of LVS's ip_vs_ext_stats, in its format.")
@socket_option
def stats(as_json: bool, rate: bool, interval: float, lvs: bool, control_socket: Path | None) -> None:
    """Show what the running controller and its switch have counted."""
    if lvs and (as_json or rate):
        raise click.UsageError("--lvs goes with neither --json nor --rate")
    found = _ask(control_socket)
    if lvs:
        click.echo("\n".join(ext_stats(found)))
        return
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


def _absence(switch: Json) -> str:
    """Why the switch has told no counters."""
    if switch["state"] == "serving":
        return "the switch does not tell its counters"
    if switch["state"] == "silent":
        return str(switch["reason"])
    if switch["state"] == "standby":
        return "this controller stands by: another one is primary"
    return f"the switch is {switch['state']}" + (f" ({switch['reason']})" if switch["reason"] else "")


def sections(found: Json) -> list[tuple[str, Row, list[Row]]]:
    """Title, columns and rows of every table shown."""
    name = found["switch"].get("name")
    note = f" of group {found['group']}" if found.get("group") else ""
    note += f" (switch {name} forwards)" if name else ""
    note += "" if found["switch_counters"] else f"; {_absence(found['switch'])}, so its counters are missing"
    changes = found.get("rates")
    packets, counter = ("reason", "packets", "bytes"), ("counter", "value")
    if changes is not None:
        packets, counter = ("reason", "pps", "bit/s"), ("counter", "per second")
    tables = [
        (f"Services{note}", SERVICE_COLUMNS if changes is None else RATE_COLUMNS, _services(found)),
        ("Local addresses", LOCAL_COLUMNS if changes is None else LOCAL_RATE_COLUMNS, _locals(found)),
    ]
    shown = found if changes is None else changes
    tables.append(("Refused", ("service", "reason", *counter[1:]), _refused(found)))
    for name, title in (
        ("drops", "Drops by reason"),
        ("punts", "To the controller"),
        ("toa", "TOA"),
        ("cookies", "SYN cookies"),
    ):
        rows: list[Row] = [
            (reason, str(cell["packets"]), _octets(cell["bytes"], bits=changes is not None))
            for reason, cell in shown[name].items()
            if cell["packets"]
        ]
        tables.append((title, packets, rows))
    state: Json = {} if changes is None else {name: found["switch"][name] for name in ("state", "reason")}
    for name, values in (
        ("Controller", shown["controller"]),
        ("Switch", state | shown["switch"]),
        ("Controllers sharing etcd", found.get("etcd", {}) if changes is None else {}),
    ):
        rows = [(item, _said(item, value)) for item, value in values.items() if value and not isinstance(value, dict)]
        tables.append((name, counter, rows))
    return [table for table in tables if table[2] or table[0].startswith("Services")]


def _said(item: str, value: Any) -> str:
    """Times are those of here, to the second."""
    if item not in _TIMES:
        return str(value)
    return datetime.fromtimestamp(value).astimezone().isoformat(" ", "seconds")


def _octets(value: float, *, bits: bool) -> str:
    return f"{value * 8 if bits else value:.0f}"


def _services(found: Json) -> list[Row]:
    changes = found.get("rates")
    rows = []
    for name, values in service_rows(found):
        shown = values if changes is None else changes["services"][key_of(name, values)]
        rows.append(
            (
                name + notes(values),
                values.get("mode", ""),
                str(values.get("weight", "")),
                str(values["active"]),
                str(values["inactive"]),
                *(str(shown[item]) for item in SERVED[:4]),
                *(_octets(shown[item], bits=changes is not None) for item in SERVED[4:]),
            )
        )
    return rows


def _refused(found: Json) -> list[Row]:
    """Flows that got no session, of each service."""
    changes = found.get("rates")
    counts = [
        (name, values["refused"] if changes is None else changes["refused"][name])
        for name, values in service_rows(found)
        if "refused" in values
    ]
    return [(name, reason, str(count)) for name, of in counts for reason, count in of.items() if count]


def notes(values: Json) -> str:
    """What is to be known of a service or a real server beside its counts."""
    reason = values.get("reason")
    trouble = "" if values.get("healthy", True) else f"down: {reason}" if reason else "down"
    there = ((note, values.get(item)) for item, note in _NOTES)
    said = [note.format(value) for note, value in there if value is not None and value is not False]
    said = [trouble or f"last check: {reason}", *said] if trouble or reason else said
    if values.get("has_quorum") is False:
        said.append("no quorum")
    if values.get("on_duty") is False and not values.get("sorry") and not values.get("draining"):
        said.append("off duty: a sorry server serves")
    return f" ({', '.join(said)})" if said else ""


def _locals(found: Json) -> list[Row]:
    changes = found.get("rates")
    rows = []
    for local in found["local_addresses"]:
        shown = local if changes is None else local | changes["local_addresses"][local["address"]]
        name = local["address"] + (" (draining)" if local["draining"] else "")
        rows.append((name, *(str(shown[item]) for item in ("used", "free", "connections", "conflicts", "exhausted"))))
    return rows


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
