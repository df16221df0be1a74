"""``fullnat convert``: a configuration in another grammar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from fullnat.cli.ending import end
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.written import GRAMMARS, document
from fullnat.fnatadm import saved

_LINES = "ipvsadm"
_WITHOUT_SWITCH = "ipvsadm's lines say nothing of the switch's interfaces and of routes: add those to what is written"


@click.command()
@click.argument("config", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--from", "origin", type=click.Choice((_LINES,)), help="CONFIG is what ipvsadm -S -n has written.")
@click.option("--to", "grammar", required=True, type=click.Choice(tuple(GRAMMARS)), help="What to write.")
def convert(config: Path, origin: str | None, grammar: str) -> None:
    """Write the configuration CONFIG in another grammar to standard output, and what that cannot say, one line each, to
    standard error. CONFIG is TOML, or keepalived's where its name ends in .conf."""
    section, warnings = _lines(config) if origin == _LINES else _file(config)
    text, unsaid = GRAMMARS[grammar](section)
    for line in (*warnings, *unsaid):
        click.echo(f"warning: {line}", err=True)
    click.echo(text, nl=False)


def _file(config: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        found = file.load(config)
    except ConfigError as error:
        end(error.problems)
    return document(found), list(found.vain)


def _lines(config: Path) -> tuple[dict[str, Any], list[str]]:
    name = "standard input" if config == Path("-") else str(config)
    try:
        text = sys.stdin.read() if config == Path("-") else config.read_text()
    except (OSError, UnicodeDecodeError) as error:
        end([f"{name}: {error.strerror if isinstance(error, OSError) else 'is not text'}"])
    section, problems = saved.document(text.splitlines())
    if problems:
        end([f"{name}:{problem}" for problem in problems])
    return section, [_WITHOUT_SWITCH]
