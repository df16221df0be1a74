"""Named network namespaces: create, enter, remove, and sweep those that a killed run left behind.

Names are ``fnat-<pid>-<start time of that pid>-<name>``, so a namespace whose process is gone can be told from one in
use, also after the pid was given out again.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from pyroute2 import netns

_RUN = Path("/run/netns")
_CLONE_NEWNET = 0x4000_0000
_NAME = re.compile(r"fnat-(\d+)-(\d+)-.+")
_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceError(Exception):
    """Network namespaces cannot be used here; the message says why."""


def unavailable() -> str | None:
    """Why network namespaces cannot be used here, or None when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not Path("/proc/self/ns/net").exists():
        return "the kernel has no network namespaces"
    name = f"{prefix()}probe"
    try:
        _make(name)
        netns.remove(name)
    except OSError as error:
        return f"network namespaces cannot be created: {error}"
    return None


def _start_time(pid: int) -> int | None:
    """When ``pid`` was started, in clock ticks since boot; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def prefix() -> str:
    """What the names of everything begin with that this process makes and must clean up."""
    return f"fnat-{os.getpid()}-{_start_time(os.getpid())}-"


def abandoned(name: str) -> bool:
    """Whether ``name`` begins with the :func:`prefix` of a process that is gone."""
    match = _NAME.fullmatch(name)
    return match is not None and _start_time(int(match[1])) != int(match[2])


def create(name: str) -> str:
    """Create a namespace of this process; returns its full name."""
    # A process may have several networks with hosts of the same names.
    for tail in ("", *(f"-{number}" for number in range(2, 100))):
        full = prefix() + name + tail
        try:
            _make(full)
        except FileExistsError:
            continue
        except OSError as error:
            raise NamespaceError(f"cannot create network namespace {full}: {error}") from error
        return full
    raise NamespaceError(f"there are too many network namespaces like {full}")


def _make(full: str) -> None:
    """Make a namespace of this name; raises OSError. A thread goes there and names it: pyroute2 forks a child for that,
    which beside other threads now and then hangs."""
    failed: list[OSError] = []

    def run() -> None:
        try:
            if _libc.unshare(_CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            netns.attach(full, "thread-self")
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=run, name=f"make-{full}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def attach(name: str, pid: int) -> str:
    """Name the namespace that the process ``pid`` lives in as one of ours; returns its full name.

    It goes, with everything that runs in it, like one that was created.
    """
    if os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino:
        raise NamespaceError(f"process {pid} has no network namespace of its own")
    full = prefix() + name
    try:
        netns.attach(full, pid)
    except OSError as error:
        raise NamespaceError(f"cannot name the network namespace of process {pid} {full}: {error}") from error
    return full


def handle(full: str) -> int:
    """A file descriptor of the namespace, to be closed by the caller."""
    return os.open(_RUN / full, os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def inside(full: str) -> Iterator[None]:
    """Run the body with the calling thread in the namespace.

    Sockets opened and processes started there stay in it; the thread itself returns.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = handle(full)
        try:
            _setns(there, full)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _setns(home, "the initial namespace")
    finally:
        os.close(home)


def _setns(fd: int, name: str) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise NamespaceError(f"cannot enter network namespace {name}: {os.strerror(ctypes.get_errno())}")


def processes(full: str) -> list[int]:
    """The ids of the processes that live in the namespace."""
    try:
        inode = os.stat(_RUN / full).st_ino
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(entry / "ns/net").st_ino == inode:
                    found.append(int(entry.name))
    return found


def remove(full: str) -> None:
    """End what still runs in the namespace and remove it. Removing one that is gone is no error."""
    for pid in processes(full):
        if pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        netns.remove(full)


def in_use() -> list[str]:
    """The namespaces that running processes made, of this machine's every run."""
    return [full for full in netns.listnetns() if _NAME.fullmatch(full) and not abandoned(full)]


def sweep() -> list[str]:
    """Remove the namespaces of runs that ended without cleaning up; returns their names."""
    removed = [full for full in netns.listnetns() if abandoned(full)]
    for full in removed:
        remove(full)
    return removed
