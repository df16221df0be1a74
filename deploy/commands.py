"""The command lines of fullnat, fnatadm and p4soft as data, read from the parsers that take them: manual pages,
completions and the reference are made of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import click
from fullnat.cli.main import main as fullnat
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.fnatadm import options as fnatadm
from p4soft.cli import parsers


class Takes(Enum):
    """What may stand after an option, or for an argument."""

    NOTHING = "nothing"
    WORD = "word"
    CHOICE = "choice"
    FILE = "file"
    INTERFACE = "interface"


@dataclass(frozen=True, slots=True)
class Option:
    names: tuple[str, ...]
    metavar: str
    """Empty where nothing follows."""
    help: str
    takes: Takes
    choices: tuple[str, ...] = ()
    multiple: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    metavar: str
    takes: Takes
    required: bool = True
    help: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    """With the command's that it belongs to: "fullnat run"."""
    summary: str
    description: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...] = ()

    @property
    def word(self) -> str:
        """The last one of the name."""
        return self.name.rpartition(" ")[2]


def every(command: Command) -> Iterator[Command]:
    """The command and all below it."""
    yield command
    for below in command.commands:
        yield from every(below)


def programs() -> tuple[Command, ...]:
    """fullnat, fnatadm and p4soft."""
    return _of_click(fullnat, "fullnat"), _of_tables(), _of_argparse()


# ---------------------------------------------------------------------------------------------- click


def _of_click(command: click.Command, name: str) -> Command:
    context = click.Context(command, info_name=name.rpartition(" ")[2])
    below = command.commands if isinstance(command, click.Group) else {}
    text = " ".join((command.help or "").split())
    return Command(
        name,
        _first_sentence(text),
        text,
        tuple(_click_option(p, context) for p in command.get_params(context) if isinstance(p, click.Option)),
        tuple(_click_argument(p, context) for p in command.params if isinstance(p, click.Argument)),
        tuple(_of_click(inner, f"{name} {word}") for word, inner in sorted(below.items())),
    )


def _click_option(option: click.Option, context: click.Context) -> Option:
    choices = tuple(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ()
    takes = Takes.NOTHING if option.is_flag else _click_takes(option.type, option.name or "")
    metavar = "" if option.is_flag else option.make_metavar(context)
    text = (option.help or "").rstrip(".")
    if default := _default(option):
        text += f" (default {default})"
    return Option(tuple(option.opts), metavar, text, takes, choices, option.multiple)


def _default(option: click.Option) -> str:
    """What help shows of it; empty when it shows none."""
    if isinstance(option.show_default, str):
        return option.show_default
    return str(option.default) if option.show_default and option.default is not None and not option.is_flag else ""


def _click_argument(argument: click.Argument, context: click.Context) -> Argument:
    metavar = argument.make_metavar(context).strip("[].")
    return Argument(metavar, _click_takes(argument.type, argument.name or ""), argument.required)


def _click_takes(kind: click.ParamType[object], name: str) -> Takes:
    if isinstance(kind, click.Choice):
        return Takes.CHOICE
    if isinstance(kind, click.Path):
        return Takes.FILE
    return Takes.INTERFACE if name in ("interfaces", "no_offload") else Takes.WORD


# ---------------------------------------------------------------------------------------------- fnatadm's tables


def _of_tables() -> Command:
    """The commands of fnatadm are options, as ipvsadm's."""
    text = (
        "Show and change services of the running controller, with ipvsadm's commands and options. One command a line; "
        "without one, -L. A service is -t or -u with HOST:PORT."
    )
    every_ = (*(command.option for command in fnatadm.COMMANDS), *fnatadm.OPTIONS)
    return Command("fnatadm", "Administer services as with ipvsadm.", text, tuple(map(_table_option, every_)), ())


def _table_option(option: fnatadm.Option) -> Option:
    choices = tuple(sorted(SCHEDULERS)) if option.name == "scheduler" else option.choices
    if choices:
        takes = Takes.CHOICE
    elif option.value is fnatadm.Value.NONE:
        takes = Takes.NOTHING
    else:
        takes = Takes.FILE if option.is_file else Takes.WORD
    metavar = f"[{option.metavar}]" if option.value is fnatadm.Value.MAYBE else option.metavar
    return Option(option.names, metavar, option.help.rstrip("."), takes, choices, option.multiple)


# ---------------------------------------------------------------------------------------------- argparse


def _of_argparse() -> Command:
    found = {name: _argparse_command(name, parser) for name, parser in parsers().items()}
    top = found.pop("p4soft")
    run = Command("p4soft run", "The same spelled out, with PROG.json required.", "", top.options, top.arguments)
    below = (run, *found.values())
    return Command(top.name, top.summary, top.description, top.options, top.arguments, below)


def _argparse_command(name: str, parser: argparse.ArgumentParser) -> Command:
    description = " ".join(filter(None, (parser.description, parser.epilog)))
    actions = list(_actions(parser))
    return Command(
        name,
        _first_sentence(description),
        description,
        tuple(_argparse_option(action) for action in actions if action.option_strings),
        tuple(_argparse_argument(action) for action in actions if not action.option_strings),
    )


def _actions(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    return parser._actions  # there is no other way to see them


def _argparse_option(action: argparse.Action) -> Option:
    choices = tuple(map(str, action.choices or ()))
    flag = action.nargs == 0
    metavar = "" if flag else str(action.metavar or action.dest.upper())
    if choices:
        takes = Takes.CHOICE
    elif flag:
        takes = Takes.NOTHING
    elif action.dest in ("interface", "no_offload"):
        takes = Takes.INTERFACE
    else:
        takes = Takes.FILE if action.type is Path else Takes.WORD
    optional = f"[{metavar}]" if action.nargs == "?" else metavar
    multiple = isinstance(action.default, list)
    return Option(tuple(action.option_strings), optional, action.help or "", takes, choices, multiple)


def _argparse_argument(action: argparse.Action) -> Argument:
    return Argument(str(action.metavar), Takes.FILE, action.nargs != "?", action.help or "")


def _first_sentence(text: str) -> str:
    first = text.partition(": ")[0].partition(". ")[0]
    return first.rstrip(".") + "."
