"""``fullnat toa-attach`` and ``toa-detach``: clients' addresses for every program of a cgroup, by the kernel itself."""

from __future__ import annotations

from pathlib import Path

import click

from fullnat.toa.client import Trusted
from fullnat.toa.ebpf import attach
from fullnat.toa.ebpf.bpf import BpfError

cgroup_option = click.option(
    "--cgroup",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A cgroup v2 directory, such as /sys/fs/cgroup/system.slice/nginx.service.",
)


def _trusted(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> Trusted:
    try:
        return Trusted(*values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("toa-attach")
@cgroup_option
@click.option(
    "--trusted",
    multiple=True,
    required=True,
    callback=_trusted,
    metavar="PREFIX",
    help="The balancer's local addresses.",
)
def toa_attach(cgroup: Path, trusted: Trusted) -> None:
    """Have accept() and getpeername() tell the client from TOA, in all programs of a cgroup, running or not.

    Needs root and Linux 5.10. Stays until toa-detach, or until the cgroup goes: systemd makes a new one at each start.
    """
    try:
        attach.attach(cgroup, trusted)
    except (BpfError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"attached to {cgroup}, trusted: {trusted}")


@click.command("toa-detach")
@cgroup_option
def toa_detach(cgroup: Path) -> None:
    """Undo toa-attach: every peer is told as it is, also on open connections."""
    try:
        count = attach.detach(cgroup)
    except (BpfError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if count == 0:
        raise click.ClickException(f"nothing of ours is attached to {cgroup}")
    click.echo(f"detached from {cgroup}")
