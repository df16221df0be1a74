"""Where servers are: HOST:PORT, and addresses as gRPC has them; and the switches that have some."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fullnat.config.bgp import Bgp
    from fullnat.config.model import Interface, StaticRoute

GRPC_ADDRESS = "127.0.0.1:9559"
"""Where a switch is, unless told otherwise."""
_SCHEME = re.compile(r"(dns:(//[^/]*/)?|ipv4:|ipv6:)")


def is_grpc(text: str) -> bool:
    """Of one server: a host, with or without a scheme, or a Unix socket (gRPC's naming.md)."""
    scheme, _, path = text.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return bool(path.strip("/"))
    host, port = host_and_port(_SCHEME.sub("", text, count=1))
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host.replace(":", " ")
    return bool(name and port) and not re.search(r"[\s/@]", name)


def host_and_port(text: str) -> tuple[str, int | None]:
    """The port is None where there is none, or none of TCP's."""
    host, _, port = text.rpartition(":")
    return host, int(port) if port.isdecimal() and len(port) <= 5 and int(port) <= 65535 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSettings:
    """A switch of a group."""

    name: str
    grpc_addr: str = ""
    """Its P4Runtime server."""
    device_id: int = 1
    target: str = ""
    """What it runs, as all others; none: what the command line says."""
    embedded: bool = False
    """It is p4soft in the controller's process, with the command line's options."""
    interfaces: tuple[Interface, ...] = ()
    """Its own, where all switches forward; none: those of the configuration, which all have."""
    routes: tuple[StaticRoute, ...] = ()
    bgp: Bgp | None = None
    """What announces it."""
    group: str = ""
    """Of those that services are spread over (:mod:`fullnat.config.spread`)."""
    said: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    """The section that it is of."""


def all_forward(switches: Sequence[SwitchSettings]) -> bool:
    """Whether each of the group has a network of its own, and all of them forward."""
    return any(each.interfaces for each in switches)
