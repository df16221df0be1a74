"""What the commands have in common: arguments, errors, exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from fullnat_toa.client import Trusted


class Failure(Exception):
    """Something is wrong that the user is to know: one line."""


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with a command line in one line, with exit status 2."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message}\n")


def prefixes(text: str) -> str:
    """``text`` itself, if it is a list of prefixes. Raises ArgumentTypeError."""
    try:
        Trusted(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def run(work: Callable[[], int | None]) -> int:
    """Do ``work``; the exit status, which is 0 where it returns none."""
    try:
        return work() or 0
    except Failure as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
