"""``fullnat convert``: a configuration in another grammar."""

from __future__ import annotations

from pathlib import Path

import click

from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.written import GRAMMARS, document


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--to", "grammar", required=True, type=click.Choice(tuple(GRAMMARS)), help="What to write.")
def convert(config: Path, grammar: str) -> None:
    """Write the configuration CONFIG in another grammar to standard output, and what that cannot say, one line each, to
    standard error."""
    try:
        found = file.load(config)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise SystemExit(1) from None
    for line in found.vain:
        click.echo(f"warning: {line}", err=True)
    text, unsaid = GRAMMARS[grammar](document(found))
    for line in unsaid:
        click.echo(f"warning: {line}", err=True)
    click.echo(text, nl=False)
