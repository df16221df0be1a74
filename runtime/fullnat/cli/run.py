"""``fullnat run``: the controller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fullnat.cli import logs
from fullnat.cli.arguments import CPU_PORT, DEVICE_ID, Arguments, ports, refuse
from fullnat.cli.ending import end
from fullnat.cli.types import MAX_PORT, AddressType, GrpcType, InterfaceType
from fullnat.compiled import TARGETS, V1MODEL
from fullnat.config.errors import ConfigError
from fullnat.config.servers import GRPC_ADDRESS
from fullnat.etcd.settings import PREFIX, SILENCE, SettingError, Settings, endpoints, of_group, password, prefix

if TYPE_CHECKING:
    from fullnat.app.options import Options

FILE = click.Path(path_type=Path)
SPREADS = ("flow", "port")
LEVELS = ("debug", "info", "warning", "error")
_DEVICE_ID = click.IntRange(0, (1 << 64) - 1)
_SILENCE = click.IntRange(1, 60)
_ELECTION_ID = click.IntRange(1, (1 << 128) - 1)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--group", metavar="NAME", help="Which of the groups of CONFIG this controller has, if there are some.")
@click.option("--grpc-addr", type=GrpcType(), show_default=GRPC_ADDRESS, help="P4Runtime server of the switch.")
@click.option("--grpc-tls-ca", type=FILE, help="Speak TLS; the switch's certificate is signed by this CA (PEM).")
@click.option("--grpc-tls-cert", type=FILE, help="Our certificate, for a switch that asks for one (PEM).")
@click.option("--grpc-tls-key", type=FILE, help="Its key (PEM).")
@click.option("--grpc-tls-server-name", metavar="NAME", help="Whom the switch's certificate is for, if not the host.")
@click.option("--device-id", default=DEVICE_ID, show_default=True, type=_DEVICE_ID, help="P4Runtime device id.")
@click.option("--target", default=V1MODEL, show_default=True, type=click.Choice(TARGETS), help="What the switch runs.")
@click.option(
    "--device-config", type=click.Path(path_type=Path), help="What to load into an ASIC, as its SDE has made it."
)
@click.option(
    "--program", type=click.Path(path_type=Path), help="A build of the program to use instead of the packaged one."
)
@click.option("--election-id", type=_ELECTION_ID, help="Default: the time, so the last one started is primary.")
@click.option("--embedded", is_flag=True, help="Run the switch (p4soft) in this process.")
@click.option("-i", "interfaces", multiple=True, type=InterfaceType(), help="Embedded: attach an interface to a port.")
@click.option("--no-offload", multiple=True, metavar="INTERFACE", help="Embedded: as p4soft --no-offload.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Embedded: packet threads.")
@click.option("--spread", default="flow", show_default=True, type=click.Choice(SPREADS), help="Embedded: among them.")
@click.option("--cpu-port", show_default=str(CPU_PORT), type=click.IntRange(1, MAX_PORT), help="Embedded: to us.")
@click.option("--grpc-server-addr", help="Embedded: also serve P4Runtime there.")
@click.option(
    "--proof-interval",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 60),
    help="Of a group: a packet goes through a switch whose data plane has been silent for so many seconds; 0: none.",
)
@click.option(
    "--proof-lost",
    default=3,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Of a group: after so many that did not come back another switch takes over.",
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the sequence number secret is kept.")
@click.option(
    "--etcd", metavar="URL,...", help="Members of etcd, which several controllers share instead: https://HOST:2379."
)
@click.option(
    "--etcd-prefix", metavar="/NAME", show_default=PREFIX, help="Of all that is there; one for each balancer."
)
@click.option("--etcd-ca", type=FILE, help="What signs the certificates of etcd's members (PEM).")
@click.option("--etcd-cert", type=FILE, help="Our certificate, for members that ask for one (PEM).")
@click.option("--etcd-key", type=FILE, help="Its key (PEM).")
@click.option("--etcd-user", metavar="NAME", help="Of etcd's authentication.")
@click.option("--etcd-password-file", type=FILE, help="The password of --etcd-user is its first line.")
@click.option("--etcd-name", metavar="NAME", show_default="the host's", help="What this controller calls itself there.")
@click.option(
    "--etcd-silence", type=_SILENCE, show_default=str(SILENCE), help="Seconds; a leader silent for longer is replaced."
)
@click.option("--control-socket", type=click.Path(path_type=Path), help="Unix socket of the admin API.")
@click.option("--api-addr", type=AddressType(), help="Serve the admin API there as well, with mutual TLS.")
@click.option("--api-tls-cert", type=FILE, help="Our certificate for --api-addr (PEM).")
@click.option("--api-tls-key", type=FILE, help="Its key (PEM).")
@click.option("--api-tls-ca", type=FILE, help="What signs the certificates of clients of --api-addr (PEM).")
@click.option(
    "--grant",
    "grants",
    multiple=True,
    metavar="ROLE=WHO",
    help="Role read, operator or admin for group:NAME on the socket or cn:NAME of a client certificate.",
)
@click.option("--reload-keeps", is_flag=True, help="Reading the file again keeps what commands have changed.")
@click.option("--http-addr", type=AddressType(), help="Serve a status page there, to look at.")
@click.option("--metrics-addr", type=AddressType(), help="Serve Prometheus metrics there.")
@click.option("--log-level", default="info", show_default=True, type=click.Choice(LEVELS), help="Of standard error.")
@click.option("--log-format", default="text", show_default=True, type=click.Choice(logs.FORMATS), help="Likewise.")
@click.option(
    "--session-log", metavar="TARGET", help="Tell of each session: a file, unix:PATH of datagrams, or syslog."
)
def run(**options: Any) -> None:
    """Run the controller with the configuration file CONFIG, until SIGTERM. SIGHUP reads the file again,
    SIGUSR1 begins another file of --session-log."""
    given = Arguments(**options)
    refuse(given)
    with _held_back(signal.SIGHUP):
        _run(given)


@contextlib.contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Signals of this number wait until somebody takes them, and end nobody."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.sigtimedwait({number}, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(given: Arguments) -> None:
    # gRPC would write its own lines beside ours; it reads this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # gRPC and protobuf load slowly, and the other commands need neither.
    from fullnat.api.listener import ApiError
    from fullnat.app import daemon
    from fullnat.app.state import StateError
    from fullnat.p4rt.errors import P4RuntimeError

    logs.start(given.log_level, given.log_format)
    try:
        asyncio.run(daemon.run(_daemon_options(given)))
    except ConfigError as error:
        end(error.problems)
    except (P4RuntimeError, StateError, ApiError) as error:
        raise click.ClickException(str(error)) from None


def _daemon_options(given: Arguments) -> Options:
    """What has been checked, as the controller takes it."""
    from fullnat.api.listener import Tcp
    from fullnat.app import paths
    from fullnat.app.group.proof import Patience
    from fullnat.app.options import Options
    from fullnat.p4rt.tls import Tls

    tls = None
    if given.grpc_tls_ca is not None:
        tls = Tls(
            ca=given.grpc_tls_ca,
            cert=given.grpc_tls_cert,
            key=given.grpc_tls_key,
            server_name=given.grpc_tls_server_name,
        )
    api = None
    if given.api_addr and given.api_tls_cert and given.api_tls_key and given.api_tls_ca:
        api = Tcp(address=given.api_addr, cert=given.api_tls_cert, key=given.api_tls_key, ca=given.api_tls_ca)
    attached = ports(given)
    return Options(
        config=given.config,
        group=given.group or "",
        state_dir=paths.of_group(given.state_dir or paths.state_directory(), given.group),
        control_socket=given.control_socket or paths.control_socket(),
        api=api,
        grants=given.grants,
        keep=given.reload_keeps,
        device_id=given.device_id,
        grpc_addr=given.grpc_addr,
        target=given.target,
        device_config=given.device_config,
        program=given.program,
        election_id=given.election_id,
        embedded=given.embedded,
        cpu_port=given.cpu_port or CPU_PORT,
        ports=attached,
        no_offload=frozenset(attached.values() if "all" in given.no_offload else given.no_offload),
        workers=given.workers,
        spread=given.spread,
        grpc_server_addr=given.grpc_server_addr,
        http_addr=given.http_addr,
        metrics_addr=given.metrics_addr,
        tls=tls,
        etcd=_etcd_settings(given),
        patience=Patience(given.proof_interval, given.proof_lost),
        session_log=given.session_log,
    )


def _etcd_settings(given: Arguments) -> Settings | None:
    """Raises UsageError for a password file that has none."""
    if given.etcd is None:
        return None
    addresses = (given.api_addr, given.http_addr)
    where = next((f"{host}:{port}" for host, port in filter(None, addresses)), "")
    try:
        return Settings(
            endpoints=endpoints(given.etcd)[0],
            prefix=of_group(prefix(given.etcd_prefix or PREFIX), given.group),
            silence=given.etcd_silence or SILENCE,
            ca=given.etcd_ca,
            cert=given.etcd_cert,
            key=given.etcd_key,
            user=given.etcd_user,
            password=password(given.etcd_password_file) if given.etcd_password_file else "",
            name=given.etcd_name or socket.gethostname(),
            address=where,
        )
    except SettingError as error:
        raise click.UsageError(f"--etcd: {error}") from None
