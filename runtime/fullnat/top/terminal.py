"""A terminal that shows lines with styles: ECMA-48, as every terminal of today speaks it."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Mapping, Sequence
from typing import Any

from fullnat.top.screen import BAR, CHOSEN, HEAD, QUIET, Line
from fullnat.top.views import BAD, GOOD, WARN

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?1049l\x1b[?25h"
_PLAIN = {HEAD: "\x1b[1m", BAR: "\x1b[7m", CHOSEN: "\x1b[7m", WARN: "\x1b[1m", BAD: "\x1b[1m"}
_COLOURED = {**_PLAIN, GOOD: "\x1b[32m", WARN: "\x1b[33m", BAD: "\x1b[1;31m", QUIET: "\x1b[36m"}
_NONE = "\x1b[0m"
_HOME, _NEXT_LINE, _CLEAR_REST, _CLEAR_BELOW = "\x1b[H", "\r\n", "\x1b[K", "\x1b[J"
INCAPABLE = ("", "dumb", "unknown")
"""Terminals that know no such commands."""


def has_colours(environment: Mapping[str, str]) -> bool:
    """https://no-color.org, and terminals that have none."""
    is_mono = environment.get("TERM", "").endswith(("-m", "-mono", "vt100", "vt220"))
    return not environment.get("NO_COLOR") and not is_mono


class Terminal:
    """Ours between :meth:`enter` and :meth:`leave`."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self._target = source, target
        self._before: list[Any] | None = None

    def enter(self) -> None:
        self._before = termios.tcgetattr(self.source)
        tty.setcbreak(self.source)
        # ^C is a key, so that it waits for what is being drawn.
        now = termios.tcgetattr(self.source)
        now[6][termios.VINTR] = b"\x00"
        termios.tcsetattr(self.source, termios.TCSADRAIN, now)
        self._write(_ENTER)

    def leave(self) -> None:
        if self._before is not None:
            self._write(_LEAVE)
            termios.tcsetattr(self.source, termios.TCSADRAIN, self._before)
            self._before = None

    def suspend(self) -> None:
        """Stop as ^Z stops others, and go on when we are continued."""
        self.leave()
        mine = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, mine)
        self.enter()

    def size(self) -> tuple[int, int]:
        """Columns and lines; 80 and 24 where it does not say."""
        columns, lines = os.get_terminal_size(self._target)
        return columns or 80, lines or 24

    def read(self) -> bytes:
        """What has been typed; nothing when it has gone."""
        try:
            return os.read(self.source, 4096)
        except OSError:
            return b""

    def draw(self, lines: Sequence[Line], width: int, *, colour: bool) -> None:
        styles = _COLOURED if colour else _PLAIN
        self._write(f"{_HOME}{_NEXT_LINE.join(_drawn(line, width, styles) for line in lines)}{_CLEAR_BELOW}")

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._target, data) :]


def _drawn(line: Line, width: int, styles: Mapping[str, str]) -> str:
    """Behind the last column the cursor is still on it, and what clears the rest would clear that."""
    text = "".join(f"{styles[style]}{text}{_NONE}" if style in styles else text for text, style in line)
    return text if sum(len(piece) for piece, _ in line) >= width else text + _CLEAR_REST
