"""``fullnat check``: what is wrong with a configuration file."""

from __future__ import annotations

from pathlib import Path

import click

from fullnat.config import file
from fullnat.config.errors import ConfigError


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
def check(config: Path) -> None:
    """Check CONFIG and say everything that is wrong with it, one line each."""
    try:
        found = file.load(config)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise SystemExit(1) from None
    servers = sum(len(virtual.real_servers) for virtual in found.virtual_servers)
    click.echo(f"{config}: {len(found.virtual_servers)} virtual servers, {servers} real servers")
