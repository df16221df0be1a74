"""Several controllers of one switch, and the etcd that they share, as processes of their own on the switch's host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from topo.netns import Network
from topo.process import PROMPT, Process, ProcessFailed, poll
from topo.stack import START_TIMEOUT, Json
from topo.world import World

NAMES = ("a", "b")
PREFIX = "/fullnat/test"
_CLIENTS, _PEERS = 2379, 2380
"""The ports of the first member; those of the next are ten more."""
SECONDS = 20.0


class Members:
    """Of etcd. Each can be killed, and started again with what it had."""

    def __init__(self, network: Network, places: Sequence[tuple[str, str]]) -> None:
        """``places``: the host of each, and its address there."""
        self._network = network
        self._places = {f"m{number}": place for number, place in enumerate(places)}
        self._starts = 0
        self.processes: dict[str, Process] = {}

    @property
    def urls(self) -> list[str]:
        return [self._url(name, _CLIENTS) for name in self._places]

    @property
    def names(self) -> list[str]:
        return list(self._places)

    def host(self, name: str) -> str:
        return self._places[name][0]

    def _url(self, name: str, port: int) -> str:
        return f"http://{self._places[name][1]}:{port + 10 * self.names.index(name)}"

    def start(self, *names: str) -> None:
        """These, or all; returns once they take connections."""
        for name in names or self.names:
            self._starts += 1
            client, peer = self._url(name, _CLIENTS), self._url(name, _PEERS)
            command: list[str | Path] = [*PROMPT, "etcd", "--name", name, "--data-dir", self._network.memory / name]
            command += ["--listen-client-urls", client, "--advertise-client-urls", client]
            command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster"]
            command += [",".join(f"{each}={self._url(each, _PEERS)}" for each in self.names)]
            self.processes[name] = self._network.start(self.host(name), f"etcd-{name}-{self._starts}", command)
        for name in names or self.names:
            poll(partial(self._listens, name), SECONDS, f"etcd {name} listens")

    def _listens(self, name: str) -> bool:
        self.processes[name].check_running()
        return self._network.listens(self.host(name), int(self._url(name, _CLIENTS).rpartition(":")[2]))

    def kill(self, *names: str) -> None:
        """These, or all."""
        for name in names or self.names:
            self.processes[name].kill()

    @property
    def leader(self) -> str:
        """The member that has said last that it has become the leader, in its log."""
        said = {}
        for name, process in self.processes.items():
            lines = [line for line in process.err.read_text().splitlines() if "became leader at term" in line]
            if lines:
                said[name] = int(lines[-1].rpartition("term ")[2].split('"')[0])
        return max(said, key=lambda name: said[name], default=self.names[0])


class Controllers:
    """``world`` is not started; it asks the controller that leads (:meth:`follow`)."""

    def __init__(self, world: World, members: int = 1) -> None:
        self.members = Members(world.network, [(world.network.topology.switch, "127.0.0.1")] * members)
        self.processes: dict[str, Process] = {}
        self._world = world

    def start(self) -> None:
        """Everything; returns once one controller serves and the other stands by."""
        self.members.start()
        self._world.stack.start_switch()
        for name in NAMES:
            self.start_controller(name)
        self.follow()
        poll(lambda: len(self.standing_by) == len(NAMES) - 1, START_TIMEOUT, "the others stand by", 0.1)

    def start_controller(self, name: str) -> None:
        stack = self._world.stack
        stack.state, stack.socket = stack.state.with_name(f"state-{name}"), self.socket(name)
        stack.options = ["--etcd", ",".join(self.members.urls), "--etcd-prefix", PREFIX, "--etcd-name", name]
        stack.start_controller()
        assert stack.controller is not None
        self.processes[name] = stack.controller

    def socket(self, name: str) -> Path:
        """The control socket of a controller."""
        return self._world.network.logs / f"{name}.sock"

    def ask(self, name: str) -> Json | None:
        """The stats of a controller; None: it does not answer."""
        stack = self._world.stack
        before, stack.socket = stack.socket, self.socket(name)
        try:
            return stack.stats()
        except ProcessFailed:
            return None
        finally:
            stack.socket = before

    def reason(self, name: str) -> str | None:
        """What a controller says of its state."""
        stats = self.ask(name)
        return None if stats is None else str(stats["switch"]["reason"])

    def _states(self) -> dict[str, str]:
        found = {name: self.ask(name) for name, process in self.processes.items() if process.running}
        return {name: stats["switch"]["state"] for name, stats in found.items() if stats is not None}

    @property
    def standing_by(self) -> list[str]:
        return [name for name, state in self._states().items() if state == "standby"]

    def follow(self) -> str:
        """Have the world ask the one that serves, once there is one; its name."""

        def serving() -> str | None:
            return next((name for name, state in self._states().items() if state == "serving"), None)

        name = poll(serving, START_TIMEOUT, "a controller serves", 0.05)
        assert name is not None
        stack = self._world.stack
        stack.socket, stack.controller = self.socket(name), self.processes[name]
        return name
