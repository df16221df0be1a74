"""The ``fullnat`` command.

Exit status: 0 done, 1 something is wrong that one line on standard error tells, 2 wrong command line, 3 (upgrade
--check) sessions would end.
"""

from __future__ import annotations

from typing import Any

import click

from fullnat.cli.check import check
from fullnat.cli.convert import convert
from fullnat.cli.groups import groups
from fullnat.cli.output import guarded
from fullnat.cli.reload import reload
from fullnat.cli.run import run
from fullnat.cli.sessions import sessions
from fullnat.cli.stats import stats
from fullnat.cli.switches import switches
from fullnat.cli.talkers import talkers
from fullnat.cli.toa import toa_commands
from fullnat.cli.top import top
from fullnat.cli.trace import trace
from fullnat.cli.upgrade import upgrade


class _Commands(click.Group):
    def main(self, *arguments: Any, **options: Any) -> Any:
        with guarded("Error"):
            return super().main(*arguments, **options)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="p4-fullnat", prog_name="fullnat")
def main() -> None:
    """LVS FULLNAT load balancing on a P4 switch."""


for command in (
    run,
    sessions,
    stats,
    switches,
    talkers,
    top,
    trace,
    check,
    groups,
    convert,
    reload,
    upgrade,
    *toa_commands(),
):
    main.add_command(command)

if __name__ == "__main__":
    main()
