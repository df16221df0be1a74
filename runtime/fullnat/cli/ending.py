"""How a command ends that cannot do what it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import click


def end(problems: Iterable[str]) -> NoReturn:
    """Say ``problems`` on standard error, one line each, and exit with status 1."""
    for problem in problems:
        click.echo(problem, err=True)
    raise SystemExit(1)
