"""``toa-attach`` and ``toa-detach``: clients' addresses for every program of a cgroup, by the kernel itself."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fullnat_toa.cli.command import Failure, Parser, prefixes, run
from fullnat_toa.cli.output import guarded
from fullnat_toa.client import Trusted
from fullnat_toa.ebpf import attach
from fullnat_toa.ebpf.bpf import BpfError

ATTACH = (
    "Have accept() and getpeername() tell the client from TOA, in all programs of a cgroup, running or not. Needs root "
    "and Linux 5.10. Stays until toa-detach, or until the cgroup goes: systemd makes a new one at each start."
)
DETACH = "Undo toa-attach: every peer is told as it is, also on open connections."


def _cgroup(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no directory")
    return path


def _parser(prog: str, description: str) -> Parser:
    parser = Parser(prog, description)
    parser.add_argument(
        "--cgroup",
        required=True,
        type=_cgroup,
        metavar="DIRECTORY",
        help="a cgroup v2 directory, such as /sys/fs/cgroup/system.slice/nginx.service",
    )
    return parser


def attach_main(arguments: Sequence[str] | None = None, prog: str = "toa-attach") -> int:
    """The command; its exit status."""
    parser = _parser(prog, ATTACH)
    parser.add_argument(
        "--trusted",
        action="append",
        required=True,
        type=prefixes,
        metavar="PREFIX",
        help="the balancer's local addresses; may be repeated",
    )
    with guarded("Error"):
        given = parser.parse_args(arguments)
        return run(lambda: _attach(given.cgroup, Trusted(*given.trusted)))


def detach_main(arguments: Sequence[str] | None = None, prog: str = "toa-detach") -> int:
    """The command; its exit status."""
    with guarded("Error"):
        given = _parser(prog, DETACH).parse_args(arguments)
        return run(lambda: _detach(given.cgroup))


def _attach(cgroup: Path, trusted: Trusted) -> None:
    try:
        attach.attach(cgroup, trusted)
    except (BpfError, OSError) as error:
        raise Failure(str(error)) from None
    print(f"attached to {cgroup}, trusted: {trusted}")


def _detach(cgroup: Path) -> None:
    try:
        count = attach.detach(cgroup)
    except (BpfError, OSError) as error:
        raise Failure(str(error)) from None
    if count == 0:
        raise Failure(f"nothing of ours is attached to {cgroup}")
    print(f"detached from {cgroup}")
