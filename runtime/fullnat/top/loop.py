"""The loop: keys, readings and the clock."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fullnat.top.commands import ROLES, Question, delaying, draining, enabling, filtering, filters
from fullnat.top.keys import BACKSPACE, BY_KEY, DOWN, END, ENTER, ESCAPE, HOME, PAGE_DOWN, PAGE_UP, UP, decode
from fullnat.top.readings import SHARE, Asker, Reading, Wanted
from fullnat.top.screen import OTHER_LINES, Wishes, screen
from fullnat.top.terminal import Terminal
from fullnat.top.views import BY_NAME, VIEWS, Row, View

_NUMBERS = 10**9


class Top:
    """One user at one terminal."""

    def __init__(self, path: Path | None, terminal: Terminal, wishes: Wishes, readings: int | None = None) -> None:
        """``readings`` is after how many to end."""
        self._path = path
        self._terminal = terminal
        self._wishes = wishes
        self._left = readings
        self._reading = Reading(problem="asking")
        self._question: Question | None = None
        self._answer = ""
        self._next = 0.0
        self._ends = False
        self._weights: dict[tuple[str, ...], int] = {}
        """Of servers, as last seen above 0."""
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._asker = Asker(path, self._wake)
        self._does: dict[str, Callable[[str], None]] = {
            "quit": lambda _: self._end(),
            "help": lambda _: self._set("shows_help", True),
            "view": lambda key: self._look(VIEWS[int(key) - 1]),
            "next": lambda _: self._look(self._beside(1)),
            "previous": lambda _: self._look(self._beside(-1)),
            "move": self._move,
            "enter": lambda _: self._enter(),
            "back": lambda _: self._back(),
            "left": lambda _: self._sort(-1),
            "right": lambda _: self._sort(1),
            "invert": lambda _: self._toggle("inverted"),
            "filter": lambda _: self._ask(filtering(self._wishes)),
            "trouble": lambda _: self._toggle("trouble_only"),
            "idle": lambda _: self._toggle("without_idle"),
            "freeze": lambda _: self._toggle("frozen"),
            "again": lambda _: self._again(),
            "delay": lambda _: self._ask(delaying(self._wishes)),
            "colour": lambda _: self._toggle("colour"),
            "drain": lambda _: self._drain(),
            "enable": lambda _: self._enable(),
        }

    # ---- the loop

    def run(self) -> None:
        """Until the user has had enough, or the terminal is gone."""
        with self._signals():
            self._terminal.enter()
            try:
                while not self._ends and self._left != 0:
                    self._turn()
            finally:
                self._terminal.leave()

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._next and not self._wishes.frozen:
            self._asker.ask(self._wanted())
            self._next = now + self._wishes.delay
        width, height = self._terminal.size()
        lines = screen(self._reading, self._wishes, now, width, height)
        self._terminal.draw(lines, width, colour=self._wishes.colour)
        until = None if self._wishes.frozen else max(0.0, self._next - time.monotonic())
        ready, _, _ = select.select([self._terminal.source, self._wake_read], [], [], until)
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        self._take()
        if self._terminal.source in ready:
            data = self._terminal.read()
            if not data:
                self._end()
            for key in decode(data):
                self._key(key)

    def _take(self) -> None:
        found = self._asker.answer()
        if found is None:
            return
        wanted, reading = found
        self._reading = reading
        self._left = None if self._left is None else self._left - 1
        # What is wanted may have changed meanwhile.
        later = max(self._next, time.monotonic() + SHARE * reading.took)
        self._next = later if wanted == self._wanted() else 0.0
        for service in reading.services:
            for server in service["servers"]:
                if server["weight"]:
                    self._weights[service["protocol"], service["virtual"], server["server"]] = server["weight"]

    def _wanted(self) -> Wanted:
        is_sessions = self._wishes.view.name == "sessions"
        asked = filters(self._wishes.filter) if is_sessions and "=" in self._wishes.filter else {}
        return Wanted(is_sessions, asked)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """They wake the loop: the size has changed, or we are to end or to stop for a while."""
        handlers: dict[signal.Signals, Callable[..., None]] = {
            signal.SIGWINCH: lambda *_: None,
            signal.SIGTERM: lambda *_: self._end(),
            signal.SIGHUP: lambda *_: self._end(),
            signal.SIGTSTP: lambda *_: self._terminal.suspend(),
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        waker = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waker)
            for number, handler in before.items():
                signal.signal(number, handler)

    # ---- keys

    def _key(self, key: str) -> None:
        if self._wishes.shows_help:
            self._wishes.shows_help = False
        elif self._question is not None:
            self._type(self._question, key)
        elif key in BY_KEY:
            self._wishes.message = ""
            self._does[BY_KEY[key]](key)

    def _type(self, question: Question, key: str) -> None:
        if key in (ESCAPE, "\x03"):
            self._question = None
        elif key == BACKSPACE:
            self._answer = self._answer[:-1]
        elif key == ENTER:
            self._question = None
            try:
                self._wishes.message = question.then(self._answer.strip())
            except ValueError as error:
                self._wishes.message = f"{self._answer!r}: {error}"
            self._again()
        elif len(key) == 1 and key.isprintable():
            self._answer += key
        self._show()

    def _ask(self, question: Question) -> None:
        self._question, self._answer = question, ""
        self._show()

    def _show(self) -> None:
        self._wishes.question = "" if self._question is None else self._question.text
        self._wishes.answer = self._answer

    def _end(self) -> None:
        self._ends = True

    def _again(self) -> None:
        self._next = 0.0

    def _set(self, name: str, value: bool) -> None:
        setattr(self._wishes, name, value)

    def _toggle(self, name: str) -> None:
        self._set(name, not getattr(self._wishes, name))
        self._again()

    # ---- views

    def _look(self, view: View, wanted: str = "") -> None:
        wishes = self._wishes
        wishes.view, wishes.filter, wishes.sort, wishes.inverted, wishes.chosen = view, wanted, "", False, 0
        self._again()

    def _beside(self, step: int) -> View:
        return VIEWS[(VIEWS.index(self._wishes.view) + step) % len(VIEWS)]

    def _move(self, key: str) -> None:
        page = max(1, self._terminal.size()[1] - OTHER_LINES)
        steps = {UP: -1, "k": -1, DOWN: 1, "j": 1, PAGE_UP: -page, PAGE_DOWN: page, HOME: -_NUMBERS, END: _NUMBERS}
        self._wishes.chosen = max(0, min(self._wishes.chosen + steps[key], len(self._wishes.rows) - 1))

    def _enter(self) -> None:
        row = self._chosen()
        if row is None:
            return
        if self._wishes.view.name == "services":
            self._look(BY_NAME["servers"], f"{row.of['protocol'].upper()} {row.of['virtual']}")
        elif self._wishes.view.name == "servers":
            self._look(BY_NAME["sessions"], f"virtual={row.of['virtual']} server={row.of['server']}")

    def _back(self) -> None:
        before = {"sessions": "servers", "servers": "services"} if self._wishes.filter else {}
        self._look(BY_NAME[before.get(self._wishes.view.name, self._wishes.view.name)])

    def _sort(self, step: int) -> None:
        """Among the columns that are to be seen."""
        names, by = self._wishes.columns, self._wishes.sort or self._wishes.view.sorted_by
        place = names.index(by) + step if by in names else 0
        self._wishes.sort = names[max(0, min(place, len(names) - 1))]

    def _chosen(self) -> Row | None:
        rows = self._wishes.rows
        return rows[self._wishes.chosen] if self._wishes.chosen < len(rows) else None

    # ---- commands

    def _may(self) -> Row | None:
        """The row that a command is for, if there is one for it."""
        row, role = self._chosen(), self._reading.about.get("role", "read")
        if role not in ROLES:
            self._wishes.message = f"the role {role} may look, and change nothing"
        elif row is None or not row.can_change:
            self._wishes.message = "choose a server or a service of the configuration"
        else:
            return row
        return None

    def _drain(self) -> None:
        if row := self._may():
            self._ask(draining(self._path, row))

    def _enable(self) -> None:
        row = self._may()
        if row is not None and "server" not in row.of:
            self._wishes.message = "choose a server: each has a weight of its own"
        elif row is not None:
            self._ask(enabling(self._path, row, self._weights.get(tuple(row.of.values()), 1)))
