"""Addresses and ranges of them, as the groups and servers of keepalived.conf write them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address, summarize_address_range
from typing import Any

from fullnat.config.keepalived.conversions import whole
from fullnat.config.model import IpNetwork
from fullnat.net.prefixes import parse

Rows = Callable[[tuple[str, ...]], list[Any]]
MOST = 65536
"""Addresses of one range."""


def local_addresses(words: tuple[str, ...]) -> list[str]:
    """A row of ``local_address_group``: an address or a range, and DPVS's interface, which is nothing here: routes
    say which way a packet leaves. Ranges are as TOML has them."""
    if len(words) > 2:
        raise ValueError(f"{' '.join(words)!r} is not an address or a range, and at most an interface")
    first, last = _range(words[0])
    return [str(first) if first == last else f"{first}-{last}"]


def prefixes(words: tuple[str, ...]) -> list[str]:
    """A row of ``deny_address_group`` or ``allow_address_group``: an address, a prefix or a range, as prefixes."""
    if len(words) > 1:
        raise ValueError(f"{' '.join(words)!r} is not an address, a prefix or a range")
    if words[0].startswith("ipset:"):
        raise ValueError(f"{words[0]}: the switch has no ipset; name prefixes, or a file of them in deny")
    if "/" in words[0]:
        return [str(parse(words[0]))]
    return [str(network) for network in networks(words[0])]


def networks(text: str) -> list[IpNetwork]:
    """The prefixes that an address or a range is."""
    return list(summarize_address_range(*_range(text, most=1 << 128)))


def services(words: tuple[str, ...]) -> list[dict[str, str | int]]:
    """A row of ``virtual_server_group``, or what ``virtual_server`` says: what names services, as TOML has it. Without
    a port, or with 0, it is one of all ports."""
    if words[0] == "fwmark":
        if len(words) != 2:
            raise ValueError("fwmark takes a number")
        return [{"fwmark": whole(words[1:])}]
    if len(words) > 2:
        raise ValueError("takes an address and a port")
    first, last = _range(words[0])
    port = _port(words[1], lowest=0) if len(words) > 1 else 0
    return [{"address": str(type(first)(number)), "port": port} for number in range(int(first), int(last) + 1)]


def server(words: tuple[str, ...], port: int) -> tuple[str, int]:
    """What ``real_server`` says; without a port it has the service's ``port``."""
    return str(_address(words[0])), _port(words[1]) if len(words) > 1 and words[1] != "0" else port


def _port(text: str, lowest: int = 1) -> int:
    port = whole((text,))
    if not lowest <= port <= 65535:
        raise ValueError(f"{text} is not a port from {lowest} to 65535")
    return port


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an address") from None


def _range(text: str, most: int = MOST) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    """``192.0.2.1``, ``192.0.2.1-20`` (the end of its last part), or ``192.0.2.1-192.0.2.20``."""
    low, dash, high = text.partition("-")
    first = _address(low)
    if not dash:
        return first, first
    last = _last(first, low, high)
    if last is None or last.version != first.version:
        raise ValueError(f"{text!r} is not a range like 192.0.2.1-20")
    if last < first:  # type: ignore[operator]
        raise ValueError(f"{text!r} ends before it begins")
    if int(last) - int(first) >= most:
        raise ValueError(f"{text!r} is a range of more than {most} addresses")
    return first, last


def _last(first: IPv4Address | IPv6Address, low: str, high: str) -> IPv4Address | IPv6Address | None:
    separator = "." if first.version == 4 else ":"
    try:
        if separator in high:
            return ip_address(high)
        return ip_address(low.rpartition(separator)[0] + separator + high)
    except (AddressValueError, ValueError):
        return None
