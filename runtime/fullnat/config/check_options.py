"""The options of health checks, of which :mod:`fullnat.config.file` makes the sections ``check``."""

from __future__ import annotations

from typing import Any

from fullnat.config import addresses, probes, scalars
from fullnat.config.scalars import Convert
from fullnat.core.values import PORTS

CHECK_TYPES = ("tcp", "http", "script", "smtp", "udp", "ping", "dns", "file")
CHECK: dict[str, tuple[Convert, Any]] = {
    "type": (scalars.one_of(*CHECK_TYPES), scalars.REQUIRED),
    "interval": (scalars.seconds, 5.0),
    "timeout": (scalars.seconds, 5.0),
    "retry_interval": (scalars.seconds, 1.0),
    "fall": (scalars.integer(*probes.TIMES), 2),
    "rise": (scalars.integer(*probes.TIMES), 1),
    "start_down": (scalars.boolean, False),
    "address": (addresses.address, None),
    "port": (scalars.integer(*PORTS), None),
    "source": (addresses.address, None),
    "device": (probes.device, ""),
    "path": (probes.path, "/"),
    "host": (probes.host, ""),
    "status": (probes.status, "200-299"),
    "digest": (probes.digest, ""),
    "tls": (scalars.boolean, False),
    "verify": (scalars.boolean, False),
    "ca_file": (probes.absolute, ""),
    "payload": (probes.payload, ""),
    "require_reply": (scalars.boolean, False),
    "command": (probes.command, ""),
    "exit_status": (probes.exit_status, "0"),
    "user": (probes.user, ""),
    "dynamic": (scalars.boolean, False),
    "name": (probes.domain, "."),
    "record": (scalars.one_of(*probes.RECORDS), "SOA"),
    "file": (probes.absolute, ""),
    "factor": (scalars.integer(*probes.FACTORS), 0),
    "reverse": (scalars.boolean, False),
}
_TO = ("address", "port", "source", "device")
OF_CHECK: dict[str, tuple[str, ...]] = {
    "tcp": _TO,
    "http": (*_TO, "path", "host", "status", "digest", "tls", "verify", "ca_file"),
    "script": ("command", "exit_status", "user", "dynamic"),
    "smtp": (*_TO, "host"),
    "udp": (*_TO, "payload", "require_reply"),
    "ping": tuple(name for name in _TO if name != "port"),
    "dns": (*_TO, "name", "record"),
    "file": ("file", "factor", "reverse"),
}
"""Options by the type of the check; those in none of these are of all types."""
NEEDED = {"script": ("command",), "file": ("file",)}
"""What a check of a type cannot do without."""
