"""A program at a terminal of its own, and what is on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

SECONDS = 30.0
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_OTHER = re.compile(r"\x1b\[[?0-9;]*[A-Za-ln-z]")


class AtTerminal:
    def __init__(
        self, *arguments: object, columns: int = 80, lines: int = 24, environment: Mapping[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [Path(sys.executable).parent / "fullnat", "top", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
        )
        self.written = ""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    @property
    def frame(self) -> str:
        """What was last drawn as a whole, with its styles."""
        whole = self.written.rpartition("\x1b[J")[0]
        return whole.rpartition("\x1b[H")[2]

    @property
    def screen(self) -> list[str]:
        return [_OTHER.sub("", _STYLE.sub("", line)).rstrip() for line in self.frame.split("\r\n")]

    def until(self, *texts: str, without: str | None = None, lines: int | None = None) -> list[str]:
        """The screen as soon as it has all of ``texts``."""
        end = time.monotonic() + SECONDS
        while True:
            shown = self.screen
            whole = "\n".join(shown)
            is_there = all(text in whole for text in texts) and (without is None or without not in whole)
            if is_there and lines in (None, len(shown)):
                return shown
            assert time.monotonic() < end, f"no {texts} (without {without}) in\n{whole}\n{self.written[-2000:]!r}"
            self._read(0.2)

    def _read(self, seconds: float) -> bool:
        """Whether there is more to come."""
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self.written += os.read(self._master, 65536).decode()
            except OSError:
                return False
        return True

    def ended(self) -> int:
        """Its exit status, when it has ended by itself."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self._read(0.05)
        self._read(0.05)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)
        os.close(self.slave)
