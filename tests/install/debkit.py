"""A Debian of its own in a directory, with our package and its services in it, without systemd."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from install.unitkit import Unit
from topo.netns import Network
from topo.process import Process, poll

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PACKAGES = "python3,adduser,libstdc++6"
"""Beside the essential ones: what the package depends on, which apt-get would bring and dpkg does not."""
MINUTES = 20
UNITS = Path("usr/lib/systemd/system")
_NO_EXEC_GAIN = """
import ctypes, os, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_OTHERS = (
    "var/cache/",
    "var/log/",
    "var/lib/apt/",
    "var/lib/dpkg/",
    "var/lib/systemd/",
    "run/",
    "tmp/",
    "dev/",
    "proc/",
    "root/",
)
"""Where other packages write when ours comes and goes."""
_BACKUPS = {"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-"}


class NoDebian(Exception):
    """No Debian can be had here; the message says why."""


def _mirror() -> str:
    """The mirror that this machine's own packages come from."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(RELEASE)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        uri, _, rest = line.partition(" ")
        if rest.startswith("Debian ") and "security" not in rest and "updates" not in rest:
            return uri
    raise NoDebian("apt knows no mirror of Debian")


def bootstrap(release: str, root: Path, more: str = "") -> None:
    """A minimal ``release`` in ``root``, with what our package depends on, and ``more``. Raises NoDebian."""
    if shutil.which("debootstrap") is None or shutil.which("apt-get") is None:
        raise NoDebian("debootstrap or apt-get is not installed")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(filter(None, (PACKAGES, more)))}"]
    command += [f"--keyring={KEYRING}"] if KEYRING.exists() else []
    command += [release, str(root), _mirror()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
    if done.returncode != 0:
        raise NoDebian(f"debootstrap {release}: {(done.stdout + done.stderr).strip()[-300:]}")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory for a root. debootstrap mounts /proc in there, and leaves it when it is interrupted: nothing that is
    mounted is removed with the directory."""
    place = Path(tempfile.mkdtemp(prefix="fullnat-debian-"))
    try:
        yield place
    finally:
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for path in sorted((path for path in mounted if path.startswith(f"{place}/")), reverse=True):
            subprocess.run(["umount", "--lazy", path], check=True)
        subprocess.run(["rm", "-rf", "--one-file-system", str(place)], check=True)


class Debian:
    """One that is in ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.services: dict[str, Process] = {}
        self._starts = 0

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """With /proc, which Python and p4soft read; everything is ended and unmounted at the end."""
        subprocess.run(["mount", "-t", "proc", "proc", str(self.root / "proc")], check=True)
        try:
            yield
        finally:
            for process in self.services.values():
                process.stop()
            subprocess.run(["umount", "--lazy", str(self.root / "proc")], check=True)

    def run(self, *command: str, status: int = 0) -> str:
        """What a command prints in there."""
        words = ["chroot", str(self.root), *command]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def install(self, package: Path) -> str:
        """As the documents say, by apt; what the package depends on is there."""
        shutil.copy(package, self.root / "tmp" / package.name)
        try:
            words = ("apt-get", "install", "--yes", "--no-install-recommends")
            return self.run(*words, f"/tmp/{package.name}")
        finally:
            (self.root / "tmp" / package.name).unlink()

    def files(self) -> set[str]:
        """Everything that is there, but for what other packages make and remove as they like."""
        command = ["find", ".", "-xdev", "-printf", "%P\\n"]
        found = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout.split("\n")
        return {name for name in found if not name.startswith(_OTHERS)} - _BACKUPS

    def ours(self) -> set[str]:
        """What is anywhere there with our names in its own."""
        command = ["find", ".", "-xdev", "(", "-name", "*fullnat*", "-o", "-name", "*p4soft*", ")", "-printf", "%P\\n"]
        found = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout.split()
        return set(found)

    # ------------------------------------------------------------------------------------------------ services

    def start(self, name: str, network: Network) -> None:
        """Start a service as systemd does, as its user and with its capabilities, and wait until it is ready."""
        unit = Unit.read(self.root / UNITS / f"{name}.service")
        user = unit.one("User")
        for kind, place in (("Runtime", "run"), ("State", "var/lib"), ("Cache", "var/cache"), ("Logs", "var/log")):
            for directory in unit.settings[f"{kind}Directory"]:
                self.run("install", "-d", "-o", user, "-g", user, "-m", "0750", f"/{place}/{directory}")
        manager = self.root / "run" / f"notify-{name}"
        manager.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
            listener.bind(str(manager))
            manager.chmod(0o777)
            environment = unit.environment(self.root)
            command = self._command(unit, environment, f"/run/notify-{name}")
            self._starts += 1
            process = self.services[name] = network.start(network.topology.switch, f"{name}-{self._starts}", command)

            def ready() -> bool:
                process.check_running()
                with contextlib.suppress(BlockingIOError):
                    return listener.recv(4096).startswith(b"READY=1")
                return False

            poll(ready, 60, f"{name} is ready")

    def _command(self, unit: Unit, environment: Mapping[str, str], manager: str) -> list[str]:
        user = unit.one("User")
        wanted = [name.removeprefix("CAP_").lower() for name in unit.one("CapabilityBoundingSet").split()]
        capabilities = ",".join(["-all", *(f"+{name}" for name in wanted)])
        words = ["chroot", str(self.root), "/usr/bin/python3", "-c", _NO_EXEC_GAIN, "setpriv", "--no-new-privs"]
        words += ["--reuid", user, "--regid", user, "--clear-groups", f"--bounding-set={capabilities}"]
        words += [f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", "env", "-i"]
        words += ["PATH=/usr/sbin:/usr/bin", f"NOTIFY_SOCKET={manager}"]
        words += [f"{name}={value}" for name, value in environment.items()]
        return [*words, *unit.command(environment)]

    def stop(self, name: str) -> None:
        assert self.services.pop(name).stop() == 0

    def stats(self) -> dict[str, Any]:
        return dict(json.loads(self.run("fullnat", "stats", "--json")))

    def serving(self) -> None:
        """Wait until the controller serves its switch."""
        poll(lambda: self.stats()["switch"]["state"] == "serving", 60, "the controller serves the switch", 0.5)


def later(package: Path, version: str, place: Path) -> Path:
    """The same package as if it were of a later ``version``."""
    tree = place / "later"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in control.read_text().split("\n")]
    control.write_text("\n".join(lines))
    target = place / f"fullnat_{version}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    shutil.rmtree(tree)
    return target
