"""``fullnat switches``: what each switch does, and who forwards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import ask, socket_option, tell

Json = dict[str, Any]
COLUMNS = ("switch", "role", "sessions", "behind", "packets/s", "announced", "why")
NUMBERS = ("sessions", "behind", "packets/s")
DEVICE_ID = click.IntRange(0, (1 << 63) - 1)
"""What a configuration can say, too."""


@click.command()
@click.option("--activate", metavar="NAME", help="Have this switch forward in the place of the one that does.")
@click.option("--add", metavar="NAME=HOST:PORT", help="Have one switch more in the group; or NAME=unix:PATH.")
@click.option("--device-id", type=DEVICE_ID, help="With --add: its P4Runtime device id.", show_default="1")
@click.option("--remove", metavar="NAME", help="Have this one leave the group; if it forwards, another one does first.")
@click.option("--upgrade", metavar="NAME", help="Have this one, which does not forward, run the controller's program.")
@click.option("--drain", metavar="NAME", help="Have routers send it nothing: it is announced no more.")
@click.option("--undrain", metavar="NAME", help="Have it announced again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@socket_option
def switches(
    activate: str | None,
    add: str | None,
    device_id: int | None,
    remove: str | None,
    upgrade: str | None,
    drain: str | None,
    undrain: str | None,
    as_json: bool,
    control_socket: Path | None,
) -> None:
    """Show what each switch does, what it lacks of what the active one holds, and when it took over last and why; or
    have another one forward, join, leave, be upgraded, or be sent nothing by routers."""
    if sum(each is not None for each in (activate, add, remove, upgrade, drain, undrain)) > 1:
        raise click.UsageError("--activate, --add, --remove, --upgrade, --drain and --undrain do not go together")
    if device_id is not None and add is None:
        raise click.UsageError("--device-id is of a switch that joins: it goes with --add")
    if drain is not None or undrain is not None:
        name = undrain if drain is None else drain
        told = tell(control_socket, "drain_switch", {"name": name, "back": drain is None})
        click.echo(_drained(str(name), told["announced"], ask(control_socket, "switches"), drains=drain is not None))
        return
    if add is not None:
        name, _, address = add.partition("=")
        if not address:
            name = name or "NAME"
            raise click.UsageError(f"--add {add}: where is it? --add {name}=HOST:PORT or --add {name}=unix:PATH")
        message = {"name": name, "grpc_addr": address}
        _change("add_switch", message | ({} if device_id is None else {"device_id": device_id}), control_socket)
        click.echo("it is connected to and filled; once it is standby in `fullnat switches` it holds everything")
        return
    for call, named in (("remove_switch", remove), ("upgrade_switch", upgrade)):
        if named is not None:
            _change(call, {"name": named}, control_socket)
            return
    if activate is not None:
        before = tell(control_socket, "activate", {"name": activate})["before"]
        if not as_json:
            click.echo(f"{activate} is active; it was {before} before")
            return
    found = list(ask(control_socket, "switches"))
    for line in map(json.dumps, found) if as_json else _table(found):
        click.echo(line)


def _change(call: str, message: dict[str, Any], control_socket: Path | None) -> None:
    for line in tell(control_socket, call, message)["changes"]:
        click.echo(line)


def _drained(name: str, announced: str, switches: Iterable[Json], *, drains: bool) -> str:
    """What becomes of a drain; of a switch that does not forward there is nothing that routers could be told."""
    switch = next((each for each in switches if each["name"] == name), None)
    if switch is None or (switch["role"] == "active" and announced in ("announcing", "draining", "drained")):
        return f"{name} is {announced}"
    reason = f" ({switch['reason']})" if switch["reason"] else ""
    then = "stays drained when it forwards again" if drains else "is announced when it forwards again"
    return f"{name} is {_role(switch)}{reason}: it is not announced, and {then}"


def _table(switches: list[Json]) -> Iterator[str]:
    """With a column of what is announced if something is."""
    rows = [COLUMNS, *map(_row, switches)]
    shown = [number for number, column in enumerate(COLUMNS) if column != "announced" or any(map(_announced, switches))]
    widths = [max(len(row[number]) for row in rows) for number in shown]
    for row in rows:
        cells = [
            row[number].rjust(width) if COLUMNS[number] in NUMBERS else row[number].ljust(width)
            for number, width in zip(shown, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _row(switch: Json) -> tuple[str, ...]:
    said = []
    if switch["role"] == "active" and switch["why"]:
        said.append(f"took over {switch['ago']:.0f} s ago in {switch['took']:.3f} s: {switch['why']}")
    if switch["other_program"] and switch["role"] != "refused":
        said.append("another program than the controller's")
    why = "; ".join(filter(None, (*said, switch["reason"], switch["bgp_trouble"])))
    counts = str(switch["sessions"]), str(switch["behind"]), f"{switch['packet_rate']:.0f}"
    return switch["name"], _role(switch), *counts, _announced(switch), why


def _role(switch: Json) -> str:
    return f"{switch['role']} {switch['filled']:.0%}" if switch["role"] == "filling" else str(switch["role"])


def _announced(switch: Json) -> str:
    if not switch["announced"]:
        return ""
    return f"{switch['announced']}, {switch['neighbors_up']} of {switch['neighbors']} routers"
