"""How real servers learn their clients: TOA, or PROXY protocol of version 2 (haproxy's proxy-protocol.txt), which takes
its place."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import ServiceSettings
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.values import TOA_KIND_LVS
from fullnat.core.protocols.base import Protocol
from fullnat.core.session.options import toa_bytes
from fullnat.net.flow import Address, is_v6
from fullnat.p4constants import PROXY_V4_BYTES, PROXY_V6_BYTES, SessionFlag

OFF, FIRST, EVERY, CLIENTS = "off", "first", "every", "clients"
INSERTED = {FIRST: SessionFlag.PROXY, EVERY: SessionFlag.PROXY | SessionFlag.PROXY_EVERY}
"""What the switch puts in: before a connection's first byte, into a session's first datagram or into every one. Of
``clients`` the clients are proxies themselves, and what they say is all that the server gets."""
_PROTOCOL = {EVERY: "udp", CLIENTS: "tcp"}
"""What is of one protocol alone."""


def check_proxy(protocol: Protocol, proxy: str, modes: Iterable[Mode]) -> None:
    """``modes`` are those of the servers. Raises ValueError."""
    only = _PROTOCOL.get(proxy, protocol.name)
    if only != protocol.name:
        raise ValueError(
            f"proxy_protocol {proxy} is of {only.upper()}, and this is a service of {protocol.name.upper()}"
        )
    others = sorted({mode for mode in modes if proxy in INSERTED and not mode.has_own_numbers})
    if others:
        raise ValueError(f"proxy_protocol {proxy} is for servers in {Mode.FULLNAT}: in {others[0]} they see the client")


def session_flags(settings: ServiceSettings, protocol: Protocol) -> int:
    """The SessionFlags that a service asks for; a server's mode has the last word."""
    proxy = settings.proxy_protocol
    flags = int(INSERTED.get(proxy, 0))
    if not protocol.is_numbered:
        return flags
    if settings.toa and proxy == OFF:
        flags |= SessionFlag.TOA | (SessionFlag.TOA_253 if settings.toa_kind == TOA_KIND_LVS else 0)
    flags |= SessionFlag.KEEP_TIMESTAMPS if settings.keep_timestamps else 0
    return flags | (SessionFlag.KEEP_MSS if settings.keep_mss or proxy == CLIENTS else 0)


def told_bytes(client: Address, flags: int, protocol: Protocol) -> int:
    """By how much a packet of ``client`` may grow on its way to the server of a session with these SessionFlags."""
    if flags & SessionFlag.PROXY:
        return PROXY_V6_BYTES if is_v6(client) else PROXY_V4_BYTES
    return toa_bytes(client) if protocol.is_numbered and flags & SessionFlag.TOA else 0
