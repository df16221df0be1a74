"""Services of SNAT (mode ``snat``): what they cannot be, as their clients are hosts inside and their servers public
addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fullnat.config.model import Access, ServerSettings, ServiceSettings
from fullnat.core.declared.modes import Mode
from fullnat.net.headers import PROTO_ICMP, PROTO_ICMPV6

ALONE = f"a public address is in {Mode.SNAT}, and no other server is: the mode is the service's (fnatadm: -J)"
_OF_SERVERS = "checks", "quorum_up", "quorum_down", "passive_failures", "ops", "slow_start"
_OF_SERVER = "checks", "sorry", "quic_id", "notify_up", "notify_down"
_OF_RULES = "mapping", "block_size", "block_log", "host_sessions"
"""Of services in SNAT alone."""
_USUAL = ServiceSettings()
_V4_ONLY = {PROTO_ICMP: False, PROTO_ICMPV6: True}


def objections(protocol: int, settings: ServiceSettings, *, is_v6: bool) -> Iterator[tuple[str, str]]:
    """Options of a service, of the family ``is_v6`` tells, with what is wrong with each."""
    if not settings.mode.is_outward:
        if protocol in _V4_ONLY:
            yield "protocol", f"icmp is of {Mode.SNAT}: virtual addresses answer echo requests themselves"
        said = (name for name in _OF_RULES if getattr(settings, name) != getattr(_USUAL, name))
        yield from ((name, f"{name} is of {Mode.SNAT}") for name in said)
        return
    if _V4_ONLY.get(protocol, is_v6) is not is_v6:
        yield "protocol", f"{'icmpv6' if is_v6 else 'icmp'} is that of {'IPv6' if is_v6 else 'IPv4'}"
    if not settings.sessions:
        yield "sessions", f"{Mode.SNAT} needs sessions"
    if settings.proxy_protocol != "off":
        yield "proxy_protocol", f"proxy_protocol is not for {Mode.SNAT}"
    yield from ((name, f"{name} is not for {Mode.SNAT}") for name in _OF_SERVERS if getattr(settings, name))


def objections_beside(
    settings: ServiceSettings, access: Access, locals_: Collection[object]
) -> Iterator[tuple[str, str]]:
    """The same of what a service has beside its settings: who may, and its local addresses."""
    if not settings.mode.is_outward:
        return
    for name, listed in (("deny", access.deny), ("allow", access.allow)):
        if listed:
            yield name, f"{name} is not for {Mode.SNAT}"
    if locals_:
        yield "local_addresses", f"local_addresses is not for {Mode.SNAT}: its servers are the public addresses"


def objections_to_server(settings: ServerSettings, service: ServiceSettings) -> Iterator[tuple[str, str]]:
    """The same of a public address, or of a real server of another service."""
    mode = settings.mode or service.mode
    if mode.is_outward is not service.mode.is_outward:
        yield "mode", ALONE
    elif mode.is_outward:
        yield from ((name, f"{name} is not for a public address") for name in _OF_SERVER if getattr(settings, name))
