"""Everything there are two of, each killed in turn while transfers run: ``python -m demo.cluster``. Exit status 0 only
if nothing was lost."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from types import FrameType

from fullnat.cli.output import guarded
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.tools.build import BuildError
from demo.checks import Checks, named
from demo.steps import PATIENCE, Step, of_cluster, of_pair, of_routed
from demo.traffic import IDLE, RATE, TRANSFERS, Seen, Traffic
from topo import cluster, frr, namespaces, standard
from topo.namespaces import NamespaceError
from topo.netns import Network
from topo.pair import Pair
from topo.process import ProcessFailed, poll
from topo.routed_cluster import routed_cluster
from topo.world import World

ESTABLISHED = 20.0
"""Seconds without a packet that end a session: more than an idle connection goes without a keepalive."""
CLOSING = {"time_wait": 1.0, "close": 1.0, "fin_wait": 2.0, "close_wait": 2.0, "last_ack": 2.0, "syn_recv": 10.0}
SECONDS = 6
"""For which connections begin, and transfers run, around each step."""
BEFORE = 1.0
AFTER = 1.0
"""Seconds for which what is left works alone, once it does."""
_ROUTED = """\
             controllers [bold]one[/] and [bold]two[/] ─── etcd [bold]m0 m1 m2[/]
                        │ P4Runtime; vtysh, to the FRR of each switch
  [bold]c1[/] ─┐          ┌── [bold cyan]left[/]  + FRR ──┐          ┌─ [bold]s1[/]
      ├─ router ─┤                 ├─ router ─┼─ [bold]s2[/]
  [bold]c2[/] ─┘   ECMP   └── [bold cyan]right[/] + FRR ──┘   ECMP   └─ [bold]s3[/]     VIP 10.9.0.1:80"""
_ONE_SUBNET = """\
              controllers [bold]one[/] and [bold]two[/] ─── etcd [bold]m0 m1 m2[/]
                         │ P4Runtime
  [bold]c1[/] ─┐         ┌── [bold cyan]left[/]    forwards ──┐         ┌─ [bold]s1[/]
      ├─────────┤                      ├─────────┼─ [bold]s2[/]
  [bold]c2[/] ─┘         └── [bold cyan]right[/]  stands by ──┘         └─ [bold]s3[/]     VIP 10.9.0.1:80"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster that is not started, with clients and servers."""

    world: World
    start: Callable[[], None]
    steps: Iterator[Step]
    whole: Callable[[], None]
    """Waits until everything is there."""
    entries: Callable[[], dict[str, int]]
    """Those of sessions that each switch has, as it says itself."""


@dataclass(frozen=True, slots=True)
class Kind:
    title: str
    picture: str
    lacks: str
    """What has to be installed for more; nothing: there is no more."""
    stage: Callable[[int], AbstractContextManager[Stage]]
    """Of so many members of etcd."""


@contextmanager
def _routed(members: int) -> Iterator[Stage]:
    options = [f"established_timeout = {ESTABLISHED}"]
    with routed_cluster(timeouts=CLOSING, options=options, members=members) as (world, stack):
        yield Stage(world, stack.start, of_routed(stack), stack.wait_whole, stack.entries)


@contextmanager
def _one_subnet(members: int) -> Iterator[Stage]:
    config = standard.config(timeouts=CLOSING, established_timeout=ESTABLISHED)
    with cluster.cluster(config, members=members) as (world, stack):
        yield Stage(world, stack.start, of_cluster(stack), stack.wait_whole, stack.entries)


@contextmanager
def _one_controller(_members: int) -> Iterator[Stage]:
    with Network(standard.topology()) as network:
        stack = Pair(network, standard.config(timeouts=CLOSING, established_timeout=ESTABLISHED))
        world = World(network, stack)
        world.start_servers()
        yield Stage(world, stack.start, of_pair(stack), stack.wait_full, dict)


