"""A Debian in a directory with systemd as its process 1, in namespaces of its own, on a host of our network.

It sees its own processes, mounts, interfaces and control groups, and no device but those without hardware behind them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from topo.netns import Network
from topo.process import Process, poll

PACKAGES = "systemd,init-system-helpers"
"""What :func:`install.debkit.bootstrap` needs besides."""
_SECONDS = 60
_ENVIRONMENT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--uts", "--ipc")
_BOOT = """
set -e
echo 0 > "$2/cgroup.procs"
exec unshare "$@" sh -ec "$INSIDE" sh "$1"
"""
_INSIDE = """
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
exec chroot "$root" env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal
"""
_NUMBERS = itertools.count(1)


class NoSystemd(Exception):
    """systemd cannot be process 1 here; the message says why."""


def _groups() -> Path:
    """Where the control groups of version 2 are."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(place)
    raise NoSystemd("there are no control groups of version 2 that can be written to")


class Machine:
    """One that runs. Use :func:`booted`."""

    def __init__(self, root: Path, process: Process, init: int) -> None:
        self.root = root
        self.process = process
        self._enter = ["nsenter", "--target", str(init), "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net"]
        self._enter += ["--root", "--wd", *_ENVIRONMENT]

    def run(self, *command: str, status: int = 0, limit: float = 120) -> str:
        """What a command prints in there."""
        words = [*self._enter, *command]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit)
        assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def install(self, package: Path) -> None:
        """As the documents say, by apt; what the package depends on is there."""
        place = self.root / "var" / package.name
        shutil.copy(package, place)
        try:
            self.run("apt-get", "install", "--yes", "--no-install-recommends", f"/var/{package.name}", limit=300)
        finally:
            place.unlink()

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def main_pid(self, unit: str) -> int:
        return int(self.property(unit, "MainPID"))

    def active(self, unit: str) -> bool:
        return self.property(unit, "ActiveState") == "active"

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output", "cat", "--unit", unit)


@contextlib.contextmanager
def booted(root: Path, network: Network, host: str) -> Iterator[Machine]:
    """The machine in ``root``, on ``host`` of ``network``, until the body ends. Raises NoSystemd."""
    group = _groups() / f"fullnat-test-{os.getpid()}-{next(_NUMBERS)}"
    try:
        group.mkdir()
    except OSError as error:
        raise NoSystemd(f"no control group can be made: {error.strerror}") from None
    boot = _BOOT.replace('"$@"', " ".join(_NAMESPACES))
    try:
        command = ["sh", "-ec", boot, "sh", str(root), str(group)]
        process = network.start(host, "systemd", command, env={"INSIDE": _INSIDE})
        try:
            machine = Machine(root, process, _init(process))
            poll(lambda: _is_up(machine), _SECONDS, "systemd has started everything", 0.2)
            yield machine
            machine.run("systemctl", "poweroff", "--no-block")
            with contextlib.suppress(TimeoutError):
                process.wait(_SECONDS)
        finally:
            process.signal(signal.SIGKILL)
            process.kill()
    finally:
        _remove(group)


def _init(process: Process) -> int:
    """Process 1 of the machine, by its number here."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def found() -> int | None:
        if not process.running:
            raise NoSystemd(f"the machine cannot be made: {process.err.read_text().strip()[-300:]}")
        for child in children.read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return None

    return poll(found, _SECONDS, "systemd is process 1", 0.05) or 0


def _is_up(machine: Machine) -> bool:
    machine.process.check_running()
    command = ["systemctl", "is-system-running"]
    with contextlib.suppress(AssertionError):
        return machine.run(*command).strip() == "running"
    # Something that is not ours may fail in here.
    with contextlib.suppress(AssertionError):
        return machine.run(*command, status=1).strip() == "degraded"
    return False


def _remove(group: Path) -> None:
    """With all below it, as soon as the kernel has buried the processes."""

    def gone() -> bool:
        for place in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                place.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
        return not group.exists()

    poll(gone, _SECONDS, f"nobody is left in {group}", 0.1)
