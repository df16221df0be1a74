"""The switch and the controller on a :class:`topo.netns.Network`, as processes of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click import ClickException
from fullnat import compiled
from fullnat.cli.controlclient import ask

from topo.model import SWITCH_PREFIX
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll

TARGETS = ("p4soft", "embedded", "asic", "bmv2")
"""p4soft as a process of its own, inside the controller's, or with the program that edits TCP options as an ASIC does;
and simple_switch_grpc."""
GRPC = "127.0.0.1:9559"
CPU_PORT = 255
Json = dict[str, Any]
START_TIMEOUT = 60.0
"""Seconds for the switch to serve and the controller to push the pipeline; p4soft compiles it the first time."""


def unavailable(target: str) -> str | None:
    """Why ``target`` cannot be used here, or None when it can."""
    if target == "bmv2" and shutil.which("simple_switch_grpc") is None:
        return "simple_switch_grpc is not on PATH"
    return None


def takes_offloads(target: str) -> bool:
    """Whether ``target`` forwards what interfaces with offloads bring: unfinished checksums, super-segments."""
    return target != "bmv2"


def installed(name: str) -> list[str]:
    """The command of our own distribution, from the environment that runs us."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ProcessFailed(f"{name} is not installed: run `make setup`")
    return [found]


class Stack:
    """Starts, asks and kills switch and controller. ``target`` is one of :data:`TARGETS`. ``remote``: the controller is
    on a host of its own, joined to the switch by :meth:`topo.netns.Network.add_management`. ``workers``: packet threads
    of p4soft. ``options``: more of ``fullnat run``."""

    def __init__(
        self,
        network: Network,
        config: str,
        target: str = "p4soft",
        *,
        remote: bool = False,
        workers: int = 1,
        options: Sequence[str] = (),
    ) -> None:
        self.network = network
        self.target = target
        self.config_path = network.logs / "fullnat.toml"
        self.state = network.logs / "state"
        self.socket = network.logs / "control.sock"
        self.switch: Process | None = None
        self.controller: Process | None = None
        self.options = list(options)
        self._workers = workers
        self._starts = 0
        self._grpc, self._controller_host = GRPC, network.topology.switch
        if remote:
            self._controller_host, address = network.add_management()
            self._grpc = f"{address}:9559"
        self.configure(config)

    def configure(self, config: str) -> None:
        """Write the configuration; a running controller reads it at its next start or SIGHUP."""
        self.config_path.write_text(config)

    def start(self) -> None:
        self.start_switch()
        self.start_controller()
        self.wait_ready()

    # -------------------------------------------------------------------------------------------------- processes

    def start_switch(self) -> None:
        """Start the switch; returns once it takes connections. The embedded one comes with the controller."""
        if self.target == "embedded":
            return
        self.switch = self._started("switch", self.target, self._ports(), self._grpc)

    def _started(self, name: str, target: str, ports: list[str], address: str, program: Path | None = None) -> Process:
        """A switch whose P4Runtime is at ``address``, once it takes connections. ``program``: the directory of what
        p4soft runs from the first."""
        self._starts += 1
        if target == "bmv2":
            command = ["simple_switch_grpc", "--no-p4", *ports, "--device-id", "1", "--log-level", "error", "--"]
        else:
            files = (
                (str(program / "fullnat.json"), "--p4info", str(program / "fullnat.p4info.txtpb")) if program else ()
            )
            command = [*installed("p4soft"), *files, *ports, "--device-id", "1", "--workers", str(self._workers)]
        command += ["--grpc-server-addr", address, "--cpu-port", str(CPU_PORT)]
        host = self.network.topology.switch
        process = self.network.start(host, f"{name}{self._starts}", command)

        def listening() -> bool:
            process.check_running()
            return self.network.listens(host, int(address.rpartition(":")[2]))

        poll(listening, START_TIMEOUT, f"{target} listens on {address}")
        return process

    def start_controller(self) -> None:
        """Start the controller; does not wait for it (:meth:`wait_ready`)."""
        self._starts += 1
        command = [*installed("fullnat"), "run", str(self.config_path)]
        if self.target == "embedded":
            command += ["--embedded", *self._ports(), "--cpu-port", str(CPU_PORT), "--workers", str(self._workers)]
        elif self._grpc:
            command += ["--grpc-addr", self._grpc]
        if self.target == "asic":
            command += ["--device-config", str(compiled.directory() / "asic.json")]
        command += ["--state-dir", str(self.state), "--control-socket", str(self.socket), *self.options]
        self.controller = self.network.start(self._controller_host, f"controller{self._starts}", command)

    def wait_ready(self) -> None:
        """Wait until the controller serves the switch. Raises ProcessFailed when either ended."""

        def ready() -> bool:
            for process in (self.switch, self.controller):
                if process is not None:
                    process.check_running()
            try:
                return bool(self.stats()["switch"]["state"] == "serving")
            except ProcessFailed:
                return False

        poll(ready, START_TIMEOUT, "the controller serves the switch", interval=0.1)

    def stop(self) -> None:
        """Stop both. Idempotent."""
        for process in (self.controller, self.switch):
            if process is not None:
                process.stop()

    def _ports(self, prefix: str = SWITCH_PREFIX) -> list[str]:
        """Those of a switch whose interfaces begin so."""
        pairs = [f"{subnet.port}@{prefix}{subnet.port}" for subnet in self.network.topology.subnets]
        return [word for pair in pairs for word in ("-i", pair)]

    # -------------------------------------------------------------------------------------------------- questions
    # Questions go over the control socket as the command line tools send them; a process for each would cost half a
    # second of processor time every time somebody waits for something.

    def sessions(self) -> list[Json]:
        """Every session, as ``fullnat sessions --json`` shows it."""
        return self._ask("sessions")

    def stats(self) -> Json:
        """What ``fullnat stats --json`` shows."""
        return self._ask("stats")[0]

    def _ask(self, command: str) -> list[Json]:
        try:
            return list(ask(self.socket, command))
        except ClickException as error:
            raise ProcessFailed(f"fullnat {command}: {error.message}") from None

    def words(self, *words: str) -> list[str]:
        """The ``fullnat`` command that asks this controller."""
        return [*installed("fullnat"), *words, "--control-socket", str(self.socket)]

    def command(self, *words: str) -> str:
        """What the ``fullnat`` command prints. Raises ProcessFailed when it fails."""
        done = subprocess.run(self.words(*words), capture_output=True, text=True, check=False, timeout=30)
        if done.returncode != 0:
            raise ProcessFailed(f"fullnat {words[0]} ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout
