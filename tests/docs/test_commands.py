"""The commands that the documents show are taken by the programs as they are written there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from fullnat.cli.main import main as fullnat
from fullnat.fnatadm import commands as lines_of
from fullnat.fnatadm import parse as fnatadm
from p4soft.cli import UsageError, parse, parsers

from deploy import site
from deploy.links import ROOT

PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in ("README.md", *site.ELSEWHERE))]
_INDENTED = re.compile(r"^ {4,}((?:fullnat|fnatadm|p4soft|make) .*)$", flags=re.MULTILINE)
_INLINE = re.compile(r"`((?:fullnat|fnatadm|p4soft|make) [^`]*)`")
_PLACEHOLDER = re.compile(r"\.\.\.|\||\b[NX]\b|PORT@")
"""What stands for something else, or is of a shell."""
_PART = re.compile(
    "Missing|requires an argument|expected one argument|are required|go together|belong to|needs --|no port has"
)
"""Of the messages on commands that prose shows a part of: what there is of them is known."""


def shown() -> Iterator[tuple[str, str]]:
    """Page and command, without comment and optional parts; what is in brackets may be an address of IPv6."""
    for page in PAGES:
        text = page.read_text()
        for line in [*_INDENTED.findall(text), *_INLINE.findall(text)]:
            command = re.sub(r"\s+#.*|\s*\[(?![0-9a-f:]+\])[^\]]*\]|\s+(>|&&).*", "", line).strip(" &,")
            if not _PLACEHOLDER.search(command) and " " in command:
                yield page.relative_to(ROOT).as_posix(), command


COMMANDS = sorted(set(shown()))


def check_fullnat(words: list[str]) -> None:
    name, *arguments = words
    if name.startswith("-"):
        return
    command = fullnat.commands[name]
    if arguments and not name.startswith("toa-"):
        command.make_context(name, arguments)


def check_fnatadm(words: list[str]) -> None:
    """Up to what a shell would take."""
    end = next((at for at, word in enumerate(words) if word[0] in "<>" or word.endswith(";")), len(words))
    line = fnatadm.parse(words[:end])
    if line.command.name in lines_of.CHANGES:
        lines_of.messages(line)


def check_p4soft(words: list[str]) -> None:
    if f"p4soft {words[0]}" in parsers():
        parsers()[f"p4soft {words[0]}"].parse_args(words[1:])
    else:
        parse(words[1:] if words[0] == "run" else words)


def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z0-9-]+):", text, flags=re.MULTILINE))


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_are_taken(page: str, command: str) -> None:
    program, *words = shlex.split(command)
    try:
        if program == "make":
            wanted = [word for word in words if not re.match(r"-|\w+=", word)]
            assert set(wanted) <= targets(), page
        elif program == "fullnat":
            check_fullnat(words)
        elif program == "fnatadm":
            check_fnatadm(words)
        else:
            check_p4soft(words)
    except (click.UsageError, UsageError, fnatadm.UsageError) as error:
        if not _PART.search(str(error)):
            pytest.fail(f"{page}: {command}: {error}")


def test_there_are_such_commands() -> None:
    assert len(COMMANDS) > 40
