"""``fullnat top``: the status page on a terminal."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullnat.cli.controlclient import socket_option

if TYPE_CHECKING:
    from fullnat.top.screen import Wishes

_VIEWS = ("services", "servers", "sessions", "locals", "drops")
_DELAY = click.FloatRange(0.1, 3600)


@click.command()
@click.option("-b", "--batch", is_flag=True, help="Print instead, one reading after the other.")
@click.option("-n", "--iterations", type=click.IntRange(1), help="End after so many readings.")
@click.option("-d", "--delay", default=2.0, show_default=True, type=_DELAY, help="Seconds between two readings.")
@click.option("--view", default="services", show_default=True, type=click.Choice(_VIEWS), help="What to begin with.")
@click.option("-o", "--sort", "order", metavar="COLUMN", help="Sort by it; with - before it the other way round.")
@click.option("--filter", "wanted", default="", metavar="TEXT", help="Only rows with TEXT.")
@click.option("-i", "--no-idle", is_flag=True, help="Without what has no sessions.")
@click.option("-w", "--width", type=click.IntRange(20, 512), help="Letters of a line that is printed.")
@click.option("--no-color", is_flag=True, help="No colours; so does NO_COLOR in the environment.")
@socket_option
def top(
    batch: bool,
    iterations: int | None,
    delay: float,
    view: str,
    order: str | None,
    wanted: str,
    no_idle: bool,
    width: int | None,
    no_color: bool,
    control_socket: Path | None,
) -> None:
    """Watch services, real servers, sessions, local addresses and dropped packets. h lists the keys. Where standard
    input or output is no terminal it prints once."""
    from fullnat.top.commands import filters
    from fullnat.top.screen import Wishes
    from fullnat.top.terminal import INCAPABLE, has_colours
    from fullnat.top.views import BY_NAME

    chosen = BY_NAME[view]
    name = (order or "").lstrip("-+")
    sort = next((column.name for column in chosen.columns if column.name.lower() == name.lower()), "")
    if name and not sort:
        raise click.UsageError(f"-o {name}: {view} have {', '.join(column.name for column in chosen.columns)}")
    if view == "sessions" and "=" in wanted:
        try:
            filters(wanted)
        except ValueError as error:
            raise click.UsageError(f"--filter: {error}") from None
    wishes = Wishes(view=chosen, sort=sort, inverted=(order or "").startswith("-"), filter=wanted, delay=delay)
    wishes.without_idle = no_idle
    if batch or not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "") in INCAPABLE:
        _print(control_socket, wishes, iterations if batch or iterations else 1, width)
        return
    from fullnat.top.loop import Top
    from fullnat.top.terminal import Terminal

    wishes.colour = not no_color and has_colours(os.environ)
    Top(control_socket, Terminal(sys.stdin.fileno(), sys.stdout.fileno()), wishes, iterations).run()


def _print(path: Path | None, wishes: Wishes, iterations: int | None, width: int | None) -> None:
    """Without end where ``iterations`` is None, as top does it."""
    from fullnat.top.commands import filters
    from fullnat.top.readings import Reading, Wanted, take
    from fullnat.top.screen import plain

    is_sessions = wishes.view.name == "sessions"
    wanted = Wanted(is_sessions, filters(wishes.filter) if is_sessions and "=" in wishes.filter else {})
    reading = Reading()
    if wishes.view.compares:
        reading = take(path, wanted, reading)
        time.sleep(wishes.delay)
    while True:
        reading = take(path, wanted, reading)
        if reading.problem:
            raise click.ClickException(reading.problem)
        click.echo("\n".join(plain(reading, wishes, time.monotonic(), width)))
        iterations = None if iterations is None else iterations - 1
        if iterations == 0:
            return
        click.echo()
        time.sleep(wishes.delay)
