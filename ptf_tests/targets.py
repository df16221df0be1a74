"""The switches that the suite runs on, and everything in which they differ."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from p4soft.engine.native import NativeEngine

from ptf_tests.dataplane import MemoryDataplane, SocketDataplane
from ptf_tests.witness import WitnessedEngine
from topo import shell
from topo.process import poll

CPU_PORT = 255
PORTS = (1, 2, 3)
DEVICE_ID = 1
START_SECONDS = 30.0

COMPILED = Path(__file__).resolve().parent.parent / "p4src" / "compiled"

CAPABILITIES = {
    "followed": "every packet is followed by a trace beforehand",
    "runt-frames": "frames shorter than an Ethernet header reach the parser",
    "register-read": "P4Runtime reads registers",
    "idle-times": "idle entries are reported, and how long they have been idle",
    "resource-exhausted": "an insert into a full table is refused with RESOURCE_EXHAUSTED",
    "second-opinion": "the switch is another than p4soft, with which it is compared",
    "ip-options": "IPv4 options are parsed, so what is behind them is looked at",
    "frame-length": "the pipeline knows how long the frame is",
    "session-bytes": "a session's bytes are counted beside its packets",
    "validated-hits": "a malformed segment is not looked up, and so counts as no hit of its session",
    "toa-in-timestamps": "where data fill the MTU, TOA takes the place of timestamps",
    "judged-segments": "registers follow both sides, so that RST, FIN and ACK are judged by their numbers",
    "tunnels": "packets to real servers get an outer header",
    "fragments": "fragments of a session's packets follow their first one; others drop them",
    "ipsec": "AH and ESP go with the session of IKE between the same addresses; others drop them",
    "policies": "it is known who may use a service, and how often",
    "service-match": "services of all ports of an address, and by match",
    "snat": "hosts inside go out by rules, through public addresses",
    "ipv6": "sessions, services, routes and neighbors of IPv6",
    "families": "sessions whose client and server are of different families; others drop them",
    "nd-answers": "the switch itself answers neighbor solicitations; others leave them to the controller",
    "icmp-errors": "the data plane translates ICMP errors; others leave those to addresses of ours to the controller",
    "proxy-protocol": "a header in front of what clients send; others are refused a configuration that asks for it",
    "syn-cookies": "SYNs are answered with cookies; others refuse a configuration that asks for them",
    "vlans": "a port has interfaces by VLAN, and a frame keeps its priority; others drop the tags of VLANs",
    "stateless": "flows of services without sessions go to a real server by their hash",
    "echo-rate": "echo requests are answered up to a rate",
    "tells-senders": "what ends by TTL or MTU goes to the controller, which tells its sender",
    "any-options": "the data plane edits any list of TCP options; others leave the uncommon ones to the controller",
    # BMv2 (PI/src/pi_tables_imp.cpp, _pi_table_entry_get_remaining_ttl) multiplies milliseconds by 10^6 in 32 bits.
    "long-since-hit": "time_since_last_hit is right for idle timeouts above 4.29 s",
}
"""What a target may or may not be able to do; a test that needs one says ``@requires(name)``."""


ASIC = COMPILED / "asic.json"
"""The ASIC's program on v1model."""
ASIC_LACKS = {
    "any-options",
    "echo-rate",
    "families",
    "fragments",
    "icmp-errors",
    "ipsec",
    "judged-segments",
    "nd-answers",
    "proxy-protocol",
    "syn-cookies",
    "tells-senders",
    "toa-in-timestamps",
    "tunnels",
    "validated-hits",
}


class TargetUnavailable(Exception):
    """This target cannot run here; the message says why."""


