"""Processes in network namespaces that end with us, whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from topo import namespaces

# By a program and not by a preexec_fn: with one, Popen forks, and gRPC's fork handlers then end the child now and then.
_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
PROMPT = ("nice", "-n", "-10")
"""What begins the command of a process that has to be heard in time by others of its kind, however much the machine has
to do: each of them would have one to itself."""
T = TypeVar("T")


class ProcessFailed(Exception):
    """A process ended in error or too early; the message has the end of what it printed."""


def poll(condition: Callable[[], T], timeout: float, what: str, interval: float = 0.02) -> T:
    """Ask until ``condition`` is true, and return its value; TimeoutError naming ``what`` after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        time.sleep(interval)
    return value


class Process:
    """A process in a namespace. Its output goes to ``<log directory>/<name>.out`` and ``.err``."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        namespace: str | None,
        logs: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.out = logs / f"{name}.out"
        self.err = logs / f"{name}.err"
        within = namespaces.inside(namespace) if namespace else contextlib.nullcontext()
        with within, self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = subprocess.Popen(
                [*_END_WITH_PARENT, *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> str:
        return self.out.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Exit status; TimeoutError when it still runs."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{self.name} still runs after {timeout:g} s{self._tail()}") from error

    def result(self, timeout: float) -> str:
        """What it printed; raises ProcessFailed unless it ended with status 0."""
        status = self.wait(timeout)
        if status != 0:
            raise ProcessFailed(f"{self.name} ended with status {status}{self._tail()}")
        return self.output

    def check_running(self) -> None:
        if not self.running:
            raise ProcessFailed(f"{self.name} ended with status {self._process.returncode}{self._tail()}")

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.running:
            self._process.kill()
        self._process.wait()

    def stop(self, grace: float = 5.0) -> int:
        """SIGTERM, SIGKILL after ``grace`` seconds; returns the exit status. Idempotent."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def _tail(self) -> str:
        text = (self.out.read_text(errors="replace") + self.err.read_text(errors="replace")).rstrip()
        return ":\n" + "\n".join(text.splitlines()[-15:]) if text else ""
