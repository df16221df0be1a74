"""The command line of ``fullnat run``, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fullnat.api.listener import Tcp
from fullnat.app.group.proof import Patience
from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.etcd.settings import Settings
from fullnat.p4rt.tls import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of ``fullnat run``."""

    config: Path
    group: str = ""
    """Which of those that services are spread over; "": the file has none."""
    state_dir: Path
    """Of the group, where there are several."""
    control_socket: Path
    api: Tcp | None = None
    """Where the admin API is beside the control socket."""
    grants: tuple[str, ...] = ()
    """Who else may use it, and as what (:meth:`fullnat.api.identity.Grants.parse`)."""
    keep: bool = False
    """Reading the file again keeps what commands have changed."""
    device_id: int = 1
    grpc_addr: str | None = None
    """None: :data:`fullnat.config.servers.GRPC_ADDRESS`."""
    target: str = V1MODEL
    """What the switch is: one of fullnat.compiled.TARGETS."""
    device_config: Path | None = None
    """What to load into the switch instead of the compiled program, with the same P4Info."""
    program: Path | None = None
    """The directory of the compiled program; None: where :mod:`fullnat.compiled` finds it."""
    election_id: int | None = None
    """None: the time of day, so that the controller started last is primary."""
    embedded: bool = False
    cpu_port: int = CPU_PORTS[V1MODEL]
    ports: Mapping[int, str] = field(default_factory=dict)
    """Embedded: switch port to network interface."""
    no_offload: frozenset[str] = frozenset()
    """Embedded: interfaces whose super-segments are not cut."""
    workers: int = 1
    spread: str = "flow"
    """Embedded: packet threads, and whether flows or ports are spread among them."""
    grpc_server_addr: str | None = None
    http_addr: tuple[str, int] | None = None
    metrics_addr: tuple[str, int] | None = None
    tls: Tls | None = None
    """None: plain text."""
    etcd: Settings | None = None
    """Where several controllers share what they know; None: this one is alone, with its state directory."""
    patience: Patience = field(default_factory=Patience)
    """With switches of a group whose data plane says nothing."""
    session_log: str | None = None
    """Where it goes (:func:`fullnat.app.session_log.target`)."""
