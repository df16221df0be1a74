"""``fullnat check``: what is wrong with a configuration file."""

from __future__ import annotations

from pathlib import Path

import click

from fullnat.compiled import TARGETS, V1MODEL
from fullnat.config import file
from fullnat.config.advice import advice
from fullnat.config.errors import ConfigError
from fullnat.words import counted


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--target", default=V1MODEL, show_default=True, type=click.Choice(TARGETS), help="What the switch runs.")
def check(config: Path, target: str) -> None:
    """Check CONFIG and say everything that is wrong with it, one line each."""
    try:
        found = file.load(config, target)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise SystemExit(1) from None
    for line in advice(found):
        click.echo(f"warning: {line}", err=True)
    servers = sum(len(virtual.real_servers) for virtual in found.virtual_servers)
    told = counted(len(found.virtual_servers), "virtual server"), counted(servers, "real server")
    click.echo(f"{config}: {', '.join(told)}")
