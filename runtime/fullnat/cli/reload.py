"""``fullnat reload``: have the running controller read its configuration again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fullnat.cli.controlclient import Refused, socket_option, tell
from fullnat.cli.ending import end
from fullnat.words import counted


@click.command()
@click.option("--keep/--drop", default=None, help="What commands have changed and the file has not.")
@click.option("--dry-run", is_flag=True, help="Say what would change; nothing is changed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@socket_option
def reload(keep: bool | None, dry_run: bool, as_json: bool, control_socket: Path | None) -> None:
    """Have the running controller read its configuration file again and carry out the difference, or nothing of it."""
    wish = {} if keep is None else {"keep": keep}
    try:
        done = tell(control_socket, "reload", {**wish, "dry_run": dry_run})
    except Refused as error:
        end(problem["message"] for problem in error.problems)
    if as_json:
        click.echo(json.dumps(done))
        return
    for line in done["by_command"]:
        click.echo(f"by command, {'kept' if done['kept'] else 'undone'}: {line}")
    for line in done["changes"]:
        click.echo(line)
    click.echo(counted(len(done["changes"]), "change") + (" would be made" if dry_run else ""))
