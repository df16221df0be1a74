"""``fullnat upgrade --check``: what an upgrade keeps."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullnat.cli.arguments import DEVICE_ID
from fullnat.cli.controlclient import NobodyListens, ask, socket_option
from fullnat.cli.types import GrpcType
from fullnat.compiled import TARGETS, V1MODEL
from fullnat.config.servers import GRPC_ADDRESS

if TYPE_CHECKING:
    from fullnat.app.upgrade import Controller

LOST = 3
"""Exit status when sessions would end."""
PACKAGED = "unix:/run/p4soft/p4runtime.sock"
"""P4Runtime of p4soft.service."""
FILE = click.Path(path_type=Path)


@click.command()
@click.option("--check", is_flag=True, required=True, help="Say what would be kept; nothing is changed.")
@click.option(
    "--grpc-addr", type=GrpcType(), default=GRPC_ADDRESS, show_default=True, help="P4Runtime server of the switch."
)
@click.option("--grpc-tls-ca", type=FILE, help="As of fullnat run.")
@click.option("--grpc-tls-cert", type=FILE, help="As of fullnat run.")
@click.option("--grpc-tls-key", type=FILE, help="As of fullnat run.")
@click.option("--grpc-tls-server-name", metavar="NAME", help="As of fullnat run.")
@click.option("--device-id", default=DEVICE_ID, show_default=True, type=int, help="P4Runtime device id.")
@click.option("--target", default=V1MODEL, show_default=True, type=click.Choice(TARGETS), help="What the switch runs.")
@click.option("--device-config", type=FILE, help="As of fullnat run.")
@click.option("--program", "directory", type=FILE, help="As of fullnat run.")
@socket_option
def upgrade(
    check: bool,
    grpc_addr: str,
    grpc_tls_ca: Path | None,
    grpc_tls_cert: Path | None,
    grpc_tls_key: Path | None,
    grpc_tls_server_name: str | None,
    device_id: int,
    target: str,
    device_config: Path | None,
    directory: Path | None,
    control_socket: Path | None,
) -> None:
    """Compare the installed controller and program with what runs. Exit status 0: sessions go on, 3: they would end."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from fullnat.app.upgrade import judge
    from fullnat.p4rt import program
    from fullnat.p4rt.errors import P4RuntimeError
    from fullnat.p4rt.grpc_transport import GrpcTransport
    from fullnat.p4rt.pipeline import Pipeline, running
    from fullnat.p4rt.tls import Tls

    tls = None
    if grpc_tls_ca is not None:
        tls = Tls(ca=grpc_tls_ca, cert=grpc_tls_cert, key=grpc_tls_key, server_name=grpc_tls_server_name)

    async def ask_switch() -> Pipeline | None:
        transport = GrpcTransport(grpc_addr, tls)
        try:
            await transport.reach()
            return await running(transport, device_id)
        finally:
            await transport.close()

    try:
        ours = program.load(directory, target, device_config)
        controller = _controller(control_socket)
        embedded = controller is not None and controller.embedded
        verdict = judge(ours, controller, None if embedded else asyncio.run(ask_switch()))
    except P4RuntimeError as error:
        raise click.ClickException(_explained(str(error), grpc_addr)) from None
    for line in verdict.lines:
        click.echo(line)
    if not verdict.kept:
        raise SystemExit(LOST)


def _explained(error: str, address: str) -> str:
    """The ``error`` of who is asked at ``address``, and what else to give."""
    if address == GRPC_ADDRESS:
        packaged = f"that of the service p4soft is --grpc-addr {PACKAGED}"
        return f"{error}; {packaged if Path(PACKAGED.removeprefix('unix:')).exists() else 'see --grpc-addr'}"
    path = Path(address.removeprefix("unix:"))
    if address.startswith("unix:") and _is_controllers(path):
        where = f"--control-socket {path}, and --grpc-addr of its switch"
        return f"no P4Runtime server answers at {address}: it is a controller's control socket: {where}"
    return error


def _is_controllers(path: Path) -> bool:
    try:
        return any("role" in answer for answer in ask(path, "about"))
    except click.ClickException:
        return False


def _controller(path: Path | None) -> Controller | None:
    """The controller that runs here; None when none does."""
    from fullnat.app.group.shown import ALONE
    from fullnat.app.upgrade import Controller

    try:
        about = next(ask(path, "about"))
        stats = next(ask(path, "stats"))
    except NobodyListens:
        return None
    sessions = int(stats["controller"].get("sessions", 0))
    has_group = [each["name"] for each in stats.get("switches", ())] != [ALONE]
    return Controller(str(about["version"]), bool(about["embedded"]), sessions, about["cookie"], has_group)
