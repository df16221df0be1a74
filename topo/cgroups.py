"""Cgroups (v2) for tests, to run programs in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from topo.process import poll


def root() -> Path | None:
    """Where cgroup v2 is mounted; None when it is not."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    return None


def unavailable() -> str | None:
    """Why no cgroup can be made here, or None when it can."""
    if os.geteuid() != 0:
        return "cgroups need root"
    where = root()
    if where is None:
        return "cgroup v2 is not mounted"
    return None if os.access(where, os.W_OK) else f"{where} is not writable"


@contextlib.contextmanager
def made(name: str) -> Iterator[Path]:
    """A cgroup of this process's, which must be empty again at the end: TimeoutError."""
    where = root()
    assert where is not None, "cgroup v2 is not mounted"
    path = where / f"{name}-{os.getpid()}"
    path.mkdir()
    try:
        yield path
        poll(lambda: not (path / "cgroup.procs").read_text(), 10, f"{path} is empty")
    finally:
        path.rmdir()


def within(cgroup: Path, command: Sequence[str]) -> list[str]:
    """The command that runs ``command`` in the cgroup."""
    return ["sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "sh", *command]