class Target(ABC):
    """One switch: its ports, how to start and stop it, and how frames go in and out."""

    name: ClassVar[str]
    p4info = COMPILED / "fullnat.p4info.txtpb"
    device_config = COMPILED / "fullnat.json"
    """What it runs."""
    capabilities: ClassVar[frozenset[str]]
    idle_resolution: ClassVar[float]
    """Seconds by which an idle notification may be late."""

    address: str
    """Where its P4Runtime server listens, once started."""
    dataplane: Any
    """Stands for PTF's ``test.dataplane``, once started."""

    @abstractmethod
    def start(self) -> None:
        """Raises TargetUnavailable."""

    @abstractmethod
    def stop(self) -> None:
        """Free everything that start() took. Idempotent."""

    def check(self) -> None:  # noqa: B027  (only one that is followed has something to say)
        """Raises AssertionError if a packet of the test that ends fared otherwise than its trace said."""

    def unchanged_tables(self) -> AbstractContextManager[None]:
        """Nobody writes to tables meanwhile, so that one that is followed need not read them for each packet."""
        return contextlib.nullcontext()


class P4softInProcess(Target):
    """p4soft in this process, with in-process ports: needs no privileges."""

    name = "p4soft"
    capabilities = frozenset(CAPABILITIES) - {"second-opinion"}
    idle_resolution = 0.5

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="p4soft", daemon=True)
        self._switch: Any = None

    def start(self) -> None:
        self._thread.start()
        try:
            self._switch = self._run(self._start())
        except BaseException:
            self.stop()
            raise
        self.address = self._switch.address
        self.dataplane = MemoryDataplane(self._switch.engine)

    async def _start(self) -> Any:
        from p4soft.embedded import Switch

        ports: dict[int, str | None] = dict.fromkeys(PORTS)
        address = "127.0.0.1:0"
        switch = Switch(DEVICE_ID, CPU_PORT, address, ports, engine_factory=self.make_engine)
        await switch.start()
        return switch

    def make_engine(self, device_id: int, cpu_port: int | None) -> NativeEngine:
        return WitnessedEngine(device_id, cpu_port)

    def check(self) -> None:
        self._switch.engine.check()

    def unchanged_tables(self) -> AbstractContextManager[None]:
        found: AbstractContextManager[None] = self._switch.engine.unchanged_tables()
        return found

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def stop(self) -> None:
        if self._switch is not None:
            self._run(self._switch.stop())
            self._switch = None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)


class P4softLogging(P4softInProcess):
    """The same, compiled for tracing, and with the log of all packets."""

    def __init__(self) -> None:
        super().__init__()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115

    def make_engine(self, device_id: int, cpu_port: int | None) -> NativeEngine:
        engine = WitnessedEngine(device_id, cpu_port)
        engine.traces = []
        engine.start_trace(self._log.fileno())
        return engine

    def traces(self) -> list[Any]:
        """Those of all packets, in their order."""
        return list(self._switch.engine.traces)

    def written(self) -> dict[int, list[str]]:
        """The lines of the log by the packet's number."""
        self._log.seek(0)
        lines: dict[int, list[str]] = {}
        for line in self._log.read().decode().splitlines():
            found = re.fullmatch(r"\[[^]]+\] \[p4soft\] \[trace\] \[(\d+)\.0\] \[cxt 0\] (.*)", line)
            assert found is not None, line
            lines.setdefault(int(found[1]), []).append(found[2])
        return lines

    def stop(self) -> None:
        super().stop()
        self._log.close()


class P4softAsic(P4softInProcess):
    """The same with the ASIC's program: its order of controls, its way through egress, its TCP options by layout."""

    name = "p4soft-asic"
    device_config = ASIC
    capabilities = P4softInProcess.capabilities - ASIC_LACKS


