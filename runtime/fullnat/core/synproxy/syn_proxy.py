"""Which services answer SYNs with cookies (``syn_proxy``): never, in need where they can, always."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import ServiceSettings
from fullnat.core.declared.modes import Mode
from fullnat.core.protocols.base import Protocol
from fullnat.net.flow import Address, Endpoint, same_family
from fullnat.p4constants import ServiceFlag

OFF, AUTO, ALWAYS = "off", "auto", "always"
COOKIES = {OFF: 0, AUTO: int(ServiceFlag.COOKIES_IN_NEED), ALWAYS: int(ServiceFlag.COOKIES)}
"""The ServiceFlags that these words ask for."""


Servers = Iterable[tuple[Endpoint, Mode]]


def objection(protocol: Protocol, settings: ServiceSettings, virtual: Address, servers: Servers) -> str:
    """Why a service of these ``servers`` cannot answer SYNs with cookies; none: it can."""
    if not protocol.is_numbered:
        return f"is of TCP, and this is a service of {protocol.name.upper()}"
    if not settings.sessions:
        return "needs sessions"
    if settings.mode.is_outward:
        return f"is not for {Mode.SNAT}"
    for server, mode in servers:
        if mode.keeps_destination:
            return f"is for servers in {Mode.FULLNAT} and {Mode.NAT}: in {mode} they answer past us"
        if not same_family(virtual, server.address):
            return f"is for servers of the client's family, and {server} is not"
    return ""


def check_syn_proxy(protocol: Protocol, settings: ServiceSettings, virtual: Address, servers: Servers) -> None:
    """Raises ValueError for a service that cannot have what it asks for."""
    if settings.syn_proxy == ALWAYS and (said := objection(protocol, settings, virtual, servers)):
        raise ValueError(f"syn_proxy {ALWAYS} {said}")


def cookie_flags(protocol: Protocol, settings: ServiceSettings, virtual: Address, servers: Servers) -> int:
    """The ServiceFlags of a service, of those of :data:`COOKIES`."""
    return 0 if objection(protocol, settings, virtual, servers) else COOKIES[settings.syn_proxy]
