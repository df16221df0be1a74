"""``fullnat check``: what is wrong with a configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from fullnat.cli.controlclient import Refused, socket_option, tell
from fullnat.cli.ending import end
from fullnat.cli.groups import table
from fullnat.compiled import TARGETS, V1MODEL
from fullnat.config import file, hints
from fullnat.config.advice import advice
from fullnat.config.errors import ConfigError
from fullnat.config.here import absent
from fullnat.config.model import Config
from fullnat.config.written import GRAMMARS, document
from fullnat.words import counted


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--running", is_flag=True, help="Say what it would change of what the controller runs, as well.")
@socket_option
@click.option("--target", default=V1MODEL, show_default=True, type=click.Choice(TARGETS), help="What the switch runs.")
def check(config: Path, target: str, running: bool, control_socket: Path | None) -> None:
    """Check CONFIG and say everything that is wrong with it, one line each."""
    try:
        found = file.load(config, target)
    except ConfigError as error:
        for line in error.warnings:
            click.echo(f"warning: {line}", err=True)
        end(_problems(error, config.suffix == file.KEEPALIVED))
    for line in (*advice(found), *(f"{line} on this machine" for line in absent(found))):
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{config}: {', '.join(_summary(found))}")
    for line in table(found) if found.groups else ():
        click.echo(line)
    if running:
        _compare(found, control_socket)


def _summary(found: Config) -> Iterator[str]:
    """Rules of SNAT apart: one is of several protocols, and its servers are its addresses."""
    rules = [virtual for virtual in found.virtual_servers if virtual.mode.is_outward]
    others = [virtual for virtual in found.virtual_servers if not virtual.mode.is_outward]
    yield counted(len(others), "virtual server")
    yield counted(sum(len(virtual.real_servers) for virtual in others), "real server")
    if rules:
        numbers = {(virtual.address.version, virtual.fwmark) for virtual in rules}
        public = {real.address for virtual in rules for real in virtual.real_servers}
        addresses = f"{len(public)} address{'' if len(public) == 1 else 'es'}"
        yield f"{counted(len(numbers), 'SNAT rule')} of {addresses}"
    if found.groups:
        yield counted(len(found.groups), "group")


def _problems(error: ConfigError, is_keepalived: bool) -> Iterator[str]:
    yield from error.problems
    if error.holds_back:
        yield f"mend {'this' if len(error.problems) == 1 else 'these'} first: more is checked then"
    if error.no_interface:
        yield f"for example{', in lines that keepalived passes over' if is_keepalived else ''}:"
        yield from (hints.INTERFACE_BESIDE_KEEPALIVED if is_keepalived else hints.INTERFACE).splitlines()


def _compare(config: Config, control_socket: Path | None) -> None:
    """The controller is told the configuration as TOML, whatever it was written in, and changes nothing."""
    text, _ = GRAMMARS["toml"](document(config))
    try:
        changes = tell(control_socket, "compare", {"config": text})["changes"]
    except Refused as error:
        end(problem["message"] for problem in error.problems)
    for line in changes:
        click.echo(line)
    click.echo(f"{counted(len(changes), 'change')} to what runs")
