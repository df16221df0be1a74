"""``fullnat run``: the controller."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

import click

from fullnat.app import paths
from fullnat.compiled import TARGETS, V1MODEL
from fullnat.config.errors import ConfigError

MAX_PORT = 510
FILE = click.Path(path_type=Path)
SPREADS = ("flow", "port")
LEVELS = ("debug", "info", "warning", "error")


class InterfaceType(click.ParamType[tuple[int, str]]):
    """``PORT@INTERFACE``, as simple_switch_grpc has it."""

    name = "PORT@INTERFACE"

    def convert(
        self, value: str | tuple[int, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        if isinstance(value, tuple):
            return value
        port, at, name = value.partition("@")
        if not at or not name or not port.isdigit() or int(port) > MAX_PORT:
            self.fail(f"{value!r} is not PORT@INTERFACE with a port in 0..{MAX_PORT}", param, ctx)
        return int(port), name


class AddressType(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``."""

    name = "HOST:PORT"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return host.strip("[]"), int(port)


_DEVICE_ID = click.IntRange(0, (1 << 64) - 1)
_ELECTION_ID = click.IntRange(1, (1 << 128) - 1)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--grpc-addr", default="127.0.0.1:9559", show_default=True, help="P4Runtime server of the switch.")
@click.option("--grpc-tls-ca", type=FILE, help="Speak TLS; the switch's certificate is signed by this CA (PEM).")
@click.option("--grpc-tls-cert", type=FILE, help="Our certificate, for a switch that asks for one (PEM).")
@click.option("--grpc-tls-key", type=FILE, help="Its key (PEM).")
@click.option("--grpc-tls-server-name", metavar="NAME", help="Whom the switch's certificate is for, if not the host.")
@click.option("--device-id", default=1, show_default=True, type=_DEVICE_ID, help="P4Runtime device id.")
@click.option("--target", default=V1MODEL, show_default=True, type=click.Choice(TARGETS), help="What the switch runs.")
@click.option(
    "--device-config", type=click.Path(path_type=Path), help="What to load into an ASIC, as its SDE has made it."
)
@click.option("--election-id", type=_ELECTION_ID, help="Default: the time, so the last one started is primary.")
@click.option("--embedded", is_flag=True, help="Run the switch (p4soft) in this process.")
@click.option("-i", "interfaces", multiple=True, type=InterfaceType(), help="Embedded: attach an interface to a port.")
@click.option("--no-offload", multiple=True, metavar="INTERFACE", help="Embedded: as p4soft --no-offload.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Embedded: packet threads.")
@click.option("--spread", default="flow", show_default=True, type=click.Choice(SPREADS), help="Embedded: among them.")
@click.option("--cpu-port", default=255, show_default=True, type=click.IntRange(1, MAX_PORT), help="Embedded.")
@click.option("--grpc-server-addr", help="Embedded: also serve P4Runtime there.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the sequence number secret is kept.")
@click.option("--control-socket", type=click.Path(path_type=Path), help="Unix socket for sessions and stats.")
@click.option("--metrics-addr", type=AddressType(), help="Serve Prometheus metrics there.")
@click.option("--log-level", default="info", show_default=True, type=click.Choice(LEVELS))
def run(
    config: Path,
    grpc_addr: str,
    grpc_tls_ca: Path | None,
    grpc_tls_cert: Path | None,
    grpc_tls_key: Path | None,
    grpc_tls_server_name: str | None,
    device_id: int,
    target: str,
    device_config: Path | None,
    election_id: int | None,
    embedded: bool,
    interfaces: tuple[tuple[int, str], ...],
    no_offload: tuple[str, ...],
    workers: int,
    spread: str,
    cpu_port: int,
    grpc_server_addr: str | None,
    state_dir: Path | None,
    control_socket: Path | None,
    metrics_addr: tuple[str, int] | None,
    log_level: str,
) -> None:
    """Run the controller with the configuration file CONFIG, until SIGTERM. SIGHUP reads the file again."""
    # gRPC would write its own lines beside ours; it reads this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # gRPC and protobuf load slowly, and the other commands need neither.
    from fullnat.app import daemon
    from fullnat.app.control import ControlError
    from fullnat.app.state import StateError
    from fullnat.p4rt.channel import Tls
    from fullnat.p4rt.errors import P4RuntimeError

    if embedded and target != V1MODEL:
        raise click.UsageError(f"--embedded is p4soft, which runs {V1MODEL}")
    if (interfaces or grpc_server_addr) and not embedded:
        raise click.UsageError("-i and --grpc-server-addr belong to --embedded")
    if workers > 1 and not embedded:
        raise click.UsageError("--workers belongs to --embedded: another switch has its own threads")
    if (grpc_tls_cert is None) != (grpc_tls_key is None):
        raise click.UsageError("--grpc-tls-cert and --grpc-tls-key go together")
    if grpc_tls_ca is None and (grpc_tls_cert is not None or grpc_tls_server_name is not None):
        raise click.UsageError("TLS needs --grpc-tls-ca, the certificate that the switch's is signed by")
    if grpc_tls_ca is not None and embedded:
        raise click.UsageError("--grpc-tls-ca is for a switch that is connected to, and --embedded is none")
    tls = None
    if grpc_tls_ca is not None:
        tls = Tls(ca=grpc_tls_ca, cert=grpc_tls_cert, key=grpc_tls_key, server_name=grpc_tls_server_name)
    ports = dict(interfaces)
    if len(ports) != len(interfaces):
        raise click.UsageError("a port number is given to two interfaces")
    if unknown := set(no_offload) - set(ports.values()) - {"all"}:
        raise click.UsageError(f"--no-offload {min(unknown)}: no port has this interface")
    if cpu_port in ports:
        raise click.UsageError(f"port {cpu_port} is the CPU port and cannot be an interface too")
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("asyncio", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    options = daemon.Options(
        config=config,
        state_dir=state_dir or paths.state_directory(),
        control_socket=control_socket or paths.control_socket(),
        device_id=device_id,
        grpc_addr=grpc_addr,
        target=target,
        device_config=device_config,
        election_id=election_id,
        embedded=embedded,
        cpu_port=cpu_port,
        ports=ports,
        no_offload=frozenset(ports.values() if "all" in no_offload else no_offload),
        workers=workers,
        spread=spread,
        grpc_server_addr=grpc_server_addr,
        metrics_addr=metrics_addr,
        tls=tls,
    )
    try:
        asyncio.run(daemon.run(options))
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise SystemExit(1) from None
    except (P4RuntimeError, StateError, ControlError) as error:
        raise click.ClickException(str(error)) from None
