"""Everything there are two of, each killed in turn while transfers run: ``python -m demo.cluster``. Exit status 0 only
if nothing was lost."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import FrameType

from fullnat.cli.output import guarded
from rich.console import Console
from rich.table import Table

from bench.tools.build import BuildError
from demo.checks import Checks
from topo import cluster, namespaces, standard
from topo.cluster import Cluster
from topo.namespaces import NamespaceError
from topo.netns import Network
from topo.pair import Pair
from topo.process import ProcessFailed, poll
from topo.talk import Talk
from topo.world import World, report

ESTABLISHED = 15.0
CLOSING = {"time_wait": 1.0, "close": 1.0, "fin_wait": 2.0, "close_wait": 2.0, "last_ack": 2.0}
SECONDS = 6
"""For which connections begin, and transfers run, around each kill."""
BEFORE = 1.5
RATE = 50
TRANSFERS, THROTTLE = 10, 8 << 20
PATIENCE = 60.0
PICTURE = """\
                  controllers [bold]one[/] and [bold]two[/]  ─── etcd [bold]m0 m1 m2[/]
                        │ P4Runtime
                 ┌──────┴───────┐
  [bold]c1[/] ─┐     ┌── [bold cyan]left[/]    forwards ──┐     ┌─ [bold]s1[/]
       ├─────┤                     ├─────┼─ [bold]s2[/]
  [bold]c2[/] ─┘     └── [bold cyan]right[/]  stands by ──┘     └─ [bold]s3[/]        VIP 10.9.0.1:80"""


@dataclass(frozen=True, slots=True)
class Step:
    """``kill`` does it, and says to whom; ``again`` has everything there again."""

    what: str
    kill: Callable[[], str]
    again: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    silence: float
    connect: float
    carried: int
    lost: str


def of_cluster(stack: Cluster) -> Iterator[Step]:
    killed: list[str] = []

    def switch() -> str:
        killed.append(stack.active() or "left")
        stack.switches[killed[-1]].kill()
        return killed[-1]

    def leader(number: signal.Signals) -> str:
        killed.append(stack.follow() or "one")
        stack.controllers[killed[-1]].signal(number)
        stack.controllers[killed[-1]].wait(20)
        return killed[-1]

    def member() -> str:
        killed.append(stack.members_of_etcd.leader)
        stack.members_of_etcd.kill(killed[-1])
        return killed[-1]

    def etcd() -> str:
        stack.members_of_etcd.kill()
        return "all members"

    def activate() -> str:
        other = next(name for name in stack.roles() if name != stack.active())
        poll(lambda: _done(stack, "switches", "--activate", other), PATIENCE, f"{other} is active", 0.2)
        return other

    yield Step("kill -9 of the active switch", switch, lambda: stack.start_one(killed[-1]))
    kill, end = signal.SIGKILL, signal.SIGTERM
    yield Step("kill -9 of the leading controller", lambda: leader(kill), lambda: stack.start_controller_of(killed[-1]))
    yield Step("kill -9 of etcd's leader", member, lambda: stack.members_of_etcd.start(killed[-1]))
    yield Step("kill -9 of all of etcd", etcd, stack.members_of_etcd.start)
    yield Step("SIGTERM of the leading controller", lambda: leader(end), lambda: stack.start_controller_of(killed[-1]))
    yield Step("the other switch by command", activate, lambda: None)


def of_pair(stack: Pair) -> Iterator[Step]:
    killed: list[str] = []

    def switch() -> str:
        killed.append(stack.active() or "a")
        stack.switches[killed[-1]].kill()
        return killed[-1]

    def controller() -> str:
        assert stack.controller is not None
        stack.controller.kill()
        return "the only one"

    yield Step("kill -9 of the active switch", switch, lambda: stack.start_one(killed[-1]))
    yield Step("kill -9 of the controller", controller, stack.start_controller)


def tried(world: World, talk: Talk, step: Step, whole: Callable[[], None], console: Console) -> Row:
    count = RATE * SECONDS
    seconds = PATIENCE + SECONDS
    answer = THROTTLE * SECONDS // TRANSFERS
    short = world.start_load("c2", n=count, c=count, rate=RATE, request=200, answer=2000, timeout=seconds)
    long = world.start_load("c1", n=TRANSFERS, c=TRANSFERS, answer=answer, throttle=THROTTLE, timeout=seconds)
    talk.take_gap()
    with console.status(f"{TRANSFERS} transfers, {RATE} new connections/s ..."):
        time.sleep(BEFORE)
        whom = step.kill()
        console.print(f"  [bold]{step.what}[/]: {whom}", highlight=False)
        time.sleep(BEFORE)
        step.again()
        whole()
        outcomes = [report(load, 2 * PATIENCE) for load in (short, long)]
    lost = [f"{outcome['failed']}: {outcome['failures']}" for outcome in outcomes if outcome["failed"]]
    lost += [f"an open connection: {error}" for error in talk.broken]
    gap, connect = talk.take_gap(), outcomes[0]["connect_us"]["max"] / 1e6
    console.print(f"  [dim]longest silence {gap:.2f} s, longest connect {connect:.2f} s, everything is there again[/]")
    return Row(f"{step.what} ({whom})", gap, connect, count + TRANSFERS, "; ".join(lost))


def _done(stack: Cluster, *words: str) -> bool:
    stack.follow()
    with contextlib.suppress(ProcessFailed):
        stack.command(*words)
        return True
    return False


def table(rows: list[Row]) -> Table:
    found = Table(title="What was lost", title_justify="left")
    found.add_column("what happened", overflow="fold")
    for column in ("longest silence", "longest connect", "connections", "lost"):
        found.add_column(column, justify="right")
    for row in rows:
        lost = f"[bold red]{row.lost}[/]" if row.lost else "[green]nothing[/]"
        found.add_row(row.what, f"{row.silence:.2f} s", f"{row.connect:.2f} s", str(row.carried), lost)
    return found


def show(world: World, steps: Iterator[Step], whole: Callable[[], None], console: Console) -> bool:
    checks = Checks(console)
    rows = []
    with Talk(world, timeout=PATIENCE, pause=0.005) as talk:
        for number, step in enumerate(steps, 1):
            console.rule(f"[bold]{number}. {step.what}")
            rows.append(tried(world, talk, step, whole, console))
    console.rule("[bold]Afterwards")
    checks.that(not any(row.lost for row in rows), "no connection and no byte was lost")
    left = ""
    with console.status("waiting for the last sessions to end ..."):
        try:
            world.drained()
        except TimeoutError as error:
            left = str(error)
    checks.that(not left, "no session, local port or count is left over", left)
    errors = world.errors()
    checks.that(not errors, "no checksum errors in any network stack", errors or "")
    console.print(table(rows))
    return checks.passed


def run(console: Console, members: int = 3, most: int | None = None) -> bool:
    """``most``: steps that are shown. Whether nothing was lost."""
    config = standard.config(timeouts=CLOSING, established_timeout=ESTABLISHED)
    console.rule("[bold]Two switches, two controllers, etcd")
    if missing := cluster.missing():
        console.print(f"[yellow]{missing}[/]: two switches and one controller without it", highlight=False)
        with Network(standard.topology()) as network:
            pair = Pair(network, config)
            world = World(network, pair)
            world.start_servers()
            with console.status("starting switches and controller ..."):
                pair.start()
            return show(world, islice(of_pair(pair), most), pair.wait_full, console)
    console.print(PICTURE, highlight=False)
    with cluster.cluster(config, members=members) as (world, stack):
        with console.status("starting switches, controllers and etcd ..."):
            stack.start()
        return show(world, islice(of_cluster(stack), most), stack.wait_whole, console)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.cluster", description=__doc__)
    parser.add_argument("--members", type=int, choices=(1, 3), default=3, help="of etcd (default: 3)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)
    console = Console()
    if reason := namespaces.unavailable():
        console.print(f"[red]{reason}[/]", highlight=False)
        return 1
    try:
        passed = run(console, options.members)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted; everything was cleaned up[/]")
        return 130
    except (BuildError, NamespaceError, ProcessFailed, TimeoutError, OSError) as error:
        console.print(f"[bold red]the demonstration failed:[/] {error}", highlight=False)
        return 1
    console.print("[bold green]Nothing was lost.[/]" if passed else "[bold red]Something was lost.[/]")
    return 0 if passed else 1


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    with guarded("demo-cluster"):
        sys.exit(main())
