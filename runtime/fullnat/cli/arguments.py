"""The command line of ``fullnat run``, and which of its options exclude or need each other."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import click

from fullnat.api.identity import Grants
from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.config.switches import switch_name
from fullnat.etcd.settings import PREFIX, SettingError, endpoints, prefix

DEVICE_ID = 1
"""What a switch calls itself, likewise."""
CPU_PORT = CPU_PORTS[V1MODEL]
"""Of an embedded switch, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """As the user has given them, each right by itself."""

    config: Path
    group: str | None
    grpc_addr: str | None
    grpc_tls_ca: Path | None
    grpc_tls_cert: Path | None
    grpc_tls_key: Path | None
    grpc_tls_server_name: str | None
    device_id: int
    target: str
    device_config: Path | None
    program: Path | None
    election_id: int | None
    embedded: bool
    interfaces: tuple[tuple[int, str], ...]
    no_offload: tuple[str, ...]
    workers: int
    spread: str
    cpu_port: int | None
    grpc_server_addr: str | None
    proof_interval: float
    proof_lost: int
    state_dir: Path | None
    etcd: str | None
    etcd_prefix: str | None
    etcd_ca: Path | None
    etcd_cert: Path | None
    etcd_key: Path | None
    etcd_user: str | None
    etcd_password_file: Path | None
    etcd_name: str | None
    etcd_silence: int | None
    control_socket: Path | None
    api_addr: tuple[str, int] | None
    api_tls_cert: Path | None
    api_tls_key: Path | None
    api_tls_ca: Path | None
    grants: tuple[str, ...]
    reload_keeps: bool
    http_addr: tuple[str, int] | None
    metrics_addr: tuple[str, int] | None
    log_level: str
    log_format: str
    session_log: str | None


def ports(given: Arguments) -> dict[int, str]:
    """Port to interface of an embedded switch."""
    return dict(given.interfaces)


def refuse(given: Arguments) -> None:
    """Raises UsageError for options that do not go together."""
    _refuse_group(given)
    _refuse_switch(given)
    _refuse_tls(given)
    _refuse_ports(given)
    _refuse_api(given)
    _refuse_etcd(given)


def _refuse_group(given: Arguments) -> None:
    try:
        if given.group is not None:
            switch_name(given.group)
    except ValueError as error:
        raise click.UsageError(f"--group: {error}") from None


def _refuse_switch(given: Arguments) -> None:
    if given.embedded and given.target != V1MODEL:
        raise click.UsageError(f"--embedded is p4soft, which runs {V1MODEL}")
    if not given.embedded and (given.interfaces or given.grpc_server_addr is not None or given.cpu_port is not None):
        raise click.UsageError("-i, --cpu-port and --grpc-server-addr belong to --embedded")
    if given.workers > 1 and not given.embedded:
        raise click.UsageError("--workers belongs to --embedded: another switch has its own threads")
    if given.embedded and given.grpc_addr is not None:
        raise click.UsageError(
            "--grpc-addr is where a switch is connected to, and --embedded is none; --grpc-server-addr also serves "
            "P4Runtime"
        )


def _refuse_tls(given: Arguments) -> None:
    if (given.grpc_tls_cert is None) != (given.grpc_tls_key is None):
        raise click.UsageError("--grpc-tls-cert and --grpc-tls-key go together")
    if given.grpc_tls_ca is None and (given.grpc_tls_cert is not None or given.grpc_tls_server_name is not None):
        raise click.UsageError("TLS needs --grpc-tls-ca, the certificate that the switch's is signed by")
    if given.grpc_tls_ca is not None and given.embedded:
        raise click.UsageError("--grpc-tls-ca is for a switch that is connected to, and --embedded is none")


def _refuse_ports(given: Arguments) -> None:
    attached = ports(given)
    if len(attached) != len(given.interfaces):
        raise click.UsageError("a port number is given to two interfaces")
    if len(set(attached.values())) != len(attached):
        raise click.UsageError("an interface is given to two ports")
    if unknown := set(given.no_offload) - set(attached.values()) - {"all"}:
        raise click.UsageError(f"--no-offload {min(unknown)}: no port has this interface")
    cpu_port = CPU_PORT if given.cpu_port is None else given.cpu_port
    if cpu_port in attached:
        raise click.UsageError(f"port {cpu_port} is the CPU port and cannot be an interface too")


def _refuse_api(given: Arguments) -> None:
    files = (given.api_tls_cert, given.api_tls_key, given.api_tls_ca)
    if given.api_addr is not None and None in files:
        raise click.UsageError("--api-addr needs --api-tls-cert, --api-tls-key and --api-tls-ca")
    if given.api_addr is None and files != (None, None, None):
        raise click.UsageError("--api-tls-cert, --api-tls-key and --api-tls-ca belong to --api-addr")
    try:
        Grants.parse(given.grants)
    except ValueError as error:
        raise click.UsageError(f"--grant: {error}") from None


def _refuse_etcd(given: Arguments) -> None:
    if given.etcd is None:
        names = [each.name for each in fields(given) if each.name.startswith("etcd_")]
        if said := [name for name in names if getattr(given, name) is not None]:
            raise click.UsageError(f"--{said[0].replace('_', '-')} belongs to --etcd")
        return
    try:
        _, is_tls = endpoints(given.etcd)
        prefix(given.etcd_prefix or PREFIX)
    except SettingError as error:
        raise click.UsageError(f"--etcd: {error}") from None
    if is_tls != (given.etcd_ca is not None):
        raise click.UsageError("https:// in --etcd and --etcd-ca go together")
    if (given.etcd_cert is None) != (given.etcd_key is None) or (given.etcd_cert is not None and not is_tls):
        raise click.UsageError("--etcd-cert and --etcd-key go together, with --etcd-ca")
    if (given.etcd_user is None) != (given.etcd_password_file is None):
        raise click.UsageError("--etcd-user and --etcd-password-file go together")
    if given.embedded:
        raise click.UsageError(
            "--etcd is for controllers of a switch that outlives each of them; --embedded dies with its"
        )
    if given.election_id is not None:
        raise click.UsageError("with --etcd, the election id is etcd's")
