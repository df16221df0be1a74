"""The session log: one line of JSON for each session that begins or ends, to a file or a socket of datagrams.

A thread of its own makes and writes the lines. What it is behind with waits in a queue that is bounded: what has no
room is counted and lost, and the core never waits.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from fullnat.core.journal import CLOSED, Record
from fullnat.core.protocols.base import BY_NUMBER

WAITING = 65536
"""Records that wait at most: about 30 MB."""
BATCH = 1024
END_SECONDS = 2.0
"""For what still waits when the controller ends."""
SEND_SECONDS = 1.0
"""That a socket may take; what it has no room for then is lost."""
TOLD_SECONDS = 60.0
"""Between two lines of the log about one trouble."""
SYSLOG = Path("/dev/log")
_PRIORITY = 16 * 8 + 6
"""local0.info (RFC 5424 6.2.1)."""
_LOGGER = logging.getLogger(__name__)

Json = dict[str, Any]


class Target(ABC):
    """Where lines go. Both raise OSError."""

    @abstractmethod
    def write(self, lines: Sequence[str]) -> int:
        """How many of them were written."""

    def reopen(self) -> None:
        """The name may stand for another one."""
        return

    @abstractmethod
    def close(self) -> None: ...


class File(Target):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._is_cut = False
        """It ends within a line, for which there was no room."""

    def _open(self) -> int:
        # A pipe that nobody reads is an error; without O_NONBLOCK the controller would wait for its reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        found = os.open(self._path, flags, 0o640)
        os.set_blocking(found, True)
        return found

    def write(self, lines: Sequence[str]) -> int:
        if self._is_cut:
            os.write(self._file, b"\n")
            self._is_cut = False
        data, written = "".join(f"{line}\n" for line in lines).encode(), 0
        while data:
            try:
                done = os.write(self._file, data)
            except OSError:
                if not written:
                    raise
                break
            written += data.count(b"\n", 0, done)
            self._is_cut = data[done - 1 : done] != b"\n"
            data = data[done:]
        return written

    def reopen(self) -> None:
        new = self._open()
        os.close(self._file)
        self._file, self._is_cut = new, False

    def close(self) -> None:
        os.close(self._file)


class Datagrams(Target):
    """A Unix socket; with syslog's head (RFC 3164 4.1, as syslog(3) writes it to ``/dev/log``) where that is asked
    for."""

    def __init__(self, path: Path, *, is_syslog: bool) -> None:
        self._path = path
        self._is_syslog = is_syslog
        self._socket: socket.socket | None = None

    def write(self, lines: Sequence[str]) -> int:
        written = 0
        for line in lines:
            try:
                self._connected().send(f"{self._head()}{line}".encode())
                written += 1
            except TimeoutError:
                break
            except OSError:
                self.close()  # who reads may have been started anew
                if not written:
                    raise
                break
        return written

    def _connected(self) -> socket.socket:
        if self._socket is None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                made.settimeout(SEND_SECONDS)
                made.connect(str(self._path))
            except OSError:
                made.close()
                raise
            self._socket = made
        return self._socket

    def _head(self) -> str:
        return f"<{_PRIORITY}>{time.strftime('%b %e %H:%M:%S')} fullnat[{os.getpid()}]: " if self._is_syslog else ""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def target(text: str) -> Target:
    """``syslog``, ``unix:PATH`` or the path of a file. Raises OSError for a file that cannot be opened."""
    if text == "syslog":
        return Datagrams(SYSLOG, is_syslog=True)
    if text.startswith("unix:"):
        return Datagrams(Path(text.removeprefix("unix:")), is_syslog=False)
    return File(Path(text))


class SessionLog:
    def __init__(self, target: Target, wall_offset: float, waiting: int = WAITING) -> None:
        """``wall_offset``: time of day minus the clock of the core."""
        self.written = 0
        self.dropped = 0
        """For which there was no room, or that could not be written."""
        self._target = target
        self._wall_offset = wall_offset
        self._waiting = waiting
        self._queue: deque[Record] = deque()
        self._wake = Event()
        self._reopens = False
        self._ends = False
        self._told = float("-inf")
        self._thread = Thread(target=self._run, name="session-log", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        if len(self._queue) >= self._waiting:
            self.dropped += 1
            return
        self._queue.append(record)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def counts(self) -> dict[str, int]:
        return {"written": self.written, "dropped": self.dropped}

    @property
    def depth(self) -> int:
        """Records that wait."""
        return len(self._queue)

    def reopen(self) -> None:
        """The file has been renamed: begin another one."""
        self._reopens = True
        self._wake.set()

    def close(self) -> None:
        """Write what waits, if that does not take long."""
        self._ends = True
        self._wake.set()
        self._thread.join(END_SECONDS)

    # ---- the thread

    def _run(self) -> None:
        while not self._ends or self._queue:
            self._wake.wait()
            self._wake.clear()
            if self._reopens:
                self._reopens = False
                self._try(self._reopened, 0)
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                self._try(partial(self._written, batch), len(batch))
        self._target.close()

    def _try(self, work: Callable[[], int], count: int) -> None:
        """What is lost by an error is ``count``."""
        try:
            done = work()
            self.written += done
            self.dropped += count - done
        except OSError as error:
            self.dropped += count
            if time.monotonic() - self._told >= TOLD_SECONDS:
                self._told = time.monotonic()
                _LOGGER.warning("the session log cannot be written: %s", error.strerror or error)

    def _reopened(self) -> int:
        self._target.reopen()
        return 0

    def _written(self, batch: Sequence[Record]) -> int:
        return self._target.write([_ENCODE(record_json(record, self._wall_offset)) for record in batch])


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def record_json(record: Record, wall_offset: float) -> Json:
    """Names are those of ``fullnat sessions --json`` where it has the same."""
    entry = record.entry
    found: Json = {
        "time": stamp(record.now + wall_offset),
        "event": record.event,
        "protocol": BY_NUMBER[entry.protocol].name,
        "client": str(entry.flow_in.src),
        "virtual": str(entry.flow_in.dst),
        "local": str(entry.flow_out.dst),
        "server": str(record.server),
        "mode": record.mode,
        "service": str(record.service),
        "session_id": entry.session_id,
    }
    if record.event != CLOSED:
        return found
    counters = record.counters
    return found | {
        "why": record.why,
        "state": record.state,
        "seconds": None if record.began is None else round(record.now - record.began, 3),
        "in_packets": counters and counters.in_packets,
        "in_bytes": counters and counters.in_bytes,
        "out_packets": counters and counters.out_packets,
        "out_bytes": counters and counters.out_bytes,
    }


def stamp(seconds: float) -> str:
    """The time of day as RFC 3339 has it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
