"""Sections ``[[snat]]`` of the configuration file: hosts inside, in the words of whoever runs a router. Each stands for
a virtual server by match in mode ``snat`` for each of its protocols, whose real servers are the public addresses."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from fullnat.config import addresses, scalars
from fullnat.config.errors import Problems, Where
from fullnat.config.model import IpNetwork, RealServer, VirtualServer
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.values import BLOCKS, INDEPENDENT, LIMITS, MAPPINGS
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.net import match
from fullnat.net.flow import MARKS, marked

PROTOCOLS_OF_HOSTS = ("tcp", "udp", "icmp")
MOST_PUBLIC = 256


def _protocols(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{value!r} is not a list of {', '.join(PROTOCOLS_OF_HOSTS)}")
    convert = scalars.one_of(*PROTOCOLS_OF_HOSTS)
    return tuple(dict.fromkeys(convert(each) for each in value))


def _networks(value: Any) -> tuple[IpNetwork, ...]:
    """A prefix, or a list of several."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("there is no prefix")
    return tuple(addresses.network(each) for each in values)


def _interface(value: Any) -> int:
    """PORT, or "PORT.VLAN"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f'{value!r} is not a port of the switch, or "PORT.VLAN"')
    return match.interface(str(value))


SNAT: dict[str, tuple[Convert, Any]] = {
    "fwmark": (scalars.integer(*MARKS), REQUIRED),
    "protocols": (_protocols, PROTOCOLS_OF_HOSTS),
    "source": (_networks, REQUIRED),
    "destination": (_networks, None),
    "interface": (_interface, None),
    "out_interface": (_interface, None),
    "addresses": (addresses.addresses, REQUIRED),
    "scheduler": (scalars.one_of(*SCHEDULERS), "sh"),
    "mapping": (scalars.one_of(*MAPPINGS), INDEPENDENT),
    "block_size": (scalars.integer(*BLOCKS), 0),
    "block_log": (scalars.boolean, False),
    "host_sessions": (scalars.integer(*LIMITS), 0),
    "max_sessions": (scalars.integer(*LIMITS), 0),
    "new_rate": (scalars.integer(*LIMITS), 0),
    "established_timeout": (scalars.seconds, PROTOCOLS["tcp"].established_timeout),
    "udp_timeout": (scalars.seconds, PROTOCOLS["udp"].established_timeout),
    "reset_on_miss": (scalars.boolean, True),
}
_SAME = ("group", "scheduler", "mapping", "block_size", "block_log", "host_sessions", "max_sessions", "new_rate")


def services(found: dict[str, Any], where: Where, problems: Problems) -> list[VirtualServer]:
    """What a section with the values ``found`` stands for."""
    sources: tuple[IpNetwork, ...] = found["source"]
    version = sources[0].version
    public = found["addresses"]
    for key, values in (("source", sources), ("destination", found["destination"] or ()), ("addresses", public)):
        if any(each.version != version for each in values):
            problems.add(where, key, f"is not all of the family of {sources[0]}")
            return []
    if len(public) > MOST_PUBLIC:
        problems.add(where, "addresses", f"has more than {MOST_PUBLIC} addresses")
        return []
    rules = tuple(_rules(found))
    if len(rules) > match.MOST:
        problems.add(where, "source", f"with destination makes more than {match.MOST} rules")
        return []
    name, port = marked(found["fwmark"], v6=version == 6)
    same = {key: found[key] for key in _SAME}
    times = {"tcp": found["established_timeout"], "udp": found["udp_timeout"]}
    made = []
    for protocol in found["protocols"]:
        known = PROTOCOLS["icmpv6" if protocol == "icmp" and version == 6 else protocol]
        made.append(
            VirtualServer(
                address=ip_address(name),
                port=port,
                protocol=known.name,
                mode=Mode.SNAT,
                match=rules,
                real_servers=tuple(RealServer(address=each, port=0) for each in public),
                established_timeout=times.get(protocol, known.established_timeout),
                reset_on_miss=found["reset_on_miss"] if known.is_numbered else True,
                said=where,
                **same,
            )
        )
    return made


def _rules(found: dict[str, Any]) -> Iterator[match.Match]:
    for source in found["source"]:
        for destination in found["destination"] or (_everywhere(source),):
            yield match.Match(src=source, dst=destination, iif=found["interface"], oif=found["out_interface"])


def _everywhere(like: IpNetwork) -> IpNetwork:
    return addresses.network("::/0" if like.version == 6 else "0.0.0.0/0")
