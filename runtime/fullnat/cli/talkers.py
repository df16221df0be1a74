"""``fullnat talkers``: who asks for the most new sessions."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fullnat.cli.controlclient import ask, socket_option
from fullnat.core.access.talkers import WINDOW


@click.command()
@click.option("--most", default=20, show_default=True, type=click.IntRange(1, 512), help="Sources to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@socket_option
def talkers(most: int, as_json: bool, control_socket: Path | None) -> None:
    """Show which sources have asked for the most new sessions in the last ten to twenty seconds, by sampling."""
    every = list(ask(control_socket, "talkers", {"most": most}))
    if not every and not as_json:
        click.echo(f"no new sessions in the last {WINDOW:.0f} to {2 * WINDOW:.0f} s")
    for found in every:
        if as_json:
            click.echo(json.dumps(found))
        else:
            click.echo(f"{found['source']:<43} {found['rate']:>10.1f}/s {found['share']:>7.1%}")
