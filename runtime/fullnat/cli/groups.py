"""``fullnat groups``: which group of switches has which virtual address, and what an edit of the file would move."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from fullnat.cli.ending import end
from fullnat.compiled import TARGETS, V1MODEL
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config, VirtualServer
from fullnat.config.spread import Spread, addresses_of, moved, name_of

Json = dict[str, Any]
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("config", type=_FILE)
@click.option("--before", type=_FILE, metavar="OLD", help="Show what moves between groups from OLD to CONFIG instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--target", default=V1MODEL, show_default=True, type=click.Choice(TARGETS), help="What the switches run.")
def groups(config: Path, before: Path | None, as_json: bool, target: str) -> None:
    """Show which group has which virtual address by CONFIG: by the rule, or because the file says so."""
    found = _load(config, target)
    if before is None:
        _show(list(_shown(found)), as_json)
    else:
        _compare(_spread(_load(before, target)), _spread(found), as_json)


def _load(path: Path, target: str) -> Config:
    """Ends the command if there are no groups in it, or errors."""
    try:
        found = file.load(path, target)
    except ConfigError as error:
        end(error.problems)
    if not found.groups:
        end([f"{path} has no groups: no [[switch]] is of one"])
    return found


def _spread(config: Config) -> Spread:
    assert config.spread is not None
    return config.spread


def _shown(config: Config) -> Iterator[Json]:
    """Each address, in the order of the file, and what has none."""
    known = _spread(config)
    services: dict[str, list[VirtualServer]] = {}
    for virtual in config.virtual_servers:
        for subject in [str(each) for each in addresses_of(virtual)] or [str(virtual.endpoint)]:
            services.setdefault(subject, []).append(virtual)
    for subject, of in services.items():
        yield {
            "address": subject,
            "group": known.services[name_of(of[0])],
            "by": "file" if any(virtual.group for virtual in of) else "rule",
            "services": [f"{virtual.protocol} {virtual.endpoint}" for virtual in of],
        }


def _show(rows: Sequence[Json], as_json: bool) -> None:
    if rows and not as_json:
        click.echo(f"{'address':<39} {'group':<16} {'by':<4}  services")
    for row in rows:
        line = f"{row['address']:<39} {row['group']:<16} {row['by']:<4}  {', '.join(row['services'])}"
        click.echo(json.dumps(row) if as_json else line)


def _compare(old: Spread, new: Spread, as_json: bool) -> None:
    moves = moved(old, new)
    answered = {
        address: (group, new.answered[address])
        for address, group in old.answered.items()
        if new.answered.get(address, group) != group
    }
    for kind, found in (("address", moves), ("local address", answered)):
        for address, (then, now) in found.items():
            said = {"address": str(address), "kind": kind, "before": then, "group": now}
            click.echo(json.dumps(said) if as_json else f"{kind} {address} moves from group {then} to {now}")
    if not as_json:
        click.echo(f"{_summary(len(moves), len(new.virtual) - len(moves))}: the sessions of what moves are reset")


def _summary(moving: int, staying: int) -> str:
    moves = "1 address of services moves" if moving == 1 else f"{moving} addresses of services move"
    return f"{moves}, {staying} {'stays' if staying == 1 else 'stay'}"


def table(config: Config) -> Iterator[str]:
    """How much each group has, of a configuration with groups, one line each."""
    known = _spread(config)
    yield f"{'group':<16} {'switches':>8} {'services':>8} {'addresses':>9}  controller"
    for group in config.groups:
        switches = sum(each.group == group.name for each in config.switches)
        services = sum(each == group.name for each in known.services.values())
        own = sum(each == group.name for each in known.virtual.values())
        yield f"{group.name:<16} {switches:>8} {services:>8} {own:>9}  {group.controller}".rstrip()
