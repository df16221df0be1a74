"""FRR on hosts of a :class:`topo.netns.Network`: zebra, bgpd and bfdd, each a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from topo.netns import Network
from topo.process import PROMPT, Process, ProcessFailed, poll

DAEMONS = Path("/usr/lib/frr")
_ORDER = ("zebra", "bgpd", "bfdd")
SECONDS = 10.0


def unavailable() -> str | None:
    """Why FRR cannot be used here, or None when it can."""
    missing = [name for name in _ORDER if not (DAEMONS / name).exists()]
    if missing or shutil.which("vtysh") is None:
        return f"FRR is not installed ({', '.join(missing) or 'vtysh'}; Debian's package frr)"
    return None


class Frr:
    """On one host; ``config`` is what it is told at every start."""

    def __init__(self, network: Network, host: str, config: str = "") -> None:
        self.host = host
        self.directory = network.logs / f"frr-{host}"
        self.processes: dict[str, Process] = {}
        self._network = network
        self._config = config
        self._starts = 0
        self.directory.mkdir()
        network.logs.chmod(0o755)
        shutil.chown(self.directory, "frr", "frr")

    @property
    def words(self) -> list[str]:
        """The command that runs its vtysh, wherever it is called."""
        return ["vtysh", "--vty_socket", str(self.directory)]

    def start(self) -> None:
        """Start all that does not run; returns once each takes commands."""
        self._starts += 1
        common: list[str | Path] = [
            "--vty_socket",
            self.directory,
            "-z",
            self.directory / "zserv.api",
            "-f",
            os.devnull,
            "-A",
            "127.0.0.1",
        ]
        for name in _ORDER:
            if name in self.processes and self.processes[name].running:
                continue
            (self.directory / f"{name}.vty").unlink(missing_ok=True)
            (self.directory / f"{name}.pid").unlink(missing_ok=True)
            command: list[str | Path] = [*PROMPT, DAEMONS / name, *common, "-i", self.directory / f"{name}.pid"]
            command += ["--bfdctl", self.directory / "bfdd.sock"] if name == "bfdd" else []
            process = self._network.start(self.host, f"{name}-{self.host}-{self._starts}", command)
            self.processes[name] = process
            poll((self.directory / f"{name}.vty").exists, SECONDS, f"{name} on {self.host} takes commands")
        if self._config:
            self.tell(self._config)

    def kill(self) -> None:
        """kill -9 of all of it."""
        for process in self.processes.values():
            process.kill()

    def tell(self, text: str) -> str:
        """What vtysh answers to lines of commands."""
        done = subprocess.run(self.words, input=text, capture_output=True, text=True, check=False, timeout=SECONDS)
        if done.returncode != 0:
            raise ProcessFailed(f"vtysh on {self.host}: {done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, command: str) -> str:
        """What it shows."""
        return self.tell(f"{command}\n")

    def routes(self) -> dict[str, set[str]]:
        """The gateways of each prefix that the kernel has by BGP."""
        with self._network.inside(self.host):
            text = subprocess.run(["ip", "route", "show", "proto", "bgp"], capture_output=True, text=True, check=True)
        found: dict[str, set[str]] = {}
        prefix = ""
        for line in text.stdout.splitlines():
            words = line.split()
            if not line.startswith(("\t", " ")):
                prefix = words[0]
                found[prefix] = set()
            if "via" in words:
                found[prefix].add(words[words.index("via") + 1])
        return found
