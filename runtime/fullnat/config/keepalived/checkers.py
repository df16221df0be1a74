"""keepalived's checkers, and what each is here: sections ``check`` of the TOML file, with keepalived's defaults.

Of several ``url`` of HTTP_GET and SSL_GET each is a check of its own: the server is up while all succeed, as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fullnat.config.keepalived.keywords import CHECKERS, DEFAULTS, HTTP_CHECKERS
from fullnat.config.keepalived.tree import Node

TYPES: Mapping[str, str] = {"TCP_CHECK": "tcp", "HTTP_GET": "http", "SSL_GET": "http", "MISC_CHECK": "script"} | {
    "SMTP_CHECK": "smtp",
    "UDP_CHECK": "udp",
    "PING_CHECK": "ping",
    "DNS_CHECK": "dns",
    "FILE_CHECK": "file",
}
"""Those that are there, by the keyword."""
_RETRIES = {"MISC_CHECK": 1, "DNS_CHECK": 4}
"""Failures that make a server be down, where it is not said; of the others two: keepalived's ``retry`` is 1."""
_DELAYS = {"HTTP_GET": 3.0, "SSL_GET": 3.0}
INHERITED = tuple(keyword.option for keyword in DEFAULTS.values())
"""Options that the blocks around a checker say for all of it."""
INTERVAL = 60.0
TIMEOUT = 5.0


def known(node: Node) -> Mapping[str, Any]:
    """The keywords of a checker's block."""
    return CHECKERS[node.keyword].below or {}


def urls(node: Node) -> list[Node | None]:
    """The blocks of a checker that are checks of their own; None is the checker itself, when there are none."""
    found = [below for below in node.below or () if below.keyword == "url" and below.below is not None]
    return [*found] if found and node.keyword in HTTP_CHECKERS else [None]


_OF_FILE = {"type": "file", "interval": 1.0, "fall": 1}
"""keepalived reads a file when it changes, and has no other options of it."""


def defaults(node: Node, inherited: Mapping[str, Any]) -> dict[str, Any]:
    """What a check is where its block says nothing; ``inherited`` is what the blocks around it say."""
    kind = TYPES[node.keyword]
    if kind == "file":
        return dict(_OF_FILE)
    interval = inherited.get("interval", INTERVAL)
    found = {
        "type": kind,
        "interval": interval,
        "timeout": interval if kind == "script" else TIMEOUT,
        "fall": _RETRIES.get(node.keyword, 2),
        "retry_interval": interval if kind == "dns" else _DELAYS.get(node.keyword, 1.0),
    }
    names = [name for name in INHERITED if name in inherited and (name != "host" or kind == "http")]
    found |= {name: inherited[name] for name in names if name != "timeout" or kind != "script"}
    return found | ({"tls": True} if node.keyword == "SSL_GET" else {})
