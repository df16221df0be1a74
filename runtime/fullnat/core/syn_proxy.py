"""Which services answer SYNs with cookies (``syn_proxy``): never, in need, always."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import ServiceSettings
from fullnat.core.modes import Mode
from fullnat.core.protocols.base import Protocol
from fullnat.net.flow import Address, Endpoint, same_family
from fullnat.p4constants import ServiceFlag

OFF, AUTO, ALWAYS = "off", "auto", "always"
COOKIES = {OFF: 0, AUTO: int(ServiceFlag.COOKIES_IN_NEED), ALWAYS: int(ServiceFlag.COOKIES)}
"""The ServiceFlags that these words ask for."""


def check_syn_proxy(
    protocol: Protocol, settings: ServiceSettings, virtual: Address, servers: Iterable[tuple[Endpoint, Mode]]
) -> None:
    """Raises ValueError for a service, of these ``servers``, that cannot have what it asks for."""
    word = settings.syn_proxy
    if word == OFF:
        return
    if not protocol.is_numbered:
        raise ValueError(f"syn_proxy {word} is of TCP, and this is a service of {protocol.name.upper()}")
    if not settings.sessions:
        raise ValueError(f"syn_proxy {word} needs sessions")
    for server, mode in servers:
        if mode.keeps_destination:
            raise ValueError(
                f"syn_proxy {word} is for servers in {Mode.FULLNAT} and {Mode.NAT}: in {mode} they answer past us"
            )
        if not same_family(virtual, server.address):
            raise ValueError(f"syn_proxy {word} is for servers of the client's family, and {server} is not")
