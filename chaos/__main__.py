"""``python -m chaos [--minutes N] [--seed N]``: exit status 0 only if nothing was lost."""

from __future__ import annotations

import argparse
import random
import signal
import sys
from pathlib import Path
from types import FrameType

from fullnat.cli.output import guarded
from rich.console import Console

from bench.tools.build import BuildError
from chaos.run import Options, run, summary
from topo import cluster, namespaces
from topo.namespaces import NamespaceError
from topo.process import ProcessFailed

TARGETS = ("p4soft", "bmv2")
LOGS = Path("build/chaos")


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _terminate)
    console = Console()
    if reason := namespaces.unavailable() or cluster.why_not(options.targets):
        console.print(f"[red]{reason}[/]", highlight=False)
        return 1
    console.print(f"seed {options.seed}: `make chaos SEED={options.seed}` has the same go wrong", highlight=False)
    try:
        outcome = run(options, console)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted; everything was cleaned up[/]")
        return 130
    except (BuildError, NamespaceError, ProcessFailed, TimeoutError, OSError) as error:
        console.print(f"[bold red]it could not be tried:[/] {error}", highlight=False)
        return 1
    console.print(summary(outcome))
    for line in outcome.lost:
        console.print(f"[bold red]{line}[/]", highlight=False)
    if outcome.passed:
        console.print(f"[bold green]Nothing was lost[/], in {len(outcome.rows)} rounds; {outcome.writes} writes seen.")
    else:
        console.print(f"[bold red]Something was lost.[/] Logs: {options.keep}", highlight=False)
    return 0 if outcome.passed else 1


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long rounds begin (default: 5)")
    parser.add_argument("--seed", type=int, help="what goes wrong, and when (default: any)")
    parser.add_argument("--rounds", type=int, help="so many, however long they take")
    parser.add_argument("--longest", type=float, metavar="SECONDS", help="that a fault may last")
    parser.add_argument("--members", type=int, choices=(1, 3), default=3, help="of etcd (default: 3)")
    parser.add_argument("--right", choices=TARGETS, default="p4soft", help="what the second switch is")
    given = parser.parse_args()
    seed = random.randrange(1 << 16) if given.seed is None else given.seed
    return Options(
        seed=seed,
        minutes=given.minutes,
        rounds=given.rounds,
        longest=given.longest,
        targets=("p4soft", given.right),
        members=given.members,
        keep=LOGS / str(seed),
    )


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    with guarded("chaos"):
        sys.exit(main())
