"""Addresses in a configuration file, of either family. Each of these raises ValueError for what is none."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from fullnat.config import hints
from fullnat.config.model import IpAddress, IpInterface, IpNetwork
from fullnat.core.declared.values import check_host
from fullnat.net.flow import address as as_bytes


def mac(value: Any) -> int:
    """The MAC address of one station."""
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) != 6 or not all(len(part) == 2 and _is_hex(part) for part in parts):
        raise ValueError(f"{value!r} is not a MAC address like 02:00:00:00:00:01")
    number = int("".join(parts), 16)
    if number >> 40 & 1 or not number:
        raise ValueError(f"{value!r} is not the MAC address of one station")
    return number


def mac_text(number: int) -> str:
    """The same in words."""
    return ":".join(f"{byte:02x}" for byte in number.to_bytes(6, "big"))


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)


def address(value: Any) -> IpAddress:
    """One host's address."""
    if isinstance(value, str) and "%" not in value:
        try:
            found = ip_address(value)
        except ValueError:
            pass
        else:
            check_host(as_bytes(found))
            return found
    raise ValueError(f"{value!r} is not an IP address")


def interface_addresses(value: Any) -> tuple[IpInterface, ...]:
    """One, or a list of several."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("an interface has at least one address")
    return tuple(_interface_address(each) for each in values)


def _interface_address(value: Any) -> IpInterface:
    if isinstance(value, str) and "/" in value and "%" not in value:
        try:
            interface = ip_interface(value)
        except ValueError:
            pass
        else:
            address(str(interface.ip))
            return interface
    raise ValueError(f"{value!r} is not an IP address with prefix length like 192.0.2.1/24 or 2001:db8::1/64")


def network(value: Any) -> IpNetwork:
    """A prefix, without bits of a host."""
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"{value!r} is not a prefix like 10.0.0.0/8 or 2001:db8::/32")
    try:
        return ip_network(value)
    except ValueError as error:
        loose = _loose_network(value)
        hint = f"; did you mean {loose}?" if loose is not None else ""
        raise ValueError(f"{value!r} is not a prefix: {error}{hint}") from None


def _loose_network(value: str) -> IpNetwork | None:
    try:
        return ip_network(value, strict=False)
    except ValueError:
        return None


def addresses(value: Any) -> tuple[IpAddress, ...]:
    """A list of addresses and of ranges ``first-last``, or one of them."""
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of addresses")
    found: list[IpAddress] = []
    for item in value:
        if isinstance(item, str) and "/" in item:
            raise ValueError(f"{item!r} is a prefix; a range is written 10.0.1.1-10.0.1.4")
        first, dash, last = item.partition("-") if isinstance(item, str) else (item, "", "")
        low = address(first.strip() if isinstance(first, str) else first)
        try:
            high = address(last.strip()) if dash else low
        except ValueError as error:
            raise ValueError(f"{error}{hints.end_of_range(first.strip(), last.strip())}") from None
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{item!r} ends before it begins")
        if int(high) - int(low) >= 65536:
            raise ValueError(f"{item!r} is not a range of at most 65536 addresses")
        found.extend(type(low)(number) for number in range(int(low), int(high) + 1))
    return tuple(found)