class ProcessTarget(Target):
    """A switch in its own process, on veth pairs; needs root."""

    executable: ClassVar[str]

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._names: list[str] = []
        self._log = tempfile.NamedTemporaryFile(prefix=f"ptf-{self.name}-", suffix=".log")  # noqa: SIM115

    @abstractmethod
    def arguments(self, interfaces: Sequence[str]) -> list[str]:
        """The arguments of the program; ``interfaces`` as port@interface."""

    def start(self) -> None:
        # A program of our own stands beside the interpreter, on PATH or not.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        executable = shutil.which(self.executable, path=path)
        if executable is None:
            raise TargetUnavailable(f"{self.executable} is not on PATH")
        if os.geteuid() != 0:
            raise TargetUnavailable("veth pairs need root")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        try:
            # Distinct names let two runs share a machine; an interface name has at most 15 characters.
            tester = {port: f"pt{os.getpid()}t{port}" for port in PORTS}
            switch = {port: f"pt{os.getpid()}s{port}" for port in PORTS}
            for port in PORTS:
                self._add_pair(tester[port], switch[port])
            arguments = self.arguments([f"{port}@{name}" for port, name in switch.items()])
            self._process = subprocess.Popen([executable, *arguments], stdout=self._log, stderr=subprocess.STDOUT)
            self._wait_until_served(self._process)
            self.dataplane = SocketDataplane(tester)
        except BaseException:
            self.stop()
            raise

    def _wait_until_served(self, process: subprocess.Popen[bytes]) -> None:
        """Raises RuntimeError with what the program said, if it ends instead or takes too long."""

        def served_or_ended() -> bool:
            return process.poll() is not None or shell.listens(self.address)

        with contextlib.suppress(TimeoutError):
            poll(served_or_ended, START_SECONDS, f"{self.executable} listens")
            if process.poll() is None:
                return
        said = Path(self._log.name).read_text(errors="replace").strip()[-1000:]
        raise RuntimeError(f"{self.executable} does not serve {self.address}: {said or 'it said nothing'}")

    def _add_pair(self, tester: str, switch: str) -> None:
        from pyroute2 import IPRoute

        with IPRoute() as ip:
            ip.link("add", ifname=tester, kind="veth", peer=switch)
            self._names.append(tester)
            for name in (tester, switch):
                # The kernel itself must send nothing: no neighbor discovery, no ARP.
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
                ip.link("set", index=ip.link_lookup(ifname=name)[0], mtu=9000, arp=False, state="up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if hasattr(self, "dataplane"):
            self.dataplane.close()
        if self._names:
            from pyroute2 import IPRoute

            with IPRoute() as ip:
                for name in self._names:
                    for index in ip.link_lookup(ifname=name):
                        ip.link("del", index=index)
            self._names.clear()
        self._log.close()


class P4softVeth(ProcessTarget):
    """p4soft as a process, on veth pairs."""

    name = "p4soft-veth"
    capabilities = frozenset(CAPABILITIES) - {"followed", "runt-frames", "second-opinion"}
    idle_resolution = 0.5
    executable = "p4soft"

    def arguments(self, interfaces: Sequence[str]) -> list[str]:
        ports = [argument for interface in interfaces for argument in ("-i", interface)]
        common = ["--device-id", str(DEVICE_ID), "--grpc-server-addr", self.address, "--cpu-port", str(CPU_PORT)]
        return [*ports, *common]


class Bmv2(ProcessTarget):
    """simple_switch_grpc of the behavioral model, on veth pairs."""

    name = "bmv2"
    capabilities = frozenset(CAPABILITIES).difference(
        ("followed", "runt-frames", "register-read", "resource-exhausted", "long-since-hit")
    )
    idle_resolution = 3.0
    executable = "simple_switch_grpc"

    def arguments(self, interfaces: Sequence[str]) -> list[str]:
        ports = [argument for interface in interfaces for argument in ("-i", interface)]
        own = ["--grpc-server-addr", self.address, "--cpu-port", str(CPU_PORT)]
        return ["--no-p4", *ports, "--device-id", str(DEVICE_ID), "--log-level", "off", "--", *own]


class Bmv2Asic(Bmv2):
    """The same with the ASIC's program."""

    name = "bmv2-asic"
    device_config = ASIC
    capabilities = Bmv2.capabilities - ASIC_LACKS - {"second-opinion"}


class External(Target):
    """A running switch that PTF's own runner is connected to; ``start`` only remembers where it is."""

    name = "external"
    capabilities = Bmv2.capabilities - {"second-opinion"}
    idle_resolution = 3.0

    def __init__(self, address: str, dataplane: Any, device_config: str | None = None) -> None:
        self.address = address
        self.dataplane = dataplane
        if device_config is not None:
            self.device_config = Path(device_config)

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


TARGETS: dict[str, type[P4softInProcess] | type[P4softVeth] | type[Bmv2]] = {
    target.name: target for target in (P4softInProcess, P4softAsic, P4softVeth, Bmv2, Bmv2Asic)
}
