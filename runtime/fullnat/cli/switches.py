"""``fullnat switches``: what each switch does, and who forwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import ask, socket_option, tell


@click.command()
@click.option("--activate", metavar="NAME", help="Have this switch forward in the place of the one that does.")
@click.option("--add", metavar="NAME=HOST:PORT", help="Have one switch more in the group.")
@click.option("--device-id", type=click.IntRange(0), help="With --add: its P4Runtime device id.", show_default="1")
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
        click.echo(f"{name} is {told['announced']}")
        return
    if add is not None:
        name, _, address = add.partition("=")
        message = {"name": name, "grpc_addr": address}
        _change("add_switch", message | ({} if device_id is None else {"device_id": device_id}), control_socket)
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
    for number, found in enumerate(ask(control_socket, "switches")):
        if not number and not as_json:
            click.echo(f"{'switch':<16} {'role':<14} {'sessions':>8} {'behind':>7}  why")
        click.echo(json.dumps(found) if as_json else _line(found))


def _change(call: str, message: dict[str, Any], control_socket: Path | None) -> None:
    for line in tell(control_socket, call, message)["changes"]:
        click.echo(line)


def _line(switch: dict[str, Any]) -> str:
    role = f"{switch['role']} {switch['filled']:.0%}" if switch["role"] == "filling" else switch["role"]
    said = []
    if switch["role"] == "active" and switch["why"]:
        said.append(f"took over {switch['ago']:.0f} s ago in {switch['took']:.3f} s: {switch['why']}")
    if switch["other_program"] and switch["role"] != "refused":
        said.append("another program than the controller's")
    if switch["announced"]:
        said.append(f"{switch['announced']}, {switch['neighbors_up']} of {switch['neighbors']} routers")
    why = "; ".join(filter(None, (*said, switch["reason"], switch["bgp_trouble"])))
    return f"{switch['name']:<16} {role:<14} {switch['sessions']:>8} {switch['behind']:>7}  {why}".rstrip()
