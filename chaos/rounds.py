"""A round: what is planned goes wrong while connections come and go, everything comes back, and nothing may be lost."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from chaos.faults import Faults
from chaos.plan import Fault
from topo.cluster import Cluster
from topo.process import Process, ProcessFailed
from topo.talk import Talk
from topo.world import World, report

RATE = 30
"""New connections a second."""
TRANSFERS, THROTTLE = 6, 3 << 20
"""Transfers at a time, and bytes a second of them together."""
PATIENCE = 60.0
"""Seconds that a connection may take: clients repeat their SYNs ever less often."""
AFTERWARDS = 1.5
"""Seconds for which connections begin after the last fault."""


@dataclass(slots=True)
class Row:
    """What has become of a round."""

    number: int
    began: float
    happened: list[str] = field(default_factory=list)
    connections: int = 0
    transfers: int = 0
    silence: float = 0.0
    """Seconds that an established connection was not answered, at most."""
    connect: float = 0.0
    """Seconds that a new connection took, at most."""
    lost: list[str] = field(default_factory=list)


class Rounds:
    def __init__(self, world: World, cluster: Cluster, faults: Faults, talk: Talk, console: Console) -> None:
        self._world = world
        self._cluster = cluster
        self._faults = faults
        self._talk = talk
        self._console = console

    def run(self, number: int, planned: list[Fault], began: float) -> Row:
        """``began``: when the run did."""
        row = Row(number, began)
        seconds = max(fault.at + fault.lasts for fault in planned) + AFTERWARDS
        short, long = self._load(seconds, row)
        self._talk.take_gap()
        self._carry_out(planned, row)
        try:
            self._cluster.wait_whole()
        except (TimeoutError, ProcessFailed) as error:
            row.lost.append(str(error))
        self._judge(row, short, long)
        return row

    def _load(self, seconds: float, row: Row) -> tuple[Process, Process]:
        row.connections, row.transfers = int(RATE * seconds), TRANSFERS
        options = {"n": row.connections, "c": row.connections, "rate": RATE, "seed": row.number}
        short = self._world.start_load("c2", request=200, answer=2000, timeout=PATIENCE, **options)
        answer = int(THROTTLE * seconds / TRANSFERS)
        options = {"n": TRANSFERS, "c": TRANSFERS, "answer": answer, "throttle": THROTTLE, "seed": row.number}
        return short, self._world.start_load("c1", timeout=seconds + PATIENCE, **options)

    def _carry_out(self, planned: list[Fault], row: Row) -> None:
        """Each fault, and its end, at their times."""
        start, order = time.monotonic(), itertools.count()
        due: list[tuple[float, int, Fault, Callable[[], None] | None]] = [
            (fault.at, next(order), fault, None) for fault in planned
        ]
        heapq.heapify(due)
        while due:
            at, _, fault, undo = heapq.heappop(due)
            time.sleep(max(0.0, start + at - time.monotonic()))
            if undo is not None:
                undo()
                self._say(row, f"it is over: {fault.kind}")
                continue
            begun = self._faults.begin(fault)
            if begun is None:
                self._say(row, f"not now: {fault.kind}")
                continue
            whom, undo = begun
            row.happened.append(f"{fault.kind} ({whom}) for {fault.lasts:.1f} s")
            self._say(row, f"{fault.kind} ({whom}) for {fault.lasts:.1f} s")
            heapq.heappush(due, (time.monotonic() - start + fault.lasts, next(order), fault, undo))

    def _judge(self, row: Row, short: Process, long: Process) -> None:
        for what, process, count in (("connections", short, row.connections), ("transfers", long, row.transfers)):
            try:
                told = report(process, 2 * PATIENCE)
            except (ProcessFailed, TimeoutError) as error:
                row.lost.append(f"{what}: {error}")
                continue
            if told["ok"] != count:
                row.lost.append(f"{count - told['ok']} of {count} {what}: {told['failures']}")
            if process is short:
                row.connect = told["connect_us"]["max"] / 1e6
        row.silence = self._talk.take_gap()
        row.lost += [f"a connection that was open all the time: {error}" for error in self._talk.broken]
        self._talk.broken.clear()

    def _say(self, row: Row, what: str) -> None:
        self._console.print(f"  [dim]{time.monotonic() - row.began:6.1f} s[/]  {what}", highlight=False)
