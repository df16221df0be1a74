"""``fullnat toa-check`` and its like: commands of fullnat-toa, the package for real servers, where it is there."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution

import click

DISTRIBUTION = "fullnat-toa"
SUMMARIES = {
    "toa-check": "Whether TOA arrives at a real server, and what is wrong if it does not.",
    "toa-attach": "Have the kernel tell clients' addresses to all programs of a cgroup.",
    "toa-detach": "Undo toa-attach.",
}


def toa_commands() -> list[click.Command]:
    """A subcommand for each, which hands on its arguments as they are."""
    return [_command(name, summary) for name, summary in SUMMARIES.items()]


def _command(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary, add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        try:
            script = distribution(DISTRIBUTION).entry_points[name]
        except PackageNotFoundError:
            raise click.ClickException(
                f"{name} is a command of the package {DISTRIBUTION}, which is not installed: pip install ./toa"
            ) from None
        sys.exit(script.load()(arguments, prog=f"fullnat {name}"))

    return command
