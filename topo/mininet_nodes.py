"""P4 switches as mininet nodes: p4soft, and BMv2's simple_switch_grpc, with the same parameters.

Stands alone, so that other mininet scripts can use it, and mn(8) itself::

    mn --custom topo/mininet_nodes.py --switch p4soft --controller none --topo single,3

Ports are numbered as in mininet: the first link of a switch is port 1. Each switch serves P4Runtime at
127.0.0.1:9558 + device id in the network namespace that it is in (mininet's default is the machine's own).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mininet.log import info, warn
from mininet.node import Switch

_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
_LISTEN = "0A"
FIRST_GRPC_PORT = 9559
START_TIMEOUT = 60.0
"""Seconds until the switch takes connections."""


class SwitchFailed(Exception):
    """The switch could not be started, or ended by itself."""


class P4RuntimeSwitch(Switch):  # type: ignore[misc]
    """A P4 switch in a process of its own, controlled over P4Runtime.

    device_id: number from the name (s3: 3) or 1; grpc_addr: where to serve P4Runtime; json and p4info: a compiled
    program to load at once, else one comes over P4Runtime; log_dir: for <name>.log.
    """

    controlIntf = None  # noqa: N815, RUF100 -- mininet asks for it, and sets it only outside of namespaces
    program = ""
    wants = ""
    """Where the program comes from, for whoever misses it."""
    takes_offloads = False
    """Whether it forwards unfinished checksums and segments above the MTU as the packets that they stand for."""

    def __init__(
        self,
        name: str,
        device_id: int | None = None,
        grpc_addr: str | None = None,
        cpu_port: int = 255,
        json: str | None = None,
        p4info: str | None = None,
        log_dir: str | Path = "/tmp",
        **params: Any,
    ) -> None:
        digits = "".join(c for c in name if c.isdigit())
        self.device_id = int(device_id) if device_id is not None else int(digits or 1)
        self.grpc_addr = grpc_addr or f"127.0.0.1:{FIRST_GRPC_PORT + self.device_id - 1}"
        self.cpu_port = int(cpu_port)
        self.json, self.p4info = json, p4info
        self.log = Path(log_dir) / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        super().__init__(name, dpid=f"{self.device_id:x}", **params)

    def command(self, program: str) -> list[str]:
        """The command line that starts the switch."""
        raise NotImplementedError

    def port_arguments(self) -> list[str]:
        ports = [(port, intf.name) for port, intf in sorted(self.intfs.items()) if intf.name != "lo"]
        return [word for port, name in ports for word in ("-i", f"{port}@{name}")]

    def start(self, controllers: object) -> None:
        """Start the process and wait until it serves P4Runtime. Raises SwitchFailed."""
        program = self._find()
        self._prepare_wires()
        with self.log.open("ab") as log:
            self.process = self.popen(
                [*_END_WITH_PARENT, *self.command(program)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._listening():
            if self.process.poll() is not None:
                raise SwitchFailed(f"{self.program} ended with status {self.process.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise SwitchFailed(f"{self.program} does not listen on {self.grpc_addr} after {START_TIMEOUT:g} s")
            time.sleep(0.05)
        info(f"{self.name}: {self.program}, P4Runtime at {self.grpc_addr}, device {self.device_id}\n")

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, deleteIntfs: bool = True) -> None:
        """End the process, as mininet does at the end. Idempotent."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None
        super().stop(deleteIntfs)

    def _find(self) -> str:
        beside = str(Path(sys.executable).parent)
        found = shutil.which(self.program, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))
        if found is None:
            raise SwitchFailed(f"{self.program} is not on PATH: {self.wants}")
        return found

    def _prepare_wires(self) -> None:
        """No IPv6 of the kernel's own from the switch's end of any wire; and where the switch wants it, no unfinished
        checksums and no segments above the MTU on it."""
        for intf in self.intfList():
            if intf.link is None:
                continue
            if not self.takes_offloads:
                for end in (intf.link.intf1, intf.link.intf2):
                    self._disable_offloads(end)
            self.cmd(f"sysctl -q -w net.ipv6.conf.{intf.name}.disable_ipv6=1")

    @staticmethod
    def _disable_offloads(end: Any) -> None:
        if shutil.which("ethtool"):
            end.node.cmd(f"ethtool -K {end.name} tx off tso off gso off gro off")
        else:
            warn(f"{end.name}: checksums stay unfinished without ethtool: apt-get install ethtool\n")

    def _listening(self) -> bool:
        port = f":{int(self.grpc_addr.rpartition(':')[2]):04X}"
        text = "".join(Path(f"/proc/{self.pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
        rows = [line.split() for line in text.splitlines()]
        return any(row[1].endswith(port) and row[3] == _LISTEN for row in rows)

    def _last_words(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:])


class P4softSwitch(P4RuntimeSwitch):
    """p4soft. Drop-in for a BMv2 node: the same parameters, ports, P4Runtime and artifacts.

    workers: packet threads; spread: "flow" or "port", how packets are spread among several.
    """

    program = "p4soft"
    wants = "`make setup`, then add the .venv/bin directory to PATH"
    takes_offloads = True

    def __init__(self, name: str, workers: int = 1, spread: str = "flow", **params: Any) -> None:
        self.workers, self.spread = int(workers), spread
        super().__init__(name, **params)

    def command(self, program: str) -> list[str]:
        own = ["--device-id", str(self.device_id), "--grpc-server-addr", self.grpc_addr]
        what = ["--p4info", str(self.p4info), self.json] if self.json else ["--no-p4"]
        threads = ["--workers", str(self.workers), "--spread", self.spread]
        return [program, *what, *self.port_arguments(), *own, "--cpu-port", str(self.cpu_port), *threads]


class Bmv2Switch(P4RuntimeSwitch):
    """simple_switch_grpc of the behavioral model. Does without ``p4info``."""

    program = "simple_switch_grpc"
    wants = "docs/installing-p4c.md says how to install it"

    def command(self, program: str) -> list[str]:
        what = [self.json] if self.json else ["--no-p4"]
        own = ["--device-id", str(self.device_id), "--log-level", "error"]
        grpc = ["--", "--grpc-server-addr", self.grpc_addr, "--cpu-port", str(self.cpu_port)]
        return [program, *what, *self.port_arguments(), *own, *grpc]


SWITCHES = {"p4soft": P4softSwitch, "bmv2": Bmv2Switch}
switches = SWITCHES
"""By this name mn(8) finds them in a --custom file."""
