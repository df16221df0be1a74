"""Has the planned faults happen, each to whoever is in its role at that moment, and end again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import partial

from click import ClickException
from fullnat.cli.controlclient import tell

from chaos.clocks import Clocks
from chaos.plan import KINDS, Fault, Of
from topo.cluster import ADDRESSES, SWITCHES, Cluster
from topo.process import Process

HOUR = 3600.0
Undo = Callable[[], None]
Begun = tuple[str, Undo] | None
"""Whom it has hit, and what ends it; None: it was not the time for it."""


def _nothing() -> None:
    return


class Faults:
    """Of one cluster. A switch is hurt only while both hold everything: of two that lack something the last one that
    has it must not be the next to go."""

    def __init__(self, cluster: Cluster, clocks: Clocks) -> None:
        self._cluster = cluster
        self._clocks = clocks
        self._hurt: set[str] = set()
        """Kinds of faults that are not over."""

    def begin(self, fault: Fault) -> Begun:
        kind = KINDS[fault.kind]
        if kind.of is Of.SWITCH and not self._switches_are_well():
            return None
        begun = ACTIONS[fault.kind](self)
        if begun is None:
            return None
        self._hurt.add(fault.kind)
        whom, undo = begun
        return whom, partial(self._end, fault.kind, undo)

    def _end(self, kind: str, undo: Undo) -> None:
        undo()
        self._hurt.discard(kind)

    def _switches_are_well(self) -> bool:
        roles = [each["role"] for each in self._cluster.roles().values()]
        return sorted(roles) == ["active", "standby"] and not any(KINDS[kind].of is Of.SWITCH for kind in self._hurt)

    # ---- whom

    def _switch(self, role: str) -> str | None:
        return next((name for name, each in self._cluster.roles().items() if each["role"] == role), None)

    def _other(self) -> str | None:
        leader = self._cluster.follow()
        states = self._cluster.states()
        return next((name for name in states if leader is not None and name != leader), None)

    def _member(self) -> str | None:
        """The one that etcd is led by."""
        members = self._cluster.members_of_etcd
        leader = members.leader
        return leader if members.processes[leader].running else None

    # ---- what

    def kill_switch(self, role: str) -> Begun:
        if (name := self._switch(role)) is None:
            return None
        self._cluster.switches[name].kill()
        return name, partial(self._cluster.start_one, name)

    def stop_switch(self, role: str) -> Begun:
        name = self._switch(role)
        return None if name is None else (name, _stopped(self._cluster.switches[name]))

    def kill_controller(self, leads: bool) -> Begun:
        name = self._cluster.follow() if leads else self._other()
        if name is None:
            return None
        self._cluster.controllers[name].kill()
        return name, partial(self._cluster.start_controller_of, name)

    def end_leader(self) -> Begun:
        if (name := self._cluster.follow()) is None:
            return None
        self._cluster.controllers[name].signal(signal.SIGTERM)

        def again() -> None:
            self._cluster.controllers[name].wait(20)
            self._cluster.start_controller_of(name)

        return name, again

    def stop_leader(self) -> Begun:
        if (name := self._cluster.follow()) is None:
            return None
        self._cluster.stopped.add(name)
        go_on = _stopped(self._cluster.controllers[name])

        def again() -> None:
            go_on()
            self._cluster.stopped.discard(name)

        return name, again

    def cut_leader(self, *roles: str, from_etcd: bool = False) -> Begun:
        """Off from the switches with these roles, and from etcd."""
        if (leader := self._cluster.follow()) is None:
            return None
        switches = [name for name in SWITCHES if self._cluster.roles(leader).get(name, {}).get("role") in roles]
        members = self._cluster.members_of_etcd.names if from_etcd else []
        addresses = [ADDRESSES[name] for name in (*switches, *members)]
        self._cluster.links.cut(leader, *addresses)
        what = ", ".join((*switches, *(["etcd"] if from_etcd else [])))
        return f"{leader} from {what}", partial(self._cluster.links.join, leader, *addresses)

    def activate(self) -> Begun:
        if (name := self._switch("standby")) is None:
            return None
        try:
            tell(self._cluster.socket, "activate", {"name": name})
        except ClickException as error:
            return f"{name}, which was refused: {error.message}", _nothing
        return name, _nothing

    def kill_member(self) -> Begun:
        if (name := self._member()) is None:
            return None
        self._cluster.members_of_etcd.kill(name)
        return name, partial(self._cluster.members_of_etcd.start, name)

    def kill_etcd(self) -> Begun:
        self._cluster.members_of_etcd.kill()
        return "all members", self._cluster.members_of_etcd.start

    def stop_member(self) -> Begun:
        name = self._member()
        return None if name is None else (name, _stopped(self._cluster.members_of_etcd.processes[name]))

    def cut_member(self) -> Begun:
        members = self._cluster.members_of_etcd
        if (name := self._member()) is None or len(members.names) < 3:
            return None
        addresses = [ADDRESSES[each] for each in members.names if each != name]
        self._cluster.links.cut(name, *addresses)
        return name, partial(self._cluster.links.join, name, *addresses)

    def slow(self, etcd: bool) -> Begun:
        if (host := self._member() if etcd else self._cluster.follow()) is None:
            return None
        self._cluster.links.slow(host, slow=True)
        return host, partial(self._cluster.links.slow, host, slow=False)

    def set_clock(self, seconds: float) -> Begun:
        if (name := self._cluster.follow()) is None:
            return None
        self._clocks.set(name, seconds)
        return name, partial(self._clocks.set, name, 0.0)


def _stopped(process: Process) -> Undo:
    process.signal(signal.SIGSTOP)
    return partial(process.signal, signal.SIGCONT)


ACTIONS: Mapping[str, Callable[[Faults], Begun]] = {
    "kill the active switch": lambda faults: faults.kill_switch("active"),
    "kill the switch that stands by": lambda faults: faults.kill_switch("standby"),
    "stop the active switch": lambda faults: faults.stop_switch("active"),
    "stop the switch that stands by": lambda faults: faults.stop_switch("standby"),
    "cut the leader off from the active switch": lambda faults: faults.cut_leader("active"),
    "cut the leader off from the switch that stands by": lambda faults: faults.cut_leader("standby"),
    "cut the leader off from both switches": lambda faults: faults.cut_leader("active", "standby"),
    "have the other switch forward": lambda faults: faults.activate(),
    "kill the leader": lambda faults: faults.kill_controller(leads=True),
    "end the leader": lambda faults: faults.end_leader(),
    "stop the leader": lambda faults: faults.stop_leader(),
    "kill the controller that stands by": lambda faults: faults.kill_controller(leads=False),
    "cut the leader off from etcd": lambda faults: faults.cut_leader(from_etcd=True),
    "cut the leader off from everything": lambda faults: faults.cut_leader("active", "standby", from_etcd=True),
    "kill etcd's leader": lambda faults: faults.kill_member(),
    "kill all of etcd": lambda faults: faults.kill_etcd(),
    "stop etcd's leader": lambda faults: faults.stop_member(),
    "cut etcd's leader off from the others": lambda faults: faults.cut_member(),
    "slow the leader's link": lambda faults: faults.slow(etcd=False),
    "slow the link of etcd's leader": lambda faults: faults.slow(etcd=True),
    "set the leader's clock an hour back": lambda faults: faults.set_clock(-HOUR),
    "set the leader's clock a day ahead": lambda faults: faults.set_clock(24 * HOUR),
}
