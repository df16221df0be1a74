"""A thread of a process that hangs, while the others go on."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from topo.process import poll

_SEIZE, _INTERRUPT, _CONTINUE, _DETACH = 0x4206, 0x4207, 7, 17
PATIENCE = 10.0
"""Seconds for a thread to have something to do."""
_WALL = 0x40000000
"""waitpid(2): wait for threads, too."""
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def hanging(pid: int, name: str) -> Iterator[None]:
    """The threads of ``pid`` that call themselves ``name``, but for the first, stand still from a moment when one of
    them is at work, until the end of the context, which has to come in the same thread of ours (ptrace(2))."""
    tasks = Path(f"/proc/{pid}/task")
    found = [int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == name]
    threads = [thread for thread in found if thread != pid]
    assert threads, f"no thread of {pid} is called {name}"
    try:
        for thread in threads:
            _ptrace(_SEIZE, thread)
        poll(lambda: _stops_at_work(threads, tasks), PATIENCE, f"a thread of {pid} is at work", interval=0)
        yield
    finally:
        for thread in threads:
            # It may have been killed meanwhile.
            with contextlib.suppress(ProcessLookupError):
                _ptrace(_DETACH, thread)


def _stops_at_work(threads: Sequence[int], tasks: Path) -> bool:
    """Stop them, and let them go on if all of them wait in the kernel: what wakes them would be done by others."""
    for thread in threads:
        _ptrace(_INTERRUPT, thread)
        os.waitpid(thread, _WALL)
    # Outside the kernel, says proc(5).
    is_at_work = any((tasks / str(thread) / "syscall").read_text().startswith("-1 ") for thread in threads)
    if not is_at_work:
        for thread in threads:
            _ptrace(_CONTINUE, thread)
    return is_at_work


def _ptrace(request: int, thread: int) -> None:
    if _libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
