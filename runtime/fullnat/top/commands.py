"""What the user changes: questions on the last line, and the commands of the API that answers make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import tell
from fullnat.top.screen import Wishes
from fullnat.top.views import Row

ROLES = ("operator", "admin")
"""Who may."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    then: Callable[[str], str]
    """What to do with the answer; returns what is to be said. Raises ValueError for an answer that is none."""


def filtering(wishes: Wishes) -> Question:
    def then(answer: str) -> str:
        if wishes.view.name == "sessions" and "=" in answer:
            filters(answer)
        wishes.filter, wishes.chosen = answer, 0
        return ""

    return Question("Only rows with: ", then)


def filters(text: str) -> dict[str, str]:
    """``client=192.0.2.1 state=established`` for the API. Raises ValueError."""
    found = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise ValueError(f"{word} is not NAME=VALUE")
        found[name] = value
    return found


def delaying(wishes: Wishes) -> Question:
    def then(answer: str) -> str:
        seconds = float(answer)
        if not 0.1 <= seconds <= 3600:
            raise ValueError("0.1 to 3600 seconds")
        wishes.delay = seconds
        return ""

    return Question(f"Seconds between two readings (now {wishes.delay:g}): ", then)


def draining(path: Path | None, row: Row) -> Question:
    """Of a server or a service."""

    def then(answer: str) -> str:
        fields: dict[str, Any] = dict(row.of)
        if answer:
            fields["within"] = float(answer)
        return _apply(path, "drain_server" if "server" in row.of else "drain_service", fields)

    return Question(f"Drain {_named(row.of)}; seconds to a reset (Enter: none): ", then)


def enabling(path: Path | None, row: Row, weight: int) -> Question:
    def then(answer: str) -> str:
        return _apply(path, "edit_server", {**row.of, "settings": {"weight": int(answer or weight)}})

    return Question(f"Weight of {_named(row.of)} (Enter: {weight}): ", then)


def _named(of: Mapping[str, str]) -> str:
    service = f"{of['protocol']} {of['virtual']}"
    return f"{of['server']} of {service}" if "server" in of else service


def _apply(path: Path | None, name: str, fields: Mapping[str, Any]) -> str:
    try:
        changes = tell(path, "apply", {"commands": [{name: fields}]})["changes"]
    except click.ClickException as error:
        return error.message
    return "; ".join(changes) or "nothing to change"