def kind() -> Kind:
    """What can be shown here."""
    if missing := cluster.missing():
        return Kind("Two switches, one of which stands by", "", missing, _one_controller)
    if missing := frr.unavailable():
        title = "Two switches, one of which stands by; two controllers, etcd"
        return Kind(title, _ONE_SUBNET, missing, _one_subnet)
    return Kind("Two switches announced by BGP, two controllers, etcd", _ROUTED, "", _routed)


def tried(stage: Stage, step: Step, console: Console) -> Seen:
    """What clients have seen of the step."""
    with console.status(f"{TRANSFERS} transfers, {IDLE} idle connections, {RATE} new ones a second ..."):
        traffic = Traffic(stage.world, SECONDS, PATIENCE)
        time.sleep(BEFORE)
        began = time.monotonic()

        def tell(what: str) -> None:
            console.print(f"  {time.monotonic() - began:6.2f} s  {what}", highlight=False)

        tell(step.begin())
        poll(step.noticed, PATIENCE, step.then, interval=0.02)
        tell(step.then)
        time.sleep(AFTER)
        step.end()
        stage.whole()
        tell("everything is there again")
        seen = traffic.end()
    lost = f"[bold red]lost: {'; '.join(seen.why)}[/]" if seen.lost else "[green]nothing was lost[/]"
    console.print(f"  a transfer was silent for {seen.silence:.2f} s at most; {lost}", highlight=False)
    console.print(f"  new connections: {_unanswered(seen)}; the slowest took {seen.connect:.2f} s", highlight=False)
    return seen


def _unanswered(seen: Seen) -> str:
    return f"unanswered for {seen.unanswered:.2f} s" if seen.unanswered else "answered all the time"


def table(rows: list[tuple[Step, Seen]]) -> Table:
    title = f"What was lost, of {RATE * SECONDS} new connections, {TRANSFERS} transfers, {IDLE} idle in each step"
    found = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    found.add_column("", no_wrap=True)
    for column in ("transfers\nsilent", "new ones\nunanswered", "slowest\nconnect"):
        found.add_column(column, justify="right", no_wrap=True)
    found.add_column("lost", justify="right", min_width=len("nothing"))
    for step, seen in rows:
        lost = f"[bold red]{seen.lost}[/]" if seen.lost else "[green]nothing[/]"
        found.add_row(step.what, *(f"{value:.2f} s" for value in (seen.silence, seen.unanswered, seen.connect)), lost)
    return found


def show(stage: Stage, most: int | None, console: Console) -> bool:
    checks = Checks(console)
    rows: list[tuple[Step, Seen]] = []
    for number, step in enumerate(islice(stage.steps, most), 1):
        console.rule(f"[bold]{number}. {step.what}")
        rows.append((step, tried(stage, step, console)))
    console.rule("[bold]Afterwards")
    lost = [why for _step, seen in rows for why in seen.why]
    checks.that(not lost, "no connection and no byte was lost", "; ".join(lost))
    left = ""
    with console.status("waiting for the last sessions to end ..."):
        try:
            stage.world.drained()
        except TimeoutError as error:
            left = str(error)
    checks.that(not left, "no session, local port or count is left over", left)
    if entries := stage.entries():
        checks.that(not any(entries.values()), "no session is left on any switch", named(entries))
    errors = stage.world.errors()
    checks.that(not errors, "no checksum errors in any network stack", errors or "")
    console.print(table(rows))
    return checks.passed


def run(console: Console, members: int = 3, most: int | None = None) -> bool:
    """``most``: steps that are shown. Whether nothing was lost."""
    shown = kind()
    console.rule(f"[bold]{shown.title}")
    if shown.lacks:
        console.print(f"[yellow]more is shown after `make peers` as root: {shown.lacks}[/]", highlight=False)
    if shown.picture:
        console.print(shown.picture, highlight=False)
    with shown.stage(members) as stage:
        with console.status("starting everything ..."):
            stage.start()
        return show(stage, most, console)


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
