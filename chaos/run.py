"""The whole of it: a cluster, traffic, one round after the other, and what is left at the end."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.clocks import Clocks
from chaos.faults import Faults
from chaos.plan import planned
from chaos.rounds import Rounds, Row
from chaos.witness import Witness
from topo import standard
from topo.cluster import ADDRESSES, CONTROLLERS, MANAGE, PORTS, SWITCHES, Cluster, cluster
from topo.process import ProcessFailed
from topo.talk import Talk
from topo.world import World

ESTABLISHED = 45.0
"""Seconds without a packet that end a session: more than any silence here."""
CLOSING = {"time_wait": 1.0, "close": 1.0, "fin_wait": 3.0, "close_wait": 3.0, "last_ack": 2.0, "syn_recv": 10.0}
OPEN = 4
"""Connections that are open from the first round to the last."""
PAUSE = 0.02
FEWEST_WRITES = 20
"""That must have been seen: a witness who sees nothing says nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    seed: int
    minutes: float = 5.0
    rounds: int | None = None
    """As many and no more, however long they take."""
    longest: float | None = None
    """Seconds that a fault may last."""
    targets: Sequence[str] = ("p4soft", "p4soft")
    members: int = 3
    established: float = ESTABLISHED
    keep: Path | None = None
    """Where the logs go if something was lost."""


@dataclass(slots=True)
class Outcome:
    rows: list[Row] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What was found wrong at the end."""
    writes: int = 0
    """To switches, that were seen."""

    @property
    def passed(self) -> bool:
        return not self.lost and not any(row.lost for row in self.rows) and bool(self.rows)


def run(options: Options, console: Console) -> Outcome:
    """Raises ProcessFailed, TimeoutError and others when there is no cluster to begin with."""
    outcome = Outcome()
    config = standard.config(timeouts=CLOSING, established_timeout=options.established)
    with cluster(config, options.targets, options.members) as (world, stack):
        clocks = Clocks(world.network.logs, CONTROLLERS)
        stack.environment = clocks.environment
        with console.status("starting switches, controllers and etcd ..."):
            stack.start()
        try:
            _run(options, world, stack, clocks, console, outcome)
        finally:
            if not outcome.passed and options.keep is not None:
                _keep(world.network.logs, options.keep)
    return outcome


def _run(options: Options, world: World, stack: Cluster, clocks: Clocks, console: Console, outcome: Outcome) -> None:
    began = time.monotonic()
    host = world.network.topology.switch
    switches = {port: name for name, port in PORTS.items()}
    witness = Witness(world.network, host, MANAGE, switches, {ADDRESSES[name]: name for name in CONTROLLERS})
    with contextlib.closing(witness), Talk(world, OPEN, timeout=2 * ESTABLISHED, pause=PAUSE) as talk:
        rounds = Rounds(world, stack, Faults(stack, clocks), talk, console)
        number = 0
        while _is_on(options, number, time.monotonic() - began):
            number += 1
            console.print(f"[bold]round {number}[/] [dim]of seed {options.seed}[/]", highlight=False)
            row = rounds.run(number, planned(options.seed, number, options.longest), began)
            outcome.rows.append(row)
            _tell(console, row)
            if row.lost:
                break
    outcome.writes = witness.judge.writes
    outcome.lost += [f"two that write: {fault}" for fault in witness.judge.faults]
    if outcome.writes < FEWEST_WRITES:
        outcome.lost.append(f"only {outcome.writes} writes were seen")
    with console.status("waiting for the last sessions to end ..."):
        outcome.lost += _left(world, stack, 2.5 * options.established + 20)


def _is_on(options: Options, rounds: int, seconds: float) -> bool:
    return rounds < options.rounds if options.rounds is not None else seconds < options.minutes * 60


def _tell(console: Console, row: Row) -> None:
    if row.lost:
        console.print("  [bold red]lost:[/] " + "; ".join(row.lost), highlight=False)
    else:
        console.print(
            f"  [green]nothing lost[/] of {row.connections} connections and {row.transfers} transfers; longest silence "
            f"{row.silence:.1f} s, longest connect {row.connect:.1f} s",
            highlight=False,
        )


def _left(world: World, stack: Cluster, seconds: float) -> list[str]:
    """What there is that should not be, once all connections have ended."""
    found = []
    try:
        stack.wait_whole()
        world.drained(seconds)
        found += [f"{count} entries of sessions on {name}" for name in SWITCHES if (count := stack.sessions_of(name))]
    except (TimeoutError, ProcessFailed) as error:
        found.append(str(error))
    found += [f"{host}: {errors}" for host, errors in world.errors().items()]
    for server in world.servers:
        stats = world.server_stats(server)
        found += [f"{server} has {stats[name]} {name}" for name in ("corrupted", "errors") if stats[name]]
    for log in sorted(world.network.logs.glob("controller-*.err")):
        found += [f"{log.stem}: {line}" for line in log.read_text().splitlines() if "Traceback" in line]
    return found


def summary(outcome: Outcome) -> Table:
    table = Table(title="What happened, and what was lost", title_justify="left")
    table.add_column("", justify="right")
    table.add_column("what went wrong", overflow="fold")
    for column in ("connections", "silence", "connect"):
        table.add_column(column, justify="right")
    table.add_column("lost", overflow="fold")
    for row in outcome.rows:
        lost = "[bold red]" + "; ".join(row.lost) + "[/]" if row.lost else "[green]nothing[/]"
        happened = "\n".join(row.happened) or "nothing: it was not the time for it"
        count = f"{row.connections}+{row.transfers}"
        table.add_row(str(row.number), happened, count, f"{row.silence:.1f} s", f"{row.connect:.1f} s", lost)
    return table


def _keep(logs: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.err", "*.out", "*.toml"):
        for log in logs.glob(pattern):
            shutil.copy(log, to)
