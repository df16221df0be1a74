"""Run the network of :mod:`topo.routed`: a mininet prompt with switch and controller running, or the test of it.

Real servers in two subnets, clients behind a router. As root.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from fullnat.cli.output import guarded
from rich.console import Console

from bench.tools.build import BuildError
from topo import lab, mininet_find, namespaces, routed, scenario, stack
from topo.namespaces import NamespaceError
from topo.process import ProcessFailed

SWITCHES = ("p4soft", "bmv2")


def main() -> int:
    options = _options()
    console = Console()
    needs_mininet = not options.bare
    reason = (
        namespaces.unavailable()
        or (mininet_find.unavailable() if needs_mininet else None)
        or stack.unavailable(options.switch)
        or lab.unavailable()
    )
    if reason:
        console.print(f"[red]the network cannot be built:[/] {reason}", highlight=False)
        return 1
    wishes = routed.Options(mtu=options.mtu, loss=options.loss)
    if needs_mininet:
        # mininet keeps the standard error that it finds when imported; while a status is shown that is rich's.
        mininet_find.use()
        importlib.import_module("mininet.log")
    start = {"switch": options.switch, "options": wishes, "mininet": needs_mininet, "controller": options.controller}
    try:
        with console.status("starting real servers, switch and controller ..."):
            context = lab.lab(**start)
            made = context.__enter__()
        try:
            return _use(console, made, options)
        finally:
            context.__exit__(None, None, None)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted; everything was cleaned up[/]")
        return 130
    except (BuildError, NamespaceError, ProcessFailed, TimeoutError, OSError) as error:
        console.print(f"[bold red]failed:[/] {error}", highlight=False)
        return 1


def _use(console: Console, made: lab.Lab, options: argparse.Namespace) -> int:
    if options.test:
        passed = scenario.run(console, made)
        console.print("[bold green]All of it holds.[/]" if passed else "[bold red]Not all of it holds.[/]")
        return 0 if passed else 1
    from topo import mininet_prompt

    mininet_prompt.run(console, made)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m topo", description=__doc__)
    parser.add_argument("--switch", choices=SWITCHES, default="p4soft", help="default: p4soft")
    parser.add_argument("--mode", default="fullnat", help="forwarding mode (default and, so far, only: fullnat)")
    parser.add_argument("--family", type=int, default=4, help="IP version (default and, so far, only: 4)")
    parser.add_argument("--mtu", type=int, default=1500, help="of every wire, in bytes (default: 1500)")
    parser.add_argument("--loss", type=float, default=0.0, help="percentage lost on the clients' wire, each way")
    parser.add_argument("--no-controller", dest="controller", action="store_false", help="only the switch")
    parser.add_argument("--test", action="store_true", help="no prompt: try everything; exit status 0 if all holds")
    parser.add_argument("--bare", action="store_true", help="with --test: bare namespaces in mininet's place")
    options = parser.parse_args()
    if options.mode not in routed.MODES:
        parser.error(f"--mode {options.mode}: the program has no such mode; it has {', '.join(routed.MODES)}")
    if options.family not in routed.FAMILIES:
        parser.error(f"--family {options.family}: the program forwards IPv4 only, so far")
    if not 576 <= options.mtu <= 9000:
        parser.error(f"--mtu {options.mtu}: must be 576 to 9000")
    if not 0 <= options.loss <= 50:
        parser.error(f"--loss {options.loss:g}: must be 0 to 50 percent")
    if options.bare and not options.test:
        parser.error("--bare has no prompt: use it with --test")
    if options.test and not options.controller:
        parser.error("--test needs the controller")
    options.loss /= 100
    return options


if __name__ == "__main__":
    with guarded("topo"):
        sys.exit(main())
