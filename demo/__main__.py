"""Run the demonstration: ``python -m demo``. Exit status 0 only if everything it shows is as it must be."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from fullnat.cli.output import guarded
from rich.console import Console

from bench.tools.build import BuildError
from topo import namespaces, stack
from topo.namespaces import NamespaceError
from topo.process import ProcessFailed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--target", choices=stack.TARGETS, default="p4soft", help="the switch (default: p4soft)")
    parser.add_argument("--no-root", action="store_true", help="in one process even as root")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)
    console = Console()
    started = time.monotonic()
    reason = "--no-root was given" if options.no_root else namespaces.unavailable()
    try:
        if reason is not None:
            from demo import rootless

            console.print(f"[yellow]{reason}[/]: showing the same in one process, with TCP endpoints of our own.")
            console.print("[dim]As root, `make demo` uses network namespaces and the kernel's TCP.[/]")
            passed = rootless.run(console)
        else:
            from demo import story

            if missing := stack.unavailable(options.target):
                console.print(f"[red]{missing}[/]")
                return 1
            passed = story.run(console, options.target)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted; everything was cleaned up[/]")
        return 130
    except (BuildError, NamespaceError, ProcessFailed, TimeoutError, OSError) as error:
        console.print(f"[bold red]the demonstration failed:[/] {error}", highlight=False)
        return 1
    took = f"in {time.monotonic() - started:.0f} s"
    console.print(
        f"[bold green]All of it holds[/], {took}." if passed else f"[bold red]Not all of it holds[/], {took}."
    )
    return 0 if passed else 1


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    with guarded("demo"):
        sys.exit(main())
