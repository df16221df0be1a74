"""What the controller says of itself, read again and again beside the terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol

import click

from fullnat.cli.controlclient import ask

Json = dict[str, Any]
SESSIONS = 1000
"""Sessions that are read: all of 100,000 would take the controller seconds each time."""
SHARE = 5
"""Asking takes no more than one in so many seconds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at: with sessions, those that ``filters`` select."""

    sessions: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer; ``problem`` is why there is none, and then the rest is that of before."""

    about: Json = field(default_factory=dict)
    services: list[Json] = field(default_factory=list)
    stats: Json = field(default_factory=dict)
    sessions: list[Json] = field(default_factory=list)
    at: float = 0.0
    """On the monotonic clock."""
    took: float = 0.0
    drop_rates: Mapping[str, Json] = field(default_factory=dict)
    """Packets and bytes per second by reason, since the reading before."""
    problem: str = ""


def take(path: Path | None, wanted: Wanted, before: Reading) -> Reading:
    """Ask the controller; never raises."""
    began = time.monotonic()
    try:
        about = next(ask(path, "about"))
        services = list(ask(path, "services"))
        stats = next(ask(path, "stats", {"brief": True}))
        sessions = list(islice(ask(path, "sessions", wanted.filters), SESSIONS)) if wanted.sessions else []
    except click.ClickException as error:
        old = before
        return Reading(
            old.about, old.services, old.stats, old.sessions, old.at, old.took, old.drop_rates, error.message
        )
    except StopIteration:
        return Reading(problem="the controller has answered nothing")
    now = time.monotonic()
    rates = _rates(before.stats.get("drops", {}), stats["drops"], now - before.at) if before.stats else {}
    return Reading(about, services, stats, sessions, now, now - began, rates)


def _rates(old: Json, new: Json, seconds: float) -> dict[str, Json]:
    """A counter that is below what it was has begun anew."""
    return {
        reason: {unit: max(0, count - old.get(reason, {}).get(unit, 0)) / seconds for unit, count in cell.items()}
        for reason, cell in new.items()
    }


class Wakes(Protocol):
    def __call__(self) -> None: ...


class Asker:
    """Reads in a thread of its own, so that a controller that hangs holds no key up; ``wake`` is called when there is
    news."""

    def __init__(self, path: Path | None, wake: Wakes) -> None:
        self._path = path
        self._wake = wake
        self._asked: SimpleQueue[Wanted] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Wanted, Reading]] = SimpleQueue()
        self.busy = False
        Thread(target=self._run, name="asker", daemon=True).start()

    def ask(self, wanted: Wanted) -> None:
        """Nothing, while the last question is not answered."""
        if not self.busy:
            self.busy = True
            self._asked.put(wanted)

    def answer(self) -> tuple[Wanted, Reading] | None:
        """What has been read, if there is something new, and what had been wanted."""
        try:
            found = self._answers.get_nowait()
        except Empty:
            return None
        self.busy = False
        return found

    def _run(self) -> None:
        last = Reading()
        while True:
            wanted = self._asked.get()
            last = take(self._path, wanted, last)
            self._answers.put((wanted, last))
            self._wake()
