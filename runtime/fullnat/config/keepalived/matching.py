"""DPVS's ``virtual_server match NAME``: ranges of addresses and devices as rules of a service by match (DPVS's
include/conf/match.h and inet.h)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import product

from fullnat.config.keepalived import ranges
from fullnat.config.keepalived.tree import Node
from fullnat.config.model import IpNetwork
from fullnat.net.match import MOST, interface, parse

MATCH = "match"
RANGES = {"src-range": ("src", "sport"), "dst-range": ("dst", "dport")}
DEVICES = ("iif", "oif")
KEYWORDS = (*RANGES, *DEVICES)


@dataclass(slots=True)
class Rules:
    """What the keywords of a block say."""

    devices: Mapping[str, str]
    """As :func:`devices`."""
    is_match: bool
    """False: of another service, or of one that says its rules in our own words."""
    networks: dict[str, list[IpNetwork]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    """Of ports and devices, the same in all rules."""

    def take(self, keyword: str, text: str) -> None:
        """Raises ValueError."""
        if not self.is_match:
            raise ValueError("is of virtual_server match, without other rules")
        if keyword in DEVICES:
            self.words.append(f"{keyword}={_device(text, self.devices)}")
            return
        side, side_of_ports = RANGES[keyword]
        hosts, ports = _parted(text)
        self.networks[side] = ranges.networks(hosts)
        if ports:
            parse(f"dst=::,{side_of_ports}={ports}")
            self.words.append(f"{side_of_ports}={ports}")

    def texts(self, of: Node) -> list[str]:
        """Those of all pairs of prefixes that the ranges are; where none says it, of all destinations of the family of
        the real servers ``of`` the block. Raises ValueError for too many."""
        sources, targets = self.networks.get("src", []), self.networks.get("dst", [])
        number = max(len(sources), 1) * max(len(targets), 1)
        if number > MOST:
            parts = f"{len(sources)} and {len(targets)} prefixes, which makes {number} rules of at most {MOST}"
            raise ValueError(f"its ranges are {parts}: end them where prefixes end")
        if not sources and not targets:
            servers = [
                below.arguments[0] for below in of.below or () if below.keyword == "real_server" and below.arguments
            ]
            targets = [ip_network("::/0" if any(":" in server for server in servers) else "0.0.0.0/0")]
        pairs = product([f"src={each}" for each in sources] or [""], [f"dst={each}" for each in targets] or [""])
        return [",".join(filter(None, (*pair, *self.words))) for pair in pairs]


def _parted(text: str) -> tuple[str, str]:
    """``A[-B][:P[-Q]]``, with IPv6 and ports ``[A-B]:P``."""
    if text.startswith("["):
        hosts, _, ports = text[1:].partition("]")
        if ports and not ports.startswith(":"):
            raise ValueError(f"{text!r} is not a range like [2001:db8::1-2001:db8::9]:80")
        return hosts, ports[1:]
    hosts, _, ports = text.partition(":")
    return (text, "") if ":" in ports else (hosts, ports)


def _device(text: str, devices: Mapping[str, str]) -> str:
    if text in devices:
        return devices[text]
    try:
        interface(text)
    except ValueError:
        known = f": there are {', '.join(devices)}" if devices else ""
        raise ValueError(
            f"{text} is no port of the switch, and no name of an interface in fullnat {{ }} (name {text}){known}"
        ) from None
    return text


def devices(nodes: Iterable[Node]) -> dict[str, str]:
    """The names that interfaces of the blocks ``fullnat`` have, with what rules call them."""
    found = {}
    for node in nodes:
        for below in node.below or () if node.keyword == "fullnat" else ():
            said = {each.keyword: each.arguments[0] for each in below.below or () if each.arguments}
            if below.keyword == "interface" and "name" in said and "port" in said:
                found[said["name"]] = f"{said['port']}.{said['vlan']}" if "vlan" in said else said["port"]
    return found


def numbers(nodes: Iterable[Node], groups: Mapping[str, list[dict[str, str | int]]]) -> dict[str, int]:
    """The mark of each match by its name: in the order of the file, which is that in which rules count, behind all
    marks that the file says itself."""
    services = [node.arguments for node in nodes if node.keyword == "virtual_server" and len(node.arguments) > 1]
    said = [int(words[1]) for words in services if words[0] == "fwmark" and words[1].isascii() and words[1].isdecimal()]
    said += [int(row["fwmark"]) for rows in groups.values() for row in rows if "fwmark" in row]
    names = dict.fromkeys(words[1] for words in services if words[0] == MATCH)
    return {name: number for number, name in enumerate(names, max(said, default=0) + 1)}
