"""Which endpoints a listing is asked for: an address, one of its ports, or all of a prefix, of either family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from fullnat.config.model import IpNetwork
from fullnat.core.declared.values import PORTS
from fullnat.net.flow import Endpoint, mark_of, named_mark, text
from fullnat.net.match import Match

_FORM = re.compile(r"\[(?P<v6>[^]]*)\](?::(?P<v6_port>\d+))?|(?P<v4>[^:]*):(?P<v4_port>\d+)|(?P<bare>.*)")


class _Wanted(NamedTuple):
    network: IpNetwork
    port: int | None
    """None: any."""


def selects(wanted: str, endpoint: str) -> bool:
    """Whether ``endpoint``, an address with or without a port, is what is ``wanted``: an address in any notation, with
    a port or not, a prefix, or the very name."""
    if wanted == endpoint:
        return True
    asked, found = _parsed(wanted), _parsed(endpoint)
    if asked is None or found is None or asked.network.version != found.network.version:
        return False
    return found.network.network_address in asked.network and asked.port in (None, found.port)


def is_one(wanted: str) -> bool:
    """Whether it is any of these, but for names."""
    return _parsed(wanted) is not None


def is_mark(wanted: str) -> bool:
    """Whether it is the name of a service by match."""
    try:
        return str(named_mark(wanted)) == wanted
    except ValueError:
        return False


def names_of(endpoint: Endpoint, matches: Iterable[Match] = ()) -> Iterator[str]:
    """What an endpoint that is configured is found by: of all ports also any of its address, and by match any of what
    its ``matches`` have."""
    yield str(endpoint)
    if mark_of(endpoint) is not None:
        yield from (str(match.dst) for match in matches)
    elif not endpoint.port:
        yield text(endpoint.address)


@lru_cache(maxsize=1024)
def _parsed(wanted: str) -> _Wanted | None:
    """None for what is neither."""
    form = _FORM.fullmatch(wanted)
    if form is None:
        return None
    host = form["v6"] or form["v4"] or form["bare"] or ""
    port = form["v6_port"] or form["v4_port"]
    try:
        network = ip_network(host, strict=False) if "/" in host else ip_network(ip_address(host))
    except ValueError:
        return None
    number = None if port is None else int(port)
    return None if number is not None and number > PORTS[1] else _Wanted(network, number)
