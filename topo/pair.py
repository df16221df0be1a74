"""Two switches on one network, of which one is active: a switch more beside that of a :class:`topo.stack.Stack`, and a
controller that has them as a group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topo.model import SWITCH_PREFIX
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.stack import START_TIMEOUT, Json, Stack

NAMES = ("a", "b")
_PREFIXES = {"a": SWITCH_PREFIX, "b": "sx"}
ADDRESSES = {"a": "127.0.0.1:9559", "b": "127.0.0.1:9560"}


def section(name: str) -> str:
    """That of the configuration."""
    return f'[[switch]]\nname = "{name}"\ngrpc_addr = "{ADDRESSES[name]}"\n\n'


class Pair(Stack):
    """``targets``: what the switches a and b are, p4soft or bmv2. ``options``: more of ``fullnat run``."""

    def __init__(
        self,
        network: Network,
        config: str,
        targets: tuple[str, str] = ("p4soft", "p4soft"),
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(network, config + "\n" + "".join(map(section, NAMES)), options=options)
        self.switches: dict[str, Process] = {}
        self._targets = dict(zip(NAMES, targets, strict=True))
        self._grpc = ""
        network.add_uplinks(_PREFIXES["b"])

    def start(self) -> None:
        for name in NAMES:
            self.start_one(name)
        self.start_controller()
        self.wait_ready()
        self.wait_full()

    def start_one(self, name: str, program: Path | None = None) -> None:
        """Start a switch, with the program of a directory or none; returns once it takes connections."""
        self.switches[name] = self._started(
            f"switch-{name}", self._targets[name], self._ports(_PREFIXES[name]), ADDRESSES[name], program
        )

    def stop(self) -> None:
        super().stop()
        for process in self.switches.values():
            process.stop()

    def members(self) -> dict[str, Json]:
        """What is known of each switch, by name."""
        return {each["name"]: each for each in self._ask("switches")}

    def active(self) -> str | None:
        return next((name for name, each in self.members().items() if each["role"] == "active"), None)

    def wait_full(self, names: tuple[str, ...] = NAMES) -> None:
        """Until these hold everything, and one is active."""

        def full() -> bool:
            try:
                members = self.members()
            except ProcessFailed:
                return False
            roles = [members[name]["role"] for name in names]
            return roles.count("active") == 1 and roles.count("standby") == len(names) - 1

        poll(full, START_TIMEOUT, f"{', '.join(names)} are full", interval=0.05)
