"""What is right in a configuration, and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.config.model import Config, VirtualServer
from fullnat.config.parts import every
from fullnat.core.declared.modes import Mode

_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def advice(config: Config) -> Iterator[str]:
    """What the file says in vain, with its place, what leads to no clients, and each virtual server that refuses all of
    its clients or has them refuse its answers; one line each."""
    yield from config.vain
    for part in every(config):
        group = f"group {part.share.own}: " if part.share.own else ""
        yield from (f"{group}{line}" for line in _without_routes(part.config))
    for virtual in config.virtual_servers:
        name = f"virtual server {virtual.protocol} {virtual.endpoint}"
        if not virtual.real_servers:
            yield f"{name} has no real servers: its clients get no answer"
        elif not any(real.weight for real in virtual.real_servers):
            yield f"{name} has only real servers of weight 0, which take no new sessions: its clients get no answer"
        if virtual.ops and Mode.NAT in _modes(virtual):
            yield f"{name} has ops and servers in nat: these answer with their own addresses, not with its"


def _without_routes(config: Config) -> Iterator[str]:
    """Of each family whose clients get answers by the switch."""
    routes = (*config.routes, *(route for switch in config.switches for route in switch.routes))
    led = {route.prefix.version for route in routes if route.gateway is not None}
    modes = {Mode.FULLNAT, Mode.NAT}
    answering = {each.address.version for each in config.virtual_servers if _modes(each) & modes}
    leaving = {each.address.version for each in config.virtual_servers if each.mode.is_outward}
    for version in sorted((answering | leaving) - led):
        if version not in answering:
            yield (
                f"no [[route]] of IPv{version} has a gateway: hosts inside reach nobody outside the subnets of the "
                f'interfaces (prefix = "{_DEFAULT[version]}" leads to all)'
            )
            continue
        yield (
            f"no [[route]] of IPv{version} has a gateway: clients outside the subnets of the interfaces get no answer "
            f'(prefix = "{_DEFAULT[version]}" leads to all)'
        )


def _modes(virtual: VirtualServer) -> set[Mode]:
    return {real.mode or virtual.mode for real in virtual.real_servers}
